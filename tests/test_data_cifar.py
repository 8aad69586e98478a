"""CIFAR-10 in both layouts, and pickles that mean harm."""

import importlib.util
import lzma
import os
import pickle
import struct
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from numbanet.data import load_cifar10, read_batch
from numbanet.errors import DataError

# As the official batches.meta.txt lists them: https://www.cs.toronto.edu/~kriz/cifar.html
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHARED = Path(__file__).parents[2] / "shared" / "data"
BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def images_of(seed, count):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 3072), dtype=np.uint8), rng.integers(0, 10, count)


def write_pickle(path, content, protocol=2):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def write_python_layout(folder, count=2):
    for seed, name in enumerate(BATCHES):
        data, labels = images_of(seed, count)
        write_pickle(folder / name, {b"data": data, b"labels": labels.tolist(), b"batch_label": name.encode()})
    write_pickle(folder / "batches.meta", {b"label_names": [name.encode() for name in CLASS_NAMES], b"num_vis": 3072})


def write_binary_layout(folder, count=2):
    for seed, name in enumerate(BATCHES):
        data, labels = images_of(seed, count)
        records = np.concatenate([labels[:, None].astype(np.uint8), data], axis=1)
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(CLASS_NAMES) + "\n\n")


def python2_batch(data, labels):
    """The bytes of a batch as Python 2 and its NumPy wrote them in the official files."""
    raw = data.tobytes()
    names = b"".join(b"U\x05a.png" for _ in labels)
    return (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05("
        + b"".join(b"K" + bytes([label]) for label in labels)
        + b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09"
        + b"(K\x01"
        + b"J"
        + struct.pack("<i", len(data))
        + b"M\x00\x0c\x86cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b"
        + b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<I", len(raw))
        + raw
        + b"tbU\x09filenamesq\x0c]q\x0d("
        + names
        + b"eu."
    )


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("write", "name"),
    [(write_python_layout, "cifar-10-batches-py"), (write_binary_layout, "cifar-10-batches-bin")],
)
def test_loads_either_layout_from_its_folder_or_the_one_above(tmp_path, write, name, nested):
    inner = tmp_path / name
    inner.mkdir()
    write(inner)
    train, test = load_cifar10(tmp_path if nested else inner)
    assert train.X.dtype == np.uint8
    assert train.X.shape == (10, 3, 32, 32)
    assert train.class_names == test.class_names == CLASS_NAMES
    for batch in range(5):
        data, labels = images_of(batch, 2)
        np.testing.assert_array_equal(train.X[2 * batch : 2 * batch + 2], data.reshape(2, 3, 32, 32))
        np.testing.assert_array_equal(train.y[2 * batch : 2 * batch + 2], labels)
    np.testing.assert_array_equal(test.X.reshape(2, -1), images_of(5, 2)[0])
    np.testing.assert_array_equal(test.y, images_of(5, 2)[1])


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("keys", [bytes, str])
@pytest.mark.parametrize("labels_as", ["list", "array"])
def test_read_batch_of_every_protocol(tmp_path, protocol, keys, labels_as):
    data, labels = images_of(0, 3)
    content = {"data": data, "labels": labels if labels_as == "array" else labels.tolist()}
    if keys is bytes:
        content = {key.encode(): value for key, value in content.items()}
    images, y = read_batch(write_pickle(tmp_path / "batch", content, protocol))
    np.testing.assert_array_equal(images, data.reshape(3, 3, 32, 32))
    np.testing.assert_array_equal(y, labels)
    assert y.dtype == np.int64
    images[:] = 0  # the caller's own


def test_read_batch_of_python_2(tmp_path):
    data, labels = images_of(0, 3)
    path = tmp_path / "data_batch_1"
    path.write_bytes(python2_batch(data, labels.tolist()))
    images, y = read_batch(path)
    np.testing.assert_array_equal(images.reshape(3, -1), data)
    np.testing.assert_array_equal(y, labels)


def test_reads_arrays_in_fortran_and_foreign_byte_order(tmp_path):
    data, labels = images_of(0, 3)
    content = {"data": np.asfortranarray(data), "labels": labels.astype(">i4")}
    images, y = read_batch(write_pickle(tmp_path / "batch", content))
    np.testing.assert_array_equal(images.reshape(3, -1), data)
    np.testing.assert_array_equal(y, labels)


