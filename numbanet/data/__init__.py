"""Data sets: one that is bundled, readers of the usual files, splitting, standardising, preparing tables."""

from numbanet.data.arrays import Parts, load_npy, load_npz, load_npz_unlabelled
from numbanet.data.augmentation import Augment
from numbanet.data.cifar import load_cifar10, read_batch
from numbanet.data.dataset import Dataset, Standardizer, split
from numbanet.data.digits import load_digits
from numbanet.data.idx import load_mnist, read_idx
from numbanet.data.labelled import load_table
from numbanet.data.labels import encode_labels
from numbanet.data.mapped import load_mapped
from numbanet.data.preprocessing import Layout, TablePreprocessor
from numbanet.data.reading import read_table
from numbanet.data.sources import load, load_parts, load_unlabelled
from numbanet.data.streamed import StreamedTable, load_streamed
from numbanet.data.table import Column, Table, as_table
from numbanet.data.tables import load_csv, load_csv_unlabelled
from numbanet.data.targets import TargetScaler

__all__ = [
    "Augment",
    "Column",
    "Dataset",
    "Layout",
    "Parts",
    "Standardizer",
    "StreamedTable",
    "Table",
    "TablePreprocessor",
    "TargetScaler",
    "as_table",
    "encode_labels",
    "load",
    "load_cifar10",
    "load_csv",
    "load_csv_unlabelled",
    "load_digits",
    "load_mapped",
    "load_mnist",
    "load_npy",
    "load_npz",
    "load_npz_unlabelled",
    "load_parts",
    "load_streamed",
    "load_table",
    "load_unlabelled",
    "read_batch",
    "read_idx",
    "read_table",
    "split",
]
