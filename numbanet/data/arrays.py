"""A user's own arrays: NumPy's .npz and .npy files."""

from __future__ import annotations

import math
import os
import struct
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbanet._checks import did_you_mean
from numbanet.data._files import check_unpacked, checking, reading
from numbanet.data.dataset import Dataset, stored
from numbanet.data.images import channels_first
from numbanet.data.labels import as_targets, encode_labels
from numbanet.data.tables import check_classes, targets_in_words
from numbanet.data.targets import check_task
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import IO, Any

    from numbanet._types import Array, Channels, StrPath, Task


_EXAMPLES = ("X", "X_train", "X_val", "X_test")
_END = struct.Struct("<4s6xH10x")  # of a zip archive: a signature, the number of entries and what zipfile looks at
_LABELS = ("y", "y_train", "y_val", "y_test")


class Parts(NamedTuple):
    """The parts that data come in: `validation` and `test` are None where they come without."""

    train: Dataset
    validation: Dataset | None
    test: Dataset | None


def load_npz(
    path: StrPath,
    *,
    channels: Channels | None = None,
    task: Task | None = None,
    new_classes: bool = True,
) -> tuple[Dataset, Dataset | None]:
    """Load the arrays of an .npz file: ``X`` and ``y``, or ``X_train``, ``y_train``, ``X_test`` and ``y_test``.

    Parameters
    ----------
    path : str or path
        The names may be in lower case; the labels may be left out, and so may the test part.
    channels : {"first", "last"}, optional
        Where the channels of images stand in arrays of four axes; they come back first. By default that is
        recognised, and refused where it is in doubt.
    task, new_classes : optional
        As in `load_csv`.

    Returns
    -------
    train : Dataset
        X of shape (N, *shape): uint8, float32 and float64 as they are, other numbers as `Dataset` has them. y numbered
        from 0 as by `encode_labels`, for regression float64 values of shape (N,) or (N, M), or None.
    test : Dataset or None
        Its labels numbered as those of ``train``.

    Raises
    ------
    DataError
        For a file that is missing, corrupt or truncated, other names, arrays that do not fit together, object arrays
        (nothing is unpickled), NaN or infinity in X, labels that are not what the task asks for, fewer than two
        classes, and a part for validation, which `load_parts` gives.
    """
    train, validation, test = load_npz_parts(path, channels=channels, task=task, new_classes=new_classes)
    if validation is not None:
        raise DataError(f"{path}: X_val: expected two parts, found one for validation; load_parts has it")
    return train, test


def load_npz_parts(
    path: StrPath,
    *,
    channels: Channels | None = None,
    task: Task | None = None,
    new_classes: bool = True,
) -> Parts:
    """As `load_npz`, and the part for validation, ``X_val`` and ``y_val``: the `Parts`."""
    check_task(task)
    arrays, note = _read_npz(path, _EXAMPLES + _LABELS)
    names, *others = _part_names(arrays)
    train = _dataset(path, arrays, names, channels, task)
    if train.y is not None:
        with checking(f"{path}: {names[1]}"):
            check_classes(train.class_names, new_classes)
        note += (f"{names[1]} {targets_in_words(train.y, train.class_names, task)}",)
    parts: list[Any] = [replace(train, notes=train.notes + note)]
    for names in others:
        part = names and _dataset(path, arrays, names, channels, train.task, train.class_names)
        if part and part.input_shape != train.input_shape:
            raise DataError(
                f"{path}: {names[0]}: expected rows of shape {train.input_shape}, as in X_train, got {part.input_shape}"
            )
        if part and train.y is not None and part.y is not None and part.y.shape[1:] != train.y.shape[1:]:
            targets = " and ".join(str(y.shape[1] if y.ndim == 2 else 1) for y in (part.y, train.y))
            raise DataError(f"{path}: {names[1]}: expected as many targets as in y_train, got {targets}")
        parts.append(part)
    return Parts(*parts)


