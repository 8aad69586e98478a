"""CIFAR-10 in its two official layouts: the "python version" (pickles) and the "binary version"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numbanet._checks import class_labels, describe
from numbanet.data._files import checking, existing_folder, reading
from numbanet.data._unpickle import load_pickle
from numbanet.data.dataset import Dataset
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from numbanet._types import ByteArray, IntArray, StrPath


CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_IMAGE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = "test_batch"
_MOST_NAMES, _MOST_CHARACTERS = 100, 10_000  # that are looked at, of names of classes


def load_cifar10(folder: StrPath) -> tuple[Dataset, Dataset]:
    """Load CIFAR-10 from a folder of either official layout.

    Parameters
    ----------
    folder : str or path
        ``cifar-10-batches-py`` or ``cifar-10-batches-bin``, or the folder that one of them lies in.

    Returns
    -------
    train, test : Dataset
        X uint8 of shape (N, 3, 32, 32), y from 0 to 9; 50,000 and 10,000 rows in the official files.

    Raises
    ------
    DataError
        Where the folder or one of the six batches is missing, or a file is not what it should be; the message names
        the file. Pickles are read without running anything that is in them.
    """
    root, ending, read = _find(existing_folder(folder))
    missing = [f"{name}{ending}" for name in (*_TRAIN, _TEST) if not (root / f"{name}{ending}").exists()]
    if missing:
        raise DataError(f"{root}: expected the five training batches and the test batch, missing {', '.join(missing)}")
    class_names = _class_names(root)
    images, labels = zip(*(read(root / f"{name}{ending}") for name in _TRAIN), strict=True)
    train = Dataset(np.concatenate(images), np.concatenate(labels), class_names, name="cifar10 train")
    return train, Dataset(*read(root / f"{_TEST}{ending}"), class_names, name="cifar10 test")


def read_batch(path: StrPath) -> tuple[ByteArray, IntArray]:
    """Read one batch of the python layout, such as ``data_batch_1``.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    images : uint8 ndarray of shape (N, 3, 32, 32)
    labels : int64 ndarray of shape (N,)
        From 0 to 9.

    Raises
    ------
    DataError
        For a file that is missing, truncated, corrupt or holds something else. Nothing that is in the file is run: one
        that asks for any class but those of plain arrays is refused, and the message names the class.
    """
    batch = load_pickle(path)
    missing = [key for key in ("data", "labels") if key not in batch]
    if missing:
        found = ", ".join(sorted(batch)[:20]) or "nothing"
        raise DataError(f"{path}: expected data and labels, missing {' and '.join(missing)}; found {found}")
    data, labels = batch["data"], batch["labels"]
    fits = isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.ndim == 2 and data.shape[1] == _PIXELS
    if not fits or not len(data):
        raise DataError(f"{path}: data: expected an array of shape (N, {_PIXELS}) and dtype uint8, got {_found(data)}")
    # NumPy would unfold lists within lists, which a small pickle can nest to an enormous size: hence the look inside.
    if not isinstance(labels, np.ndarray) and not (isinstance(labels, list) and all(type(v) is int for v in labels)):
        raise DataError(f"{path}: labels: expected a list of integers, got {_found(labels)}")
    return data.reshape(-1, *_IMAGE), _labels(path, labels, len(data))


def _read_binary(path: StrPath) -> tuple[ByteArray, IntArray]:
    """One batch of the binary layout: records of a label and the 3,072 bytes of an image."""
    with reading(path), open(path, "rb") as file:
        content = file.read()
    size = 1 + _PIXELS
    if not content or len(content) % size:
        raise DataError(f"{path}: expected records of {size} bytes, found {len(content)} bytes")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, size)
    return records[:, 1:].reshape(-1, *_IMAGE), _labels(path, records[:, 0], len(records))


def _labels(path: StrPath, values: Any, count: int) -> IntArray:
    with checking(f"{path}: labels"):
        return class_labels("labels", values, count, len(CLASS_NAMES))


def _found(value: Any) -> str:
    return describe(value) if isinstance(value, np.ndarray) else f"a {type(value).__name__} of something else"


def _find(folder: Path) -> tuple[Path, str, Callable[[StrPath], tuple[ByteArray, IntArray]]]:
    """The folder that holds batches, the ending of their names and the function that reads them."""
    layouts = [
        (folder / below, ending, read)
        for name, ending, read in (
            ("cifar-10-batches-py", "", read_batch),
            ("cifar-10-batches-bin", ".bin", _read_binary),
        )
        for below in ("", name)
    ]
    held = [sum((root / f"{name}{ending}").exists() for name in (*_TRAIN, _TEST)) for root, ending, _ in layouts]
    if not any(held):
        raise DataError(
            f"{folder}: expected data_batch_1 or data_batch_1.bin here or in cifar-10-batches-py or "
            f"cifar-10-batches-bin, found none"
        )
    return layouts[held.index(max(held))]


def _class_names(root: Path) -> tuple[str, ...]:
    """The names beside the batches, where they are there; they are the same ten in every official copy."""
    if (root / "batches.meta").exists():
        path = root / "batches.meta"
        names = load_pickle(path).get("label_names")
        names = names if isinstance(names, list) else [names]
        names = [name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in names[:_MOST_NAMES]]
    elif (root / "batches.meta.txt").exists():
        path = root / "batches.meta.txt"
        with reading(path, UnicodeDecodeError), open(path, encoding="utf-8") as file:
            names = file.read(_MOST_CHARACTERS).split()
    else:
        return CLASS_NAMES
    found = [name for name in names if isinstance(name, str)]
    if not len(found) == len(names) == len(CLASS_NAMES):  # what else there is may be without end when written out
        shown = f": {', '.join(found)!r:.60}" if found else ""
        raise DataError(f"{path}: expected {len(CLASS_NAMES)} names of classes, found {len(found)}{shown}")
    return tuple(names)