DATA, LABELS = images_of(0, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "expected a pickled dict, found list"),
        ({"data": DATA}, "missing labels; found data"),
        ({}, "missing data and labels; found nothing"),
        ({"data": DATA[:, :-1], "labels": [1, 2, 3]}, r"data: expected.*\(N, 3072\).*got.*\(3, 3071\)"),
        ({"data": DATA.astype(np.int16), "labels": [1, 2, 3]}, "data: expected.*uint8.*int16"),
        ({"data": DATA.tolist(), "labels": [1, 2, 3]}, "data: expected.*a list"),
        ({"data": DATA, "labels": [1, 2]}, r"each of the 3 rows, shape \(3,\), got \(2,\)"),
        ({"data": DATA, "labels": [1, 2, 10]}, "from 0 to 9, got 10 in row 2"),
        ({"data": DATA, "labels": [1, 2, -1]}, "from 0 to 9, got -1 in row 2"),
        ({"data": DATA, "labels": [1, 2, 3.0]}, "labels: expected a list of integers"),
        ({"data": DATA, "labels": [1, 2, True]}, "labels: expected a list of integers"),
        ({"data": DATA, "labels": [1, 2, 10**30]}, "labels"),
        ({"data": DATA, "labels": "123"}, "labels: expected a list of integers"),
        ({"data": DATA, "labels": np.array([1.0, 2.0, 3.0])}, "labels must be integers"),
        ({"data": DATA, "labels": np.array([[1], [2], [3]])}, r"got \(3, 1\)"),
        ({"data": np.array([1, "a"], dtype=object), "labels": [1, 2, 3]}, "dtype 'O8'"),
        ({"data": np.zeros(3, [("a", "u1")]), "labels": [1, 2, 3]}, "dtype 'V1'"),
        ({"data": np.array(["a"]), "labels": [1]}, "dtype 'U1'"),
        ({"data": DATA, "labels": [1, 2, 3], "extra": {1, 2}}, "asks for __builtin__.set"),
        ({"data": DATA, "labels": [1, 2, 3], "extra": DataError()}, "asks for numbanet.errors.DataError"),
        ({"data": DATA, "labels": [1, 2, 3], "extra": Fraction(1, 2)}, "asks for fractions.Fraction"),
        ({"data": DATA, "labels": [1, 2, 3], "extra": object()}, "asks for __builtin__.object"),
    ],
)
def test_refuses_a_batch_that_is_not_one(tmp_path, content, message):
    with pytest.raises(DataError, match=f"batch.*({message})"):
        read_batch(write_pickle(tmp_path / "batch", content))


def test_refuses_a_batch_without_rows(tmp_path):
    with pytest.raises(DataError, match=r"data: expected.*got.*\(0, 3072\)"):
        read_batch(write_pickle(tmp_path / "batch", {"data": DATA[:0], "labels": []}, protocol=4))


