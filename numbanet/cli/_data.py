"""Data as the command line names them, with the options that say what to take them for."""

import contextlib
import math
import sys
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import data
from ..errors import DataError
from ._options import TABLES, is_table
from ._status import UsageError
from ._trained import fingerprint

LARGE_BYTES = 1 << 30  # of a table's cells, from which a Parquet file is read piece by piece
MOST_HELD_OUT = 100_000  # rows of a large file, where nobody says; they tell an accuracy to 0.1 %


@dataclass
class Parts:
    """What is trained on, what chooses the best epoch, what is held out to the end."""

    name: str
    source: str
    fingerprint: int
    labels: int  # a number that tells them from others
    train: data.Dataset
    validation: data.Dataset
    test: data.Dataset
    left_out: object = None  # rows of `train` that are in the other parts, of data that are left in their file

    @property
    def num_train(self):
        """Number of examples that are learnt from."""
        return len(self.train) - (0 if self.left_out is None else len(self.left_out))

    @property
    def learnt_targets(self):
        """Those of these."""
        return self.train.y if self.left_out is None else np.delete(self.train.y, self.left_out, axis=0)


def load_parts(arguments):
    """The `Parts` to train on: those that the data come in, or random ones."""
    if arguments.model == "tabular":
        if _is_large(arguments.data):
            return _streamed_parts(arguments)
        train = _load_table(arguments)
        whole = fingerprint(train), zlib.crc32(train.y.tobytes())
        train, test = _held_out("test", train, None, 0.2, arguments)
        train, validation = _held_out("validation", train, None, 0.1, arguments)
        return Parts(train.name, arguments.data, *whole, train, validation, test)
    if arguments.data.lower().endswith(".npy"):
        return _mapped_parts(arguments)
    with _options("--data"):
        train, validation, test = data.load_parts(
            arguments.data,
            target=arguments.target,
            header=arguments.header,
            channels=arguments.channels,
            task=arguments.task,
        )
    for part, name in ((train, "training"), (test, "test")):
        if part is not None and part.y is None:
            raise DataError(f"{arguments.data}: holds no labels for its {name} part")
    kind = arguments.data.partition(":")[0]
    name, whole = (
        kind if kind in ("mnist", "cifar10") else train.name,
        (fingerprint(train), zlib.crc32(train.y.tobytes())),
    )
    train, test = _held_out("test", train, test, 0.2, arguments)
    train, validation = _held_out("validation", train, validation, 0.1, arguments)
    return Parts(name, arguments.data, *whole, train, validation, test)


def _mapped_parts(arguments):
    """Those of an .npy file, whose rows stay where they are; the few that are held out are copied."""
    with _options("--data"):
        if arguments.header is not None or arguments.channels is not None:
            given = "header" if arguments.header is not None else "channels"
            raise ValueError(f"{given}: is not for .npy files, which hold rows as they are")
        return _few_held_out(arguments, data.load_mapped(arguments.data, arguments.target, task=arguments.task))


def _is_large(path):
    """Whether a table is a Parquet file that is to be read piece by piece."""
    if not path.lower().endswith((".parquet", ".pq")) or not Path(path).exists():
        return False
    try:
        from pyarrow.parquet import read_metadata

        about = read_metadata(path)
    except Exception:  # which reading it puts into words
        return False
    return about.num_rows * about.num_columns * 8 > LARGE_BYTES


def _streamed_parts(arguments):
    """Those of a large Parquet file: only rows held out, and some to learn the preprocessing from, are in memory."""
    with _options("--data"):
        if arguments.header is not None or arguments.decimal is not None:
            given = "header" if arguments.header is not None else "decimal"
            raise ValueError(f"{given}: is not for Parquet files")
        options = {name: getattr(arguments, name) for name in ("task", "drop", "categorical", "dates", "id")}
        return _few_held_out(arguments, *data.load_streamed(arguments.data, arguments.target, **options))


def _few_held_out(arguments, whole, unlabelled=()):
    """The parts of data that are left in their file: rows are held out by their numbers."""
    counts, there = [], np.setdiff1d(np.arange(len(whole)), unlabelled) if len(unlabelled) else len(whole)
    count = len(whole) - len(unlabelled)
    for name, default in (("test", 0.2), ("validation", 0.08)):
        fraction = getattr(arguments, f"{name}_fraction")
        wanted = min(MOST_HELD_OUT, round(default * count)) if fraction is None else round(fraction * count)
        counts.append(max(1, wanted))
    if sum(counts) >= count:
        raise DataError(f"{arguments.data}: {count} rows leave none to learn from beside {sum(counts)} held out")
    rows = np.random.default_rng(arguments.seed).choice(there, sum(counts), replace=False)
    test, validation = (whole.take(np.sort(part)) for part in (rows[: counts[0]], rows[counts[0] :]))
    told = fingerprint(whole), zlib.crc32(whole.y.tobytes())
    left_out = np.union1d(rows, np.asarray(unlabelled, np.int64))
    return Parts(whole.name, arguments.data, *told, whole, validation, test, left_out)


