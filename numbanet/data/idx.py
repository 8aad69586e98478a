"""IDX files, the format of MNIST and of the sets made in its likeness."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from numbanet._checks import class_labels, describe
from numbanet.data._files import check_unpacked, checking, existing_folder, reading
from numbanet.data.dataset import Dataset
from numbanet.errors import DataError

if TYPE_CHECKING:
    from typing import IO

    from numbanet._types import Array, StrPath


_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_AXES = 32  # what every NumPy can hold
_CHUNK = 1 << 20


def read_idx(path: StrPath) -> Array:
    """Read an IDX file, plain or gzipped (by its content, whatever its name).

    Parameters
    ----------
    path : str or path

    Returns
    -------
    ndarray
        Of the shape that the file declares, writable; uint8, int8, int16, int32, float32 or float64 in native order.

    Raises
    ------
    DataError
        For a file that is missing, truncated or corrupt, is not IDX, declares no items, or declares more or fewer
        than it holds; and for a gzipped one that holds more than a hundred times its size (and 64 MiB). No more memory
        is used than for the bytes that the file really holds.
    """
    with reading(path, EOFError, zlib.error), open(path, "rb") as file:
        gzipped = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if not gzipped:
            return _parse(path, file)
        with gzip.GzipFile(fileobj=file) as stream:
            return _parse(path, stream, os.fstat(file.fileno()).st_size)


def _parse(path: StrPath, stream: IO[bytes] | gzip.GzipFile, packed: int | None = None) -> Array:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or not 1 <= magic[3] <= _MOST_AXES:
        raise DataError(
            f"{path}: not an IDX file: expected it to start with 00 00, a type from 08 to 0e and a number of axes "
            f"from 01 to {_MOST_AXES:02x}, found {magic.hex(' ') or 'nothing'}"
        )
    header = stream.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise DataError(f"{path}: ends inside its header: expected {4 + 4 * magic[3]} bytes, found {4 + len(header)}")
    shape = tuple(np.frombuffer(header, dtype=">u4").tolist())
    dtype = np.dtype(_DTYPES[magic[2]])
    expected = math.prod(shape) * dtype.itemsize
    if not expected:
        raise DataError(f"{path}: declares the shape {shape}, which has no items; expected at least one")
    if packed is not None:
        check_unpacked(path, packed, expected)
    # The memory grows with what is there, not with what is declared; one byte too many is enough to refuse the file.
    content = bytearray()
    while chunk := stream.read(min(_CHUNK, expected + 1 - len(content))):
        content += chunk
    if len(content) != expected:
        found = "more" if len(content) > expected else f"only {len(content)}"
        raise DataError(f"{path}: declares the shape {shape}, expected {expected} bytes of items, found {found}")
    return np.frombuffer(content, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def load_mnist(folder: StrPath) -> tuple[Dataset | None, Dataset | None]:
    """Load MNIST, or a set with the same file names (Fashion-MNIST, KMNIST), from a folder of its IDX files.

    The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
    ``t10k-labels-idx1-ubyte``; each may have a dot in place of the dash before ``idx`` and may end in ``.gz``.

    Parameters
    ----------
    folder : str or path

    Returns
    -------
    train, test : Dataset or None
        X uint8 of shape (N, height, width), y from 0 to 9. None for a part that is not there.

    Raises
    ------
    DataError
        Where neither part is there, a part has images without labels or labels without images, or a file is not
        what it should be. The message names the file, what it holds and what was expected.
    """
    folder = existing_folder(folder)
    train, test = _load_part(folder, "train"), _load_part(folder, "t10k")
    if train is None and test is None:
        raise DataError(f"{folder}: expected train-images-idx3-ubyte or t10k-images-idx3-ubyte (or .gz), found neither")
    if train is not None and test is not None and train.input_shape != test.input_shape:
        raise DataError(
            f"{folder}: the t10k images have shape {test.input_shape}, expected {train.input_shape}, that of train's"
        )
    return train, test


def _load_part(folder: Path, part: str) -> Dataset | None:
    images_path, labels_path = _find(folder, f"{part}-images", "idx3"), _find(folder, f"{part}-labels", "idx1")
    if images_path is None and labels_path is None:
        return None
    if labels_path is None:
        raise DataError(f"{images_path}: expected its labels beside it, found no {part}-labels-idx1-ubyte (or .gz)")
    if images_path is None:
        raise DataError(f"{labels_path}: expected its images beside it, found no {part}-images-idx3-ubyte (or .gz)")
    images = _read_bytes(images_path, 3, "images, three axes of uint8")
    labels = _read_bytes(labels_path, 1, "labels, one axis of uint8")
    with checking(labels_path):
        labels = class_labels("labels", labels, len(images), 10)
    return Dataset(images, labels, class_names=tuple("0123456789"), name=f"mnist {part}")


def _find(folder: Path, stem: str, kind: str) -> Path | None:
    names = [f"{stem}{mark}{kind}-ubyte{ending}" for mark in "-." for ending in ("", ".gz")]
    return next((folder / name for name in names if Path(folder, name).exists()), None)


def _read_bytes(path: StrPath, ndim: int, expected: str) -> Array:
    array = read_idx(path)
    if array.dtype != np.uint8 or array.ndim != ndim:
        raise DataError(f"{path}: expected {expected}; found {describe(array)}")
    return array