class Harm:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("function", [os.system, eval, exec])
def test_runs_nothing_that_a_pickle_asks_for(tmp_path, function, protocol):
    marker = tmp_path / "harmed"
    code = f'"{sys.executable}" -c "" > "{marker}"' if function is os.system else f"open({str(marker)!r}, 'w').close()"
    path = write_pickle(tmp_path / "data_batch_1", {"data": Harm(function, code), "labels": []}, protocol)
    with pytest.raises(DataError, match=rf"data_batch_1.*asks for \w+\.{function.__name__};"):
        read_batch(path)
    assert not marker.exists()
    pickle.loads(path.read_bytes())  # the harm is real: the plain reader does it
    assert marker.exists()


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
ENCODE = b"c_codecs\nencode\n"
DTYPE = b"cnumpy\ndtype\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntb"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"(S'touch x'\nios\nsystem\n.", "asks for os.system"),
        (b"(cos\nsystem\nS'touch x'\no.", "asks for os.system"),
        (b"(" + RECONSTRUCT + b"I1\no}b.", "cannot be read"),
        (b"Pid\n.", "instruction PERSID"),
        (b"\x80\x02\x82\x01.", "instruction EXT1"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "cannot be read"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "asks for os.system"),
        (b"cnumpy\nload\n.", "asks for numpy.load"),
        (b"cnumpy.core.multiarray\nfromfile\n.", "asks for numpy.core.multiarray.fromfile"),
        (b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.", "asks for numpy.ndarray.__class__"),
        (ENCODE + b"(Vabc\nS'zip'\ntR.", "encoding b'zip'"),
        (ENCODE + b"(Vabc\nVhex\ntR.", "encoding 'hex'"),
        (ENCODE + b"(I1\nVlatin1\ntR.", "cannot be read"),
        (b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.", "dtype 'O8'"),
        (b"cnumpy\ndtype\n(]I0\nI1\ntR.", "dtype"),
        (b"cnumpy\ndtype\n(S'u1'\ntR(I3\nS'|'\n(S'u1'\nI9\ntNNI-1\nI-1\nI0\ntb.", "structured dtype"),
        # State, set on a function to change what it does the next time.
        (RECONSTRUCT + b"(N}S'_function'\nNstb.", "state of a function"),
        (b"cnumpy\nndarray\n}S'values'\nI1\nsb.", "state of a function"),
        (RECONSTRUCT + b"(tR(I1\n(I9\ntS'u1'\nI00\nS'123456789'\ntb.", "not numbers"),
        (RECONSTRUCT + b"(tR(I1\n(I-9\ntg0\nI00\nS''\ntb.", "cannot be read"),
        (RECONSTRUCT + b"(tR(I1\n(L1000000000000L\nt" + DTYPE + b"I00\nS'1'\ntb.", "expected 1000000000000 bytes"),
        (RECONSTRUCT + b"(tR(I1\n(I-1\nt" + DTYPE + b"I00\nS'1'\ntb.", r"shape \(-1,\)"),
        (b"\x80\x02}K\x01r\x00\x00\x00\x70K\x02s.", "numbers a value 1879048192"),
        (b"\x80\x02}(" + b")" + b"\x85" * 1_000_000 + b"K\x01u.", "1000000 tuples"),
        (b"\x80\x04B\xff\xff\xff\x7fabc.", "cannot be read"),
        (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x00abc.", "cannot be read"),
        (b"(" * 100_000 + b".", "cannot be read"),
        (b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", "expected a pickled dict, found list"),
        (b"", "cannot be read"),
    ],
)
def test_refuses_a_hostile_program_in_little_memory(tmp_path, program, message):
    path = tmp_path / "hostile"
    path.write_bytes(program)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=f"hostile.*{message}"):
            read_batch(path)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
    data, labels = images_of(0, 1)  # and what comes after is read as ever
    images, _ = read_batch(write_pickle(tmp_path / "good", {"data": data, "labels": labels.tolist()}))
    np.testing.assert_array_equal(images.reshape(1, -1), data)


def doubled(make):
    """A value that holds the one before it twice, and so on: few bytes of a pickle, and without end written out."""
    value = 1
    for _ in range(60):
        value = make((value, value))
    return value


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (doubled(list), "expected 10 names of classes, found 0"),
        ([doubled(list)] * 10, "expected 10 names of classes, found 0"),
        ([doubled(tuple)] * 10, "expected 10 names of classes, found 0"),
        (["a"] * 9 + [doubled(list)], "expected 10 names of classes, found 9: 'a, a, a"),
        (["a"] * 100_000, "expected 10 names of classes, found 100: 'a, a, a"),
        ({"a": doubled(list)}, "expected 10 names of classes, found 0"),
        (nested(400), "expected 10 names of classes, found 0"),
    ],
    ids=range(7),  # pytest would write them out
)
def test_refuses_names_of_classes_without_end(tmp_path, names, message):
    write_python_layout(tmp_path)
    write_pickle(tmp_path / "batches.meta", {"label_names": names})
    with pytest.raises(DataError, match=f"batches.meta.*{message}"):
        load_cifar10(tmp_path)


