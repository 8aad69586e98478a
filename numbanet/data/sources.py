"""Data named by one string, as on the command line."""

import os
from pathlib import Path

from numbanet._checks import describe
from numbanet.data.cifar import load_cifar10
from numbanet.data.dataset import Dataset
from numbanet.data.digits import load_digits
from numbanet.data.idx import load_mnist
from numbanet.data.tables import load_csv, load_csv_unlabelled, load_npy, load_npz, load_npz_unlabelled

_FORMS = {"digits": "digits", "mnist": "mnist:FOLDER", "cifar10": "cifar10:FOLDER"}
_FORMS |= {ending: f"FILE{ending}" for ending in (".npz", ".csv", ".tsv")}
_UNLABELLED_FORMS = _FORMS | {".npy": "FILE.npy"}


def load(source, *, target=None):
    """Load the data that a string names.

    Parameters
    ----------
    source : str or path
        ``digits``, ``mnist:FOLDER``, ``cifar10:FOLDER``, ``FILE.npz``, ``FILE.csv`` or ``FILE.tsv``.
    target : str or int, optional
        The column of labels in a CSV or TSV file, as in `load_csv`.

    Returns
    -------
    train : Dataset
    test : Dataset or None
        None where it has only one part, which then is ``train``, whatever it is called there.

    Raises
    ------
    DataError
        For a file or folder that is missing or cannot be used.
    ValueError
        For a `source` of no known form, and for a `target` where there are no columns.
    """
    kind, path = _parse(source, _FORMS)
    if kind in (".csv", ".tsv"):
        return load_csv(path, target), None
    if target is not None:
        raise ValueError(f"target: only a .csv or .tsv file has a target column, got {target!r} for {source}")
    if kind == "digits":
        return load_digits(), None
    if kind == "mnist":
        train, test = load_mnist(path)
        return (test, None) if train is None else (train, test)
    if kind == "cifar10":
        return load_cifar10(path)
    return load_npz(path)


def load_unlabelled(source, *, target=None, num_features=None, feature_names=None):
    """Load examples for prediction, from any source of `load` or from ``FILE.npy``, without their labels.

    Parameters
    ----------
    source : str or path
        Of a source in two parts, the test part is taken.
    target, num_features, feature_names : optional
        What to make of the columns of a CSV or TSV file, as in `load_csv_unlabelled`; not used for other sources.

    Returns
    -------
    Dataset
        ``y`` and ``class_names`` are None.

    Raises
    ------
    DataError, ValueError
        As `load`.
    """
    kind, path = _parse(source, _UNLABELLED_FORMS)
    if kind in (".csv", ".tsv"):
        return load_csv_unlabelled(path, target, num_features, feature_names)
    if kind == ".npz":
        return load_npz_unlabelled(path)
    if kind == ".npy":
        return load_npy(path)
    train, test = load(source)
    part = train if test is None else test
    return Dataset(part.X, name=part.name)


def _parse(source, forms):
    """The kind of a source, which is a key of `forms`, and the path of its file or folder."""
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"source: expected a string or a path, got {describe(source)}")
    path = os.fspath(source)
    kind, colon, folder = path.partition(":")
    if colon and folder and kind in ("mnist", "cifar10"):
        return kind, folder
    kind = "digits" if path == "digits" else Path(path).suffix.lower()
    if kind not in forms:
        raise ValueError(f"source: expected one of {', '.join(forms.values())}; got {path!r}")
    return kind, path