def _load_table(arguments):
    """The rows of a table to train on."""
    if not is_table(arguments.data) and not arguments.data.lower().endswith(".npz"):
        raise UsageError(f"--model tabular is for tables, {', '.join(TABLES)} or .npz; got {arguments.data!r}")
    with _options("--data"):
        return data.load_table(
            arguments.data,
            arguments.target,
            task=arguments.task,
            drop=arguments.drop,
            categorical=arguments.categorical,
            dates=arguments.dates,
            id=arguments.id,
            header=arguments.header,
            decimal=arguments.decimal,
        )


def _rows_to_predict(arguments, trained):
    """The rows of a table for prediction, with the column that tells them apart where there is one."""
    name = arguments.id or trained.id_name
    if name in trained.feature_names:  # learnt from, and to be written nevertheless
        dataset = _table_like(arguments, trained, labelled=False)
        with _options("DATA"):
            named = data.read_table(arguments.data, categorical=[name], **_form(arguments))
        return replace(dataset, ids=named[name], id_name=name)
    try:
        return _table_like(arguments, trained, labelled=False, id=name)
    except DataError:
        if name is None or arguments.id is not None:
            raise
        return _table_like(arguments, trained, labelled=False)  # which says what else is wrong


def _table_like(arguments, trained, labelled, **options):
    """The rows of a table with the columns that `trained` knows."""
    with _options("DATA"):
        return data.load_table(
            arguments.data,
            _target(arguments, trained),
            task=trained.task,
            has_target=labelled,
            like=trained.model.preprocessor,
            class_names=trained.class_names if labelled else None,
            **_form(arguments),
            **options,
        )


def _form(arguments):
    return {"header": arguments.header, "decimal": arguments.decimal}


def _held_out(name, train, part, default, arguments):
    """The training data, and the part called `name`: the one that is there, or one taken from them."""
    fraction = getattr(arguments, f"{name}_fraction")
    if part is not None:
        if fraction is not None:
            raise UsageError(f"--{name}-fraction: {arguments.data} comes with a {name} part of {len(part):,} examples")
        return train, part
    try:
        return data.split(train, default if fraction is None else fraction, arguments.seed)
    except ValueError as error:
        reason = str(error).removeprefix("fraction: ")
        raise DataError(f"--{name}-fraction: {arguments.data}: {reason}") from None


def load_labelled(arguments, trained):
    """The examples to evaluate `trained` on, and whether they are all that the source holds."""
    if trained.is_table:
        return _table_like(arguments, trained, labelled=True), True
    if arguments.data.lower().endswith(".npy"):
        target = trained.target if arguments.target is None else arguments.target
        if arguments.target is None and str(target).lower().endswith(".npy"):  # those of the training
            target = None
        with _options("DATA"):
            return data.load_mapped(arguments.data, target, task=trained.task, class_names=trained.class_names), True
    tabular = Path(arguments.data).suffix.lower() in (".csv", ".tsv")
    with _options("DATA"):
        training, test = data.load(
            arguments.data,
            target=_target(arguments, trained) if tabular else arguments.target,
            feature_names=trained.feature_names,
            header=arguments.header,
            channels=arguments.channels,
            task=trained.task if tabular or trained.task == "regression" else None,
            new_classes=False,
        )
    dataset = training if test is None else test
    return dataset, test is None


def load_unlabelled(arguments, trained):
    """The examples that `trained` is to label."""
    if trained.is_table:
        return _rows_to_predict(arguments, trained)
    with _options("DATA"):
        return data.load_unlabelled(
            arguments.data,
            target=_target(arguments, trained),
            num_features=math.prod(trained.input_shape),
            feature_names=trained.feature_names,
            header=arguments.header,
            channels=arguments.channels,
        )


def _target(arguments, trained):
    return trained.target if arguments.target is None else arguments.target


def tell(dataset, arguments, trained):
    """Say what the data were taken for, but of a table that has the columns of the network by name."""
    for note in trained.remarks(dataset):
        print(f"numbanet: note: {arguments.data}: {note}", file=sys.stderr)
    if dataset.feature_names is not None and set(trained.feature_names or [None]) <= set(dataset.feature_names):
        return
    for note in dataset.notes:
        print(f"numbanet: note: {arguments.data}: {note}", file=sys.stderr)


@contextlib.contextmanager
def _options(source):
    """Call the arguments of the readers what the command line calls them: the data are its argument `source`."""
    try:
        yield
    except DataError:
        raise
    except ValueError as error:
        name, colon, reason = str(error).partition(": ")
        raise UsageError(f"{source if name == 'source' else f'--{name}'}{colon}{reason}") from None