def test_refuses_names_of_classes_that_are_nested_deeper_than_python_writes(tmp_path):
    write_python_layout(tmp_path)
    deep = b"]" * 100_000 + b"a" * 99_999
    (tmp_path / "batches.meta").write_bytes(b"\x80\x02}U\x0blabel_names](" + deep + b"K\x01" * 9 + b"es.")
    with pytest.raises(DataError, match="batches.meta: expected 10 names of classes, found 0"):
        load_cifar10(tmp_path)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("start", "end"), [(b"}", b"K\x01s."), (b"}(", b"K\x01u."), (b"(", b"K\x01d.")])
def test_refuses_keys_without_end(tmp_path, start, end):
    """A tuple's hash is that of all that is in it."""
    (tmp_path / "batch").write_bytes(b"\x80\x02" + start + pickle.dumps(doubled(tuple), 2)[2:-1] + end)
    with pytest.raises(DataError, match="batch.*it has a key of type tuple, expected a string"):
        read_batch(tmp_path / "batch")


@pytest.mark.parametrize(("write", "ending"), [(write_python_layout, ""), (write_binary_layout, ".bin")])
@pytest.mark.parametrize("name", BATCHES)
def test_names_a_missing_batch(tmp_path, write, ending, name):
    write(tmp_path)
    (tmp_path / f"{name}{ending}").unlink()
    with pytest.raises(DataError, match=f"missing {name}{ending}$"):
        load_cifar10(tmp_path)


def test_refuses_a_folder_without_batches(tmp_path):
    with pytest.raises(DataError, match="expected data_batch_1"):
        load_cifar10(tmp_path)
    with pytest.raises(DataError, match="gone: expected a folder"):
        load_cifar10(tmp_path / "gone")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found 0 bytes"),
        (bytes(3072), "records of 3073 bytes, found 3072"),
        (bytes(3074), "records of 3073 bytes, found 3074"),
        (bytes(3073) + b"\x0a" + bytes(3072), "from 0 to 9, got 10 in row 1"),
    ],
)
def test_refuses_a_bad_binary_batch(tmp_path, content, message):
    write_binary_layout(tmp_path)
    (tmp_path / "data_batch_3.bin").write_bytes(content)
    with pytest.raises(DataError, match=f"data_batch_3.bin.*{message}"):
        load_cifar10(tmp_path)


def test_refuses_a_list_of_classes_that_is_not_text(tmp_path):
    write_binary_layout(tmp_path)
    (tmp_path / "batches.meta.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="batches.meta.txt: cannot be read"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("names", [None, ["a"] * 9, [1] * 10, "airplane"])
def test_refuses_a_bad_list_of_classes(tmp_path, names):
    write_python_layout(tmp_path)
    write_pickle(tmp_path / "batches.meta", {"label_names": names})
    with pytest.raises(DataError, match="batches.meta: expected 10 names of classes"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize(
    ("write", "meta"), [(write_python_layout, "batches.meta"), (write_binary_layout, "batches.meta.txt")]
)
def test_class_names_are_those_beside_the_batches_or_the_known_ones(tmp_path, write, meta):
    write(tmp_path)
    (tmp_path / meta).unlink()
    assert load_cifar10(tmp_path)[0].class_names == CLASS_NAMES
    letters = tuple("abcdefghij")
    if meta.endswith(".txt"):
        (tmp_path / meta).write_text("\n".join(letters))
    else:
        write_pickle(tmp_path / meta, {"label_names": list(letters)})
    assert load_cifar10(tmp_path)[1].class_names == letters


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real CIFAR-10 images are not at {SHARED}")
def test_real_images_through_the_python_layout(tmp_path):
    pytest.importorskip("PIL", reason="needs pillow to unpack the real CIFAR-10 images")
    spec = importlib.util.spec_from_file_location("unpack_cifar10", SHARED / "unpack_cifar10.py")
    unpack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(unpack)
    with lzma.open(SHARED / "cifar10-jpeg.bin.xz") as file:
        blob = file.read(200_000)
    images, labels, _ = unpack.read_split(struct.pack("<I", 60) + blob[4:], 0)
    for start, name in enumerate(BATCHES):
        part = slice(10 * start, 10 * start + 10)
        write_pickle(tmp_path / name, {b"labels": labels[part].tolist(), b"data": images[part]})
    train, test = load_cifar10(tmp_path)
    np.testing.assert_array_equal(train.X.reshape(50, -1), images[:50])
    np.testing.assert_array_equal(test.y, labels[50:])