def load_npz_unlabelled(path: StrPath, *, channels: Channels | None = None) -> Dataset:
    """The examples of an .npz file for prediction: ``X_test``, else ``X`` or ``X_train``, without labels.

    Raises DataError as `load_npz` does, except for what is wrong with labels, which are not looked at.
    """
    arrays, note = _read_npz(path, _EXAMPLES)
    train, _, test = _part_names(arrays)
    dataset = _dataset(path, arrays, ((test or train)[0], None), channels)
    return replace(dataset, notes=dataset.notes + note)


def load_npy(path: StrPath, *, channels: Channels | None = None) -> Dataset:
    """Load an .npy file: an array X of shape (N, *shape), without labels, for prediction.

    `channels` is as in `load_npz`.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        For a file that is missing, corrupt or truncated, an object array (nothing is unpickled), fewer than two axes,
        no rows, or NaN or infinity.
    """
    with reading(path, Exception), open(path, "rb") as file:
        X = _read_npy(path, file, os.fstat(file.fileno()).st_size)
    return _dataset(path, {"X": X}, ("X", None), channels)


def read_columns(path: StrPath) -> dict[str, Array]:
    """The columns of a table in an .npz file, by name. DataError for what is no table.

    Every array of one axis is a column; those of X are called by ``feature_names``, or x0, x1 and so on.
    """
    arrays: dict[str, Array] = {}
    with reading(path, Exception), open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        _check_count(archive, file)
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            where = f"{path}: {name}"
            if name in arrays:
                raise DataError(f"{path}: expected one array {name}, found two")
            check_unpacked(where, member.compress_size, member.file_size)
            with archive.open(member) as stream:
                arrays[name] = _read_npy(where, stream, member.file_size)
    names = arrays.pop("feature_names", None)
    if not arrays:
        raise DataError(f"{path}: expected arrays of columns, found none")
    columns: dict[str, Array] = {}
    for name, array in arrays.items():
        if array.ndim not in (1, 2):
            raise DataError(f"{path}: {name}: expected rows and columns of a table, got shape {array.shape}")
        if array.ndim == 1 or (array.shape[1] == 1 and name != "X"):
            split = {name: array.reshape(len(array))}
        elif name == "X" and names is not None:
            if len(names) != array.shape[1]:
                raise DataError(f"{path}: feature_names: expected one for each of {array.shape[1]}, got {len(names)}")
            split = dict(zip(map(str, names.ravel()), array.T, strict=True))
        else:
            split = {f"{name.lower()}{place}": column for place, column in enumerate(array.T)}
        if twice := columns.keys() & split.keys():
            raise DataError(f"{path}: {name}: a column {min(twice)!r} is there already")
        columns |= split
    return columns


