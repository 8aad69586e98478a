"""IDX files and MNIST folders: what is read, and what is refused in which words."""

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from numbanet.data import load_mnist, read_idx
from numbanet.errors import DataError

SHARED = Path(__file__).parents[2] / "shared" / "data" / "mnist"
CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array):
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_part(folder, part, count=6, *, zipped=False, mark="-"):
    """Write the two files of one part of a tiny MNIST; returns its arrays."""
    images = np.arange(count * 12, dtype=np.uint8).reshape(count, 3, 4)
    labels = (np.arange(count) * 3 % 10).astype(np.uint8)
    for array, name in ((images, f"{part}-images{mark}idx3-ubyte"), (labels, f"{part}-labels{mark}idx1-ubyte")):
        content = idx_bytes(array)
        (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    return images, labels


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(7,), (2, 3), (2, 3, 4)])
def test_reads_every_dtype_in_native_order(tmp_path, dtype, shape, zipped):
    array = (np.arange(np.prod(shape)) - (0 if dtype == "u1" else 3)).reshape(shape).astype(dtype)
    content = idx_bytes(array)
    path = tmp_path / "misnamed.txt"  # gzip is told by the content, not by the name
    path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    result = read_idx(path)
    assert result.dtype == np.dtype(dtype)
    assert result.dtype.isnative
    np.testing.assert_array_equal(result, array)
    result[:] = 0  # the caller's own


GOOD = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file.*found nothing"),
        (b"\x00\x00\x08", "not an IDX file.*found 00 00 08"),
        (b"\x00\x01" + GOOD[2:], "not an IDX file.*found 00 01 08 03"),
        (b"\x00\x00\x0a" + GOOD[3:], "not an IDX file"),
        (b"\x00\x00\x08\x00" + GOOD[4:], "not an IDX file"),
        (b"\x00\x00\x08\xff" + bytes([0, 0, 0, 1]) * 255 + b"\x01", "axes from 01 to 20"),
        (GOOD[:10], "inside its header: expected 16 bytes, found 10"),
        (GOOD[:-1], r"shape \(2, 3, 4\), expected 24 bytes of items, found only 23"),
        (GOOD + b"\x00", r"shape \(2, 3, 4\), expected 24 bytes of items, found more"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 0, 3, 4), "has no items"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, *[2**32 - 1] * 3) + b"abc", "found only 3"),
        (struct.pack(">BBBB4I", 0, 0, 14, 4, *[2**16] * 4) + b"abc", "found only 3"),  # 2 ** 67 bytes
        (gzip.compress(GOOD, mtime=0)[:-1], "cannot be read"),
        (gzip.compress(GOOD, mtime=0)[:20], "cannot be read"),
        (gzip.compress(GOOD, mtime=0)[:-8] + b"\0" * 8, "CRC"),
        (gzip.compress(GOOD, mtime=0) + b"garbage", "cannot be read"),
        (gzip.compress(GOOD[:-1], mtime=0), "found only 23"),
        (gzip.compress(GOOD + b"\0", mtime=0), "found more"),
    ],
)
def test_refuses_a_bad_file(tmp_path, content, message):
    path = tmp_path / "some-idx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"some-idx.*{message}"):
        read_idx(path)


def test_refuses_what_is_no_file(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such file"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(DataError, match=tmp_path.name):
        read_idx(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        struct.pack(">BBBB2I", 0, 0, 8, 2, 2**31, 2**31) + bytes(100),
        gzip.compress(struct.pack(">BBBB2I", 0, 0, 8, 2, 2**31, 2**31) + bytes(100)),
        gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 100) + bytes(50_000_000)),  # a bomb
    ],
    ids=["plain", "zipped", "bomb"],
)
def test_uses_no_memory_for_what_a_file_only_claims(tmp_path, content):
    path = tmp_path / "liar"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="found"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("zipped", "mark"), [(False, "-"), (True, "-"), (False, "."), (True, ".")])
def test_mnist_finds_either_name(tmp_path, zipped, mark):
    images, labels = write_part(tmp_path, "train", zipped=zipped, mark=mark)
    write_part(tmp_path, "t10k", count=2, zipped=zipped, mark=mark)
    train, test = load_mnist(tmp_path)
    np.testing.assert_array_equal(train.X, images)
    np.testing.assert_array_equal(train.y, labels)
    assert (len(train), len(test)) == (6, 2)
    assert train.X.dtype == np.uint8
    assert train.class_names == tuple("0123456789")


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_mnist_of_one_part(tmp_path, part):
    write_part(tmp_path, part)
    parts = dict(zip(("train", "t10k"), load_mnist(tmp_path), strict=True))
    assert len(parts.pop(part)) == 6
    assert parts.popitem()[1] is None


def replace_file(name, array):
    return lambda folder: (folder / name).write_bytes(idx_bytes(array))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "train-labels-idx1-ubyte").unlink(), "train-images-idx3-ubyte: expected its labels"),
        (lambda folder: (folder / "t10k-images-idx3-ubyte").unlink(), "t10k-labels-idx1-ubyte: expected its images"),
        (lambda folder: [path.unlink() for path in folder.iterdir()], "found neither"),
        (replace_file("train-labels-idx1-ubyte", np.zeros(5, "u1")), r"train-labels.*each of the 6 rows.*got \(5,\)"),
        (replace_file("train-labels-idx1-ubyte", np.full(6, 10, "u1")), "train-labels.*from 0 to 9, got 10 in row 0"),
        (replace_file("train-labels-idx1-ubyte", np.zeros(6, "i4")), "train-labels.*one axis of uint8.*int32"),
        (replace_file("train-labels-idx1-ubyte", np.zeros((6, 1), "u1")), r"train-labels.*one axis.*\(6, 1\)"),
        (replace_file("train-images-idx3-ubyte", np.zeros((6, 12), "u1")), r"train-images.*three axes.*\(6, 12\)"),
        (replace_file("train-images-idx3-ubyte", np.zeros((6, 3, 4), "f4")), "train-images.*uint8.*float32"),
        (replace_file("train-images-idx3-ubyte", np.zeros((6, 4, 3), "u1")), r"t10k images.*\(3, 4\).*\(4, 3\)"),
    ],
)
def test_mnist_refuses_files_that_do_not_fit(tmp_path, damage, message):
    write_part(tmp_path, "train")
    write_part(tmp_path, "t10k")
    damage(tmp_path)
    with pytest.raises(DataError, match=message):
        load_mnist(tmp_path)


def test_mnist_refuses_what_is_no_folder(tmp_path):
    with pytest.raises(DataError, match="gone: expected a folder, found nothing"):
        load_mnist(tmp_path / "gone")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="file: expected a folder, found a file"):
        load_mnist(tmp_path / "file")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real MNIST files are not at {SHARED}")
def test_the_real_mnist_test_set():
    train, test = load_mnist(SHARED)
    assert train is None
    assert test.X.shape == (10_000, 28, 28)
    np.testing.assert_array_equal(test.y[:10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    np.testing.assert_array_equal(
        np.bincount(test.y), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    )  # the counts that the set is known for
