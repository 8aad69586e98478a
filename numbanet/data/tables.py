"""A user's own data: NumPy's .npz and .npy files, and delimited text."""

import math
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from numbanet._checks import as_numeric
from numbanet.data._delimited import layout_with, number, read_delimited, target_column
from numbanet.data._files import checking, reading
from numbanet.data.dataset import STORED_DTYPES, Dataset
from numbanet.data.labels import encode_labels
from numbanet.errors import DataError

_EXAMPLES = ("X", "X_train", "X_test")
_LABELS = ("y", "y_train", "y_test")


def load_npz(path):
    """Load the arrays of an .npz file: ``X`` and ``y``, or ``X_train``, ``y_train``, ``X_test`` and ``y_test``.

    Parameters
    ----------
    path : str or path
        The names may be in lower case; the labels may be left out, and so may the test part.

    Returns
    -------
    train : Dataset
        X of shape (N, *shape): uint8, float32 and float64 as they are, other numbers as float32. y numbered from 0
        as by `encode_labels`, or None.
    test : Dataset or None
        Its labels numbered as those of ``train``.

    Raises
    ------
    DataError
        For a file that is missing, corrupt or truncated, other names, arrays that do not fit together, object arrays
        (nothing is unpickled), NaN or infinity in X, labels that `encode_labels` refuses, or fewer than two classes.
    """
    arrays = _read_npz(path, _EXAMPLES + _LABELS)
    train_names, test_names = _part_names(arrays)
    train = _dataset(path, arrays, train_names)
    if train.y is not None and train.num_classes < 2:
        raise DataError(f"{path}: {train_names[1]}: expected at least two classes, found only {train.class_names[0]!r}")
    if test_names is None:
        return train, None
    test = _dataset(path, arrays, test_names, train.class_names)
    if test.input_shape != train.input_shape:
        raise DataError(
            f"{path}: {test_names[0]}: expected rows of shape {train.input_shape}, as in {train_names[0]}, "
            f"got {test.input_shape}"
        )
    return train, test


def load_npz_unlabelled(path):
    """The examples of an .npz file for prediction: ``X_test``, else ``X`` or ``X_train``, without labels.

    Raises DataError as `load_npz` does, except for what is wrong with labels, which are not looked at.
    """
    arrays = _read_npz(path, _EXAMPLES)
    train_names, test_names = _part_names(arrays)
    name = (test_names or train_names)[0]
    return _dataset(path, {name: arrays[name]}, (name, None))


