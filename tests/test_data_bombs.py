"""Small files that unpack to much, and rows without end: refused in little memory, as a process of its own measures."""

import gzip
import io
import re
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from numbanet.data import load_npz, read_idx

# Reads each file by a function of numbanet.data, and prints what it said and by how many MB the memory has grown.
READER = """
import resource, sys
from numbanet import data, errors
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
data.load_digits()
before = peak()
for name, path in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        getattr(data, name)(path)
        said = "nothing"
    except errors.DataError as error:
        said = str(error)
    print(f"{peak() - before:.0f} {said}")
"""
CODE = b"\0\0\x08"


def npy_of_zeros(count):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (count // 8, 8)})
    return header.getvalue()


def write_npz(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, start, zeros in members:
            with archive.open(name, "w") as stream:
                stream.write(start)
                for _ in range(zeros // 2**20):
                    stream.write(bytes(2**20))
    return path


def write_zipped(path, start, zeros):
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(start)
        for _ in range(zeros // 2**20):
            stream.write(bytes(2**20))
    return path


def write_repeated(path, text, size):
    with open(path, "w") as file:
        for _ in range(size // 2**20):
            file.write(text * (2**20 // len(text)))
    return path


def read_apart(*files):
    """For each (reader, path): MB by which the memory had grown by then, and the message."""
    command = [sys.executable, "-c", READER, *(str(part) for file in files for part in file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [(int(size), said) for size, _, said in (line.partition(" ") for line in done.stdout.splitlines())]


def attacks(folder, size):
    """(reader, path, what is said) of files that would take `size` bytes of memory, and several times that."""
    small = npy_of_zeros(48) + bytes(48)
    labels = np.lib.format.magic(2, 0) + struct.pack("<I", size)
    inside = folder / "X.npz", [("X.npy", npy_of_zeros(size), size), ("y.npy", small, 0)]
    beside = folder / "beside.npz", [("X.npy", small, 0), ("other.npy", npy_of_zeros(size), size)]
    header = folder / "header.npz", [("X.npy", labels, size)]
    return [
        ("load_npz", write_npz(*inside), r"X.npz: X: expected at most 100 times its"),
        ("load_npz", write_npz(*beside), "nothing"),  # what has another name is not unpacked
        ("load_npz", write_npz(*header), r"header.npz: X: expected at most 100 times its"),
        (
            "read_idx",
            write_zipped(folder / "a.gz", CODE + b"\x01" + struct.pack(">I", size), size),
            "a.gz: expected at",
        ),
        ("read_idx", write_zipped(folder / "b.gz", CODE + b"\x01" + struct.pack(">I", 9), size), "b.gz: .*found more"),
        ("load_csv", write_repeated(folder / "line.csv", "1,", size), "line.csv: line 1: expected a row of at most"),
        (
            "load_csv",
            write_repeated(folder / "cells.csv", "12,", 1 << 20),
            "cells.csv: line 1: expected a row of at most",
        ),
        ("load_csv", write_repeated(folder / "letter.csv", "1", size), "letter.csv: line 1: expected a row of at most"),
        ("load_csv", write_repeated(folder / "row.csv", '"\n",', size), "row.csv: line .*: expected a row of at most"),
        ("load_csv", write_repeated(folder / "sign.csv", "#", size), "sign.csv: line 1: expected a row of at most"),
        ("load_csv", write_repeated(folder / "quote.csv", '"1\n', size), "quote.csv: line 1"),
    ]


@pytest.mark.parametrize("size", [80 << 20, pytest.param(400 << 20, marks=pytest.mark.slow)])
def test_attacks_take_little_memory(tmp_path, size):
    files = attacks(tmp_path, size)
    for (grown, said), (_, path, expected) in zip(read_apart(*(file[:2] for file in files)), files, strict=True):
        assert re.search(expected, said), said
        assert grown < 64, path


def test_what_is_so_compressed_may_be_stored_plain(tmp_path):
    zeros = np.zeros((80 << 10, 1 << 10), np.uint8)
    np.savez(tmp_path / "a.npz", X=zeros)
    assert load_npz(tmp_path / "a.npz")[0].X.nbytes == 80 << 20
    (tmp_path / "a").write_bytes(CODE + b"\x02" + struct.pack(">II", *zeros.shape) + zeros.tobytes())
    assert read_idx(tmp_path / "a").nbytes == 80 << 20


def test_small_files_may_be_compressed_as_they_like(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", X=np.zeros((2000, 1000), np.uint8))
    assert (tmp_path / "a.npz").stat().st_size < 20_000
    assert load_npz(tmp_path / "a.npz")[0].X.shape == (2000, 1000)


def test_tables_take_little_more_than_their_numbers(tmp_path):
    """8 bytes a cell, and a few for each row: not an object for each label."""
    (tmp_path / "a.csv").write_text("10,ash\n11,elm\n" * 100_000)
    ((grown, said),) = read_apart(("load_csv", tmp_path / "a.csv"))
    assert said == "nothing"
    assert grown < 45
