"""Archives of plain arrays with a JSON header among them: npz files that hold no pickle, and are read with care.

The header lists every array with its dtype, shape and checksum, so that a file lacks nothing and has nothing besides.
Nothing is decompressed, and no more is read than the file has bytes: a small file cannot take much memory.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ._files import replacing
from ._version import __version__
from .errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ._types import Array, StrPath


HEADER = "numbanet"
LISTING = "arrays"  # the header's entry that lists them; files of the first days have none
MOST_HEADER_BYTES = 1 << 24  # in UTF-32, as NumPy stores text
AT_ONCE = 1 << 20  # bytes that are read in one go


def write(path: StrPath, kind: str, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a dict of arrays and a JSON-able header; see `_files.replacing`.

    Raises
    ------
    OSError
        Where the file cannot be written; an existing one is left as it was.
    TypeError
        For arrays of objects.
    ValueError
        For a header that is too long.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{name}: arrays of objects cannot be saved without pickle")
    listing = {name: _entry(array, _bytes(array)) for name, array in arrays.items()}
    text = np.array(json.dumps({"kind": kind, "version": __version__, **header, LISTING: listing}))
    if text.nbytes > MOST_HEADER_BYTES:
        raise ValueError(
            f"what belongs to the arrays takes {text.nbytes:,} bytes as JSON in UTF-32, and a file holds at most "
            f"{MOST_HEADER_BYTES:,}; save large data as arrays"
        )
    with replacing(path) as file:
        np.savez(file, **{HEADER: text}, **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle


def read(path: StrPath, *kinds: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read what `write` wrote as one of `kinds`: (header, dict of arrays).

    Raises
    ------
    CheckpointError
        Where the file is missing, damaged, or something else.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            if file.read(2) != b"PK":
                raise ValueError("it is no .npz archive")
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, os.fstat(file.fileno()).st_size)
                header = _header(archive, members.pop(HEADER))
                listing = header.pop(LISTING, None) if isinstance(header, dict) else None
                if listing is not None and set(listing) != set(members):
                    differing = sorted(set(listing) ^ set(members))
                    raise ValueError(f"its header and its entries differ in {', '.join(differing)[:200]}")
                arrays = {}
                for name, member in members.items():
                    arrays[name], entry = _array(archive, member)
                    if listing is not None and listing[name] != entry:
                        raise ValueError(f"{name} is {entry}, and should be {listing[name]}")
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except KeyError:
        raise CheckpointError(f"{path}: not a file written by numbanet") from None
    except Exception as error:  # whatever zipfile, NumPy and json make of damage: a dozen types, MemoryError among them
        raise CheckpointError(f"{path}: not a file written by numbanet, or damaged ({error})") from None
    if not isinstance(header, dict) or header.get("kind") not in kinds:
        found = header.get("kind") if isinstance(header, dict) else header
        raise CheckpointError(f"{path}: expected a saved {' or '.join(kinds)}, found {found!r:.60}")
    return header, arrays


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The archive's entries by the names of their arrays; ValueError where they could hold more than the file has."""
    members = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in members or name == member.filename:
            raise ValueError(f"{member.filename} is there twice, or no array")
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise ValueError(f"{member.filename} is compressed, as numbanet's files are not")
        members[name] = member
    if sum(member.file_size for member in members.values()) > size:
        raise ValueError("its entries overlap")
    return members


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    if member.file_size > MOST_HEADER_BYTES + 4096:  # and NumPy's own
        raise ValueError(f"its header takes {member.file_size:,} bytes")
    return json.loads(str(_array(archive, member)[0]))


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[Array, list[Any]]:
    """One array, and what the listing should say of it."""
    with archive.open(member) as file:  # compares the checksum at the end
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read_header:
            raise ValueError(f"{member.filename} is of another version")
        shape, columns_first, dtype = read_header[version](file)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or size != member.file_size - file.tell():  # asked before so much is allocated
            raise ValueError(f"{member.filename} is not what it says it is, {dtype} of shape {shape}")
        data = np.empty(size, np.uint8)
        for start in range(0, size, AT_ONCE):
            piece = data[start : start + AT_ONCE]
            piece[:] = np.frombuffer(file.read(len(piece)), np.uint8)
        if file.read(1):
            raise ValueError(f"{member.filename} is longer than it says")
    array = np.ndarray(shape, dtype, buffer=data, order="F" if columns_first else "C")
    return array, _entry(array, data)


def _entry(array: Array, data: Any) -> list[Any]:
    return [array.dtype.str, list(array.shape), zlib.crc32(data)]


def _bytes(array: Array) -> Any:
    """The bytes of an array in C order, without a copy."""
    return array.reshape(-1).view(np.uint8) if array.nbytes else b""