def load_npy(path):
    """Load an .npy file: an array X of shape (N, *shape), without labels, for prediction.

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
    return _dataset(path, {"X": X}, ("X", None))


def load_csv(path, target=None, has_target=True):
    """Load a table of numbers from text, separated by commas, semicolons or tabs.

    A first row whose feature cells are all names is the header. Everything but the target must be a finite number.

    Parameters
    ----------
    path : str or path
        UTF-8 text, with or without a byte order mark.
    target : str or int, optional
        The column of labels: its name in the header, or its index (negative from the end). Default: the last.
    has_target : bool, default True
        False for a table of features alone.

    Returns
    -------
    Dataset
        X float32 of shape (rows, features). y numbered from 0: numbers sorted by value, names alphabetically.

    Raises
    ------
    DataError
        For a file that is missing, empty, not UTF-8, without rows or features, a target that is not there, a bad cell
        (not a number, empty, NaN, infinite, too large for float32), a row of another length, a name that the header
        holds twice, labels that are not whole numbers or names, or fewer than two classes. The message gives the line
        and the column where one is at fault.
    """

    def layout_of(line, cells):
        return layout_with(path, line, cells, target_column(path, cells, target) if has_target else None)

    X, labels, layout = read_delimited(path, layout_of)
    fields = {"feature_names": layout.feature_names, "target_name": layout.target_name, "name": Path(path).stem}
    if labels is None:
        return Dataset(X, **fields)
    where = f"{path}: {layout.column(layout.target)}"
    with checking(where):
        y, class_names = encode_labels(_typed(labels))
    if len(class_names) < 2:
        raise DataError(f"{where}: expected at least two classes, found only {class_names[0]!r}")
    return Dataset(X, y, class_names, **fields)


def load_csv_unlabelled(path, target=None, num_features=None, feature_names=None):
    """Load the features of a table for prediction; a column of labels may be there or not, and is not looked at.

    Parameters
    ----------
    path : str or path
    target : str or int, optional
        The column to leave out where the table has one column too many. Default: the last.
    num_features : int, optional
        How many features are expected.
    feature_names : sequence of str, optional
        Their names. In a file with a header these columns are taken, in this order, and others left out.

    Returns
    -------
    Dataset
        X float32 of shape (rows, features), without labels.

    Raises
    ------
    DataError
        As `load_csv` does, and where the columns are not those expected.
    """
    if feature_names is not None:
        num_features = len(feature_names)

    def layout_of(line, cells):
        if feature_names is not None:
            header = [cell.strip() for cell in cells]
            missing = [name for name in feature_names if name not in header]
            if not missing:
                return layout_with(path, line, cells, None, map(header.index, feature_names))
            if all(number(cell) is None for cell in header):
                raise DataError(f"{path}: line {line}: the header lacks {', '.join(map(repr, missing[:20]))}")
        surplus = 0 if num_features is None else len(cells) - num_features
        if surplus not in (0, 1):
            raise DataError(
                f"{path}: expected {num_features} columns of features, or one more for the target; found {len(cells)}"
            )
        has_target = surplus == 1 or (num_features is None and target is not None)
        return layout_with(path, line, cells, target_column(path, cells, target) if has_target else None)

    X, _, layout = read_delimited(path, layout_of)
    return Dataset(X, feature_names=layout.feature_names, name=Path(path).stem)


def _typed(labels):
    """Cells as numbers where all of them are, so that they sort by value."""
    if any(number(label) is None for label in labels):
        return labels
    try:
        return [int(label) for label in labels]
    except ValueError:
        return [number(label) for label in labels]


def _read_npz(path, names):
    """Those of the arrays called `names`, in any case, that an .npz file holds, where they go together."""
    arrays, found = {}, []
    # Corrupt files make zipfile and NumPy raise nearly everything there is: hence Exception.
    with reading(path, Exception), zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            found.append(member.filename.removesuffix(".npy"))
            name = next((known for known in names if known.lower() == found[-1].lower()), None)
            if name in arrays:
                raise DataError(f"{path}: expected one array {name}, found two (also as {found[-1]})")
            if name is not None:
                with archive.open(member) as stream:
                    arrays[name] = _read_npy(f"{path}: {found[-1]}", stream, member.file_size)
    held = set(arrays)
    whole = "X" in held and held <= {"X", "y"}
    parts = "X_train" in held and not held & {"X", "y"} and ("y_test" not in held or {"X_test", "y_train"} <= held)
    if not whole and not parts:
        raise DataError(
            f"{path}: expected the arrays X and y, or X_train, y_train, X_test and y_test; "
            f"found {', '.join(found[:20]) or 'none'}"
        )
    return arrays


def _read_npy(where, stream, size):
    """The array in `stream`, which holds `size` bytes; nothing is allocated before they are seen to be enough."""
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise DataError(f"{where}: expected version 1.0 or 2.0 of the .npy format, found {version[0]}.{version[1]}")
    shape, _fortran, dtype = readers[version](stream)
    if dtype.hasobject or not dtype.itemsize:
        raise DataError(f"{where}: expected an array of numbers or strings, found dtype {dtype}")
    expected, held = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if expected != held:
        raise DataError(
            f"{where}: declares the shape {shape} and dtype {dtype}, expected {expected} bytes, found {held}"
        )
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def _part_names(arrays):
    """The names of (X, y) of the training part and of the test part, None where there is none."""
    if "X" in arrays:
        return ("X", "y"), None
    return ("X_train", "y_train"), ("X_test", "y_test") if "X_test" in arrays else None


def _dataset(path, arrays, names, class_names=None):
    """The Dataset of the arrays called `names`; there may be no second."""
    X, y = (arrays.get(name) for name in names)
    with checking(f"{path}: {names[0]}"):
        X = as_numeric("X", X)
        native = X.dtype.newbyteorder("=")
        X = np.ascontiguousarray(X, dtype=native if native in STORED_DTYPES else np.float32)
        dataset = Dataset(X, name=Path(path).stem)
    if y is None:
        return dataset
    with checking(f"{path}: {names[1]}"):
        column = y.ndim == 2 and y.shape[1] == 1
        y, class_names = encode_labels(y[:, 0] if column else y, class_names)
        return replace(dataset, y=y, class_names=class_names)
