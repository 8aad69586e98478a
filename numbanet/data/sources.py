"""Data named by one string, as on the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from numbanet._checks import describe, did_you_mean
from numbanet.data.arrays import Parts, load_npy, load_npz_parts, load_npz_unlabelled
from numbanet.data.cifar import load_cifar10
from numbanet.data.dataset import Dataset
from numbanet.data.digits import load_digits
from numbanet.data.idx import load_mnist
from numbanet.data.images import ORDERS
from numbanet.data.tables import load_csv, load_csv_unlabelled
from numbanet.data.targets import check_task
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numbanet._types import Channels, StrPath, Task
    from numbanet.data.tables import Target


_FOLDERS = ("mnist", "cifar10")
_TABLES = (".csv", ".tsv")
_FORMS = {"digits": "digits", "mnist": "mnist:FOLDER", "cifar10": "cifar10:FOLDER"}
_FORMS |= {ending: f"FILE{ending}" for ending in (".npz", *_TABLES)}
_UNLABELLED_FORMS = _FORMS | {".npy": "FILE.npy"}


def load(
    source: StrPath,
    *,
    target: Target = None,
    feature_names: Sequence[str] | None = None,
    header: bool | None = None,
    channels: Channels | None = None,
    task: Task | None = None,
    new_classes: bool = True,
) -> tuple[Dataset, Dataset | None]:
    """Load the data that a string names.

    Parameters
    ----------
    source : str or path
        ``digits``, ``mnist:FOLDER``, ``cifar10:FOLDER``, ``FILE.npz``, ``FILE.csv`` or ``FILE.tsv``.
    target, header, feature_names : optional
        Of a CSV or TSV file, as in `load_csv`; a network's features are not used for other sources.
    channels : {"first", "last"}, optional
        Of an npz file, as in `load_npz`.
    task, new_classes : optional
        As in `load_csv`.

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
        For a `source` of no known form, and for options that are not of its kind.
    """
    train, validation, test = load_parts(
        source,
        target=target,
        feature_names=feature_names,
        header=header,
        channels=channels,
        task=task,
        new_classes=new_classes,
    )
    if validation is not None:
        raise DataError(f"{source}: X_val: expected two parts, found one for validation; load_parts has it")
    return train, test


def load_parts(
    source: StrPath,
    *,
    target: Target = None,
    feature_names: Sequence[str] | None = None,
    header: bool | None = None,
    channels: Channels | None = None,
    task: Task | None = None,
    new_classes: bool = True,
) -> Parts:
    """As `load`, and a part for validation where the data come with one: the `Parts`."""
    kind, path = _parse(source, _FORMS)
    check_task(task)
    _check_options(source, kind, target, header, channels)
    if task == "regression" and kind not in (*_TABLES, ".npz"):
        raise ValueError(f"task: the labels of {source} are classes, got {task!r}")
    if kind in _TABLES:
        options: Any = {"header": header, "feature_names": feature_names, "task": task, "new_classes": new_classes}
        return Parts(load_csv(path, target, **options), None, None)
    if kind == ".npz":
        return load_npz_parts(path, channels=channels, task=task, new_classes=new_classes)
    if kind == "digits":
        return Parts(load_digits(), None, None)
    train, test = load_mnist(path) if kind == "mnist" else load_cifar10(path)
    if train is None:
        return Parts(test, None, None)  # type: ignore[arg-type]  # one of the two is there
    return Parts(train, None, test)


def load_unlabelled(
    source: StrPath,
    *,
    target: Target = None,
    num_features: int | None = None,
    feature_names: Sequence[str] | None = None,
    header: bool | None = None,
    channels: Channels | None = None,
) -> Dataset:
    """Load examples for prediction, from any source of `load` or from ``FILE.npy``, without their labels.

    Parameters
    ----------
    source : str or path
        Of a source in two parts, the test part is taken.
    target, num_features, feature_names, header : optional
        What to make of the columns of a CSV or TSV file, as in `load_csv_unlabelled`. A network's `target` and features
        are not used for other sources.
    channels : {"first", "last"}, optional
        Of an npz or npy file, as in `load_npz`.

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
    _check_options(source, kind, None, header, channels)
    if kind in _TABLES:
        return load_csv_unlabelled(path, target, num_features, feature_names, header=header)
    if kind in (".npz", ".npy"):
        return (load_npz_unlabelled if kind == ".npz" else load_npy)(path, channels=channels)
    train, test = load(source)
    part = train if test is None else test
    return Dataset(part.X, name=part.name)


def _check_options(source: StrPath, kind: str, target: Target, header: bool | None, channels: Channels | None) -> None:
    """ValueError for an option that says nothing of data of this kind."""
    if target is not None and kind not in _TABLES:
        raise ValueError(f"target: only a .csv or .tsv file has a target column, got {target!r} for {source}")
    if header is not None and kind not in _TABLES:
        raise ValueError(f"header: only a .csv or .tsv file has a header, got {header!r} for {source}")
    if channels is not None and (channels not in ORDERS or kind not in (".npz", ".npy")):
        raise ValueError(f"channels: expected 'first' or 'last', of a .npz or .npy file; got {channels!r} for {source}")


def _parse(source: StrPath, forms: Mapping[str, str]) -> tuple[str, str]:
    """The kind of a source, which is a key of `forms`, and the path of its file or folder."""
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"source: expected a string or a path, got {describe(source)}")
    path = os.fspath(source)
    kind, colon, folder = path.partition(":")
    if colon and folder and kind in _FOLDERS:
        return kind, folder
    hint = f": name the folder that it is in, {_FORMS[kind]}" if kind in _FOLDERS else ""
    given, kind = kind, "digits" if path == "digits" else Path(path).suffix.lower()
    if kind not in forms:
        hint = hint or did_you_mean(kind or given, forms, forms.get)
        raise ValueError(f"source: expected one of {', '.join(forms.values())}; got {path!r}{hint}")
    return kind, path