def _read_npz(path: StrPath, wanted: Collection[str]) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Those of the arrays called `wanted`, in any case, that an .npz file holds, and notes on the others."""
    arrays, found, others = {}, [], []
    known = {name.lower(): name for name in _EXAMPLES + _LABELS}
    # Corrupt files make zipfile and NumPy raise nearly everything there is: hence Exception.
    with reading(path, Exception), open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        _check_count(archive, file)
        for member in archive.infolist():
            found.append(member.filename.removesuffix(".npy"))
            name = known.get(found[-1].lower())
            if name in arrays:
                raise DataError(f"{path}: expected one array {name}, found two (also as {found[-1]})")
            where = f"{path}: {found[-1]}"
            with archive.open(member) as stream:  # which compares the two places where its name is
                if name is None:
                    others.append(found[-1])
                elif name in wanted:
                    check_unpacked(where, member.compress_size, member.file_size)
                    arrays[name] = _read_npy(where, stream, member.file_size)
    held = {known[name.lower()] for name in found if name.lower() in known}
    fits = held <= {"X", "y"} if "X" in held else "X_train" in held and all(map(held.__contains__, _needed(held)))
    hints = {name: hint for name in others if (hint := _hint(name, known.values()))}
    if not fits:
        raise DataError(
            f"{path}: expected the arrays X and y, or X_train, y_train, X_val, y_val, X_test and y_test; "
            f"found {', '.join(found[:20]) or 'none'}{next(iter(hints.values()), '')}"
        )
    if hints:
        name, hint = next(iter(hints.items()))
        raise DataError(f"{path}: {name}: no array of this name is known{hint}")
    return arrays, (f"arrays {', '.join(others[:20])} left out",) if others else ()


def _check_count(archive: zipfile.ZipFile, file: IO[bytes]) -> None:
    """BadZipFile where there are not as many entries as the end says: one that is damaged may hide the next."""
    file.seek(-_END.size - len(archive.comment), os.SEEK_END)
    signature, count = _END.unpack(file.read(_END.size))
    if signature != b"PK\5\6" or count != len(archive.infolist()):
        raise zipfile.BadZipFile(f"its directory holds {len(archive.infolist())} entries, expected {count}")


def _hint(name: str, known: Iterable[str]) -> str:
    """What to add to a refusal of `name`, where it is nearly one that is known, or begins like one."""
    hint = did_you_mean(name, known)
    return hint or (did_you_mean(name[:5], known) if name[:2].lower() in ("x_", "y_") else "")


def _needed(held: set[str]) -> Sequence[str]:
    """What must be there where `held` are: labels need their examples, and other parts that for training."""
    if held & {"X", "y"}:
        return ("X", "no other")
    needed = ["X_train"]
    if held & {"X_val", "y_val"}:
        needed += ["X_val", "y_val", "y_train"]
    if "y_test" in held:
        needed += ["X_test", "y_train"]
    return needed


def _read_npy(where: object, stream: IO[bytes], size: int) -> Array:
    """The array in `stream`, which holds `size` bytes; nothing is allocated before they are seen to be enough."""
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise DataError(f"{where}: expected version 1.0 or 2.0 of the .npy format, found {version[0]}.{version[1]}")
    shape, _fortran, dtype = readers[version](stream)
    if dtype.hasobject or not dtype.itemsize:
        hint = "; save it as numbers or, words, as strings: y.astype(str)" if dtype.hasobject else ""
        raise DataError(f"{where}: expected an array of numbers or strings, found dtype {dtype}{hint}")
    expected, held = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if expected != held:
        raise DataError(
            f"{where}: declares the shape {shape} and dtype {dtype}, expected {expected} bytes, found {held}"
        )
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def _part_names(arrays: Mapping[str, Array]) -> tuple[Any, ...]:
    """The names of (X, y) of the parts for training, validation and test: None for one that is not there."""
    if "X" in arrays:
        return ("X", "y"), None, None
    return ("X_train", "y_train"), *(
        (f"X_{part}", f"y_{part}") if f"X_{part}" in arrays else None for part in ("val", "test")
    )


def _dataset(
    path: StrPath,
    arrays: Mapping[str, Array],
    names: tuple[str, Any],
    channels: Channels | None,
    task: Task | None = None,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """The Dataset of the arrays called `names`; there may be no second. Known classes are matched by name."""
    X, y = (arrays.get(name) for name in names)
    where = f"{path}: {names[0]}"
    with checking(where):
        X, note = channels_first(where, stored("X", X), channels)
        dataset = Dataset(np.ascontiguousarray(X), name=Path(path).stem, notes=(note,) if note else ())
    if y is None:
        return dataset
    with checking(f"{path}: {names[1]}"):
        column = y.ndim == 2 and y.shape[1] == 1
        y = y[:, 0] if column else y
        y, class_names = as_targets(y, task) if class_names is None else encode_labels(y, class_names)
        task = "regression" if class_names is None else "classification"
        return replace(dataset, y=y, class_names=class_names, task=task)
