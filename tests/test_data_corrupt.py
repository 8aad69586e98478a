"""Damaged files of every format: cut short anywhere, and with bits and bytes changed.

Each is refused by a DataError, or harmless. Where the format has a checksum, harmless is that the same comes out. Where
it has none, a changed pixel or digit cannot be noticed: then what comes out is an array as it ever is, of finite
numbers, no larger than the file, with labels in their range. Nothing is run, and the memory stays as it was.
"""

import gzip
import pickle
import resource
import sys

import numpy as np
import pytest
from test_data_cifar import images_of, python2_batch
from test_data_idx import idx_bytes

from numbanet.data import load_csv, load_npy, load_npz, read_batch, read_idx
from numbanet.data.cifar import _read_binary
from numbanet.errors import DataError

PIXELS, LABELS = images_of(0, 1)
X = np.arange(6, dtype=np.float32).reshape(3, 2)


def npz_bytes(path, save):
    save(path, X=X, y=np.array(["a", "b", "a"]))
    return path.read_bytes()


def npy_bytes(path):
    np.save(path, X)
    return path.read_bytes()


FORMATS = {
    "idx": (read_idx, lambda path: idx_bytes(X)),
    "idx-zipped": (read_idx, lambda path: gzip.compress(idx_bytes(X), mtime=0)),
    "pickle-python-2": (read_batch, lambda path: python2_batch(PIXELS, LABELS.tolist())),
    "pickle-2": (read_batch, lambda path: pickle.dumps({"data": PIXELS, "labels": LABELS.tolist()}, protocol=2)),
    "pickle-5": (read_batch, lambda path: pickle.dumps({"labels": LABELS, "data": PIXELS}, protocol=5)),
    "binary": (_read_binary, lambda path: bytes(3073)),
    "npy": (load_npy, npy_bytes),
    "npz": (load_npz, lambda path: npz_bytes(path, np.savez)),
    "npz-compressed": (load_npz, lambda path: npz_bytes(path, np.savez_compressed)),
    "csv": (load_csv, lambda path: 'u,"v ä",k\r\n1,2.5,a\r\n3,-4e1,b\r\n"5",6,a\r\n'.encode()),
}


@pytest.fixture(params=FORMATS)
def sample(request, tmp_path):
    """The reader of a format, a path for its files and the bytes of a good one."""
    read, make = FORMATS[request.param]
    path = tmp_path / "file.npz"  # NumPy appends endings to other names
    content = make(tmp_path / ("file.npy" if read is load_npy else "file.npz"))
    path.write_bytes(content)
    read(path)
    return read, path, content


def refused(read, path, content):
    path.write_bytes(content)
    try:
        read(path)
    except DataError as error:
        message = str(error)
    else:
        return False
    assert str(path) in message
    return True


def structure_of(content):
    """The offsets of the first and the last bytes, which hold the structure; between them lie pixels, if anything."""
    return sorted({*range(min(400, len(content))), *range(max(0, len(content) - 400), len(content))})


def test_cut_short(sample):
    read, path, content = sample
    sizes = sorted({*structure_of(content), *range(0, len(content), 37)})
    accepted = [size for size in sizes if not refused(read, path, content[:size])]
    # Text has no end mark: a table may be cut after a row, or inside its last label or before its last line break.
    assert not accepted or read is load_csv
    assert len(accepted) < 10


def test_changed_bytes(sample):
    read, path, content = sample
    rng = np.random.default_rng(7)
    structure = structure_of(content)
    count = 0
    for _ in range(600):
        damaged = bytearray(content)
        for position in rng.choice(structure, rng.integers(1, 4)):
            damaged[position] = rng.integers(256)
        count += refused(read, path, bytes(damaged))
    assert count >= (0 if read is _read_binary else 40)


CHECKED = ("idx-zipped", "npz", "npz-compressed")  # formats with a checksum
GROWTH = 32e6  # bytes


def parts_of(result):
    """The arrays that a reader gave: (X, y, ...) with None for what is not there."""
    sets = result if isinstance(result, tuple) else (result,)
    return [part for each in sets for part in ((each.X, each.y) if hasattr(each, "X") else (each,))]


def is_harmless(result, good, name, size):
    """Whether what a damaged file gave does no harm."""
    parts = parts_of(result)
    if name in CHECKED:
        same = zip(parts, parts_of(good), strict=True)
        return all(a is b or np.array_equal(a, b) and a.dtype == b.dtype for a, b in same)
    examples, labels = parts[0], parts[1] if len(parts) > 1 else None
    usual = examples.dtype in (np.uint8, np.float32, np.float64) or name == "idx"
    finite = examples.dtype.kind != "f" or name == "idx" or np.isfinite(examples).all()
    labelled = labels is None or (labels.shape == (len(examples),) and labels.min() >= 0 and labels.max() < 10)
    return bool(usual and finite and labelled and examples.size and examples.nbytes <= 8 * size)


def peak():
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.fixture
def known(request, sample):
    """The name of the format, too, and what is read from the good file."""
    read, path, content = sample
    name = request.node.callspec.params["sample"]
    return name, read, path, content, read(path)


def harm(known, damaged):
    """Read each of the damaged contents; the number that were refused, once all others are seen to be harmless."""
    name, read, path, _, good = known
    before, refusals = peak(), 0
    for content in damaged:
        if refused(read, path, content):
            refusals += 1
        else:
            assert is_harmless(read(path), good, name, max(len(content), 100)), content
    assert peak() - before < GROWTH
    return refusals


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_flipped_bits(known, count):
    content = known[3]
    rng = np.random.default_rng(11)
    structure = structure_of(content)

    def flipped():
        for trial in range(count):
            damaged = bytearray(content)
            place = rng.choice(structure) if trial % 2 else rng.integers(len(content))
            damaged[place] ^= 1 << rng.integers(8)
            yield bytes(damaged)

    refusals = harm(known, flipped())
    assert refusals >= (0 if known[0] == "binary" else count / 10)


@pytest.mark.slow
def test_cut_short_at_every_byte(known):
    content = known[3]
    refusals = harm(known, (content[:size] for size in range(len(content))))
    assert refusals >= len(content) - (10 if known[0] == "csv" else 0)


@pytest.mark.parametrize("size", [0, 1, 100, 5000])
def test_bytes_of_no_format(tmp_path, size):
    noise = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8).tobytes()
    for read, _ in FORMATS.values():
        assert refused(read, tmp_path / "noise", noise)
        assert refused(read, tmp_path / "zipped-noise", gzip.compress(noise))
