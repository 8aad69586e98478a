"""Tables in Parquet files, read piece by piece: the same as in memory, and nothing learnt from rows held out."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from numbanet import DataError
from numbanet.cli import _data, main
from numbanet.data import StreamedTable, TablePreprocessor, load_streamed, load_table, streamed
from numbanet.tabular import TableTraining, recipe

pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
pytest.importorskip("narwhals", reason="needs narwhals")
pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")

RNG = np.random.default_rng(0)
ROWS = 1000


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(streamed, "PIECE_ROWS", 90)
    return tmp_path


def table(**others):
    a, b = RNG.standard_normal((2, ROWS))
    kinds = RNG.choice(["x", "y", "z"], ROWS)
    kinds[:300] = "x"  # the first pieces lack the others
    columns = {
        "a": a,
        "b": pa.array(b, mask=RNG.random(ROWS) < 0.1),
        "c": pa.array(kinds),
        "label": pa.array(np.where(a + (kinds == "x") > 0, "yes", "no")),
        **others,
    }
    return pa.table(columns)


def written(frame, name="table.parquet", **options):
    pq.write_table(frame, name, **{"row_group_size": 230, **options})
    return name


def test_it_is_the_table_that_is_read_into_memory():
    path = written(table())
    found, left_out = load_streamed(path, "label")
    whole = load_table(path, "label")
    assert (len(found.X), found.X.names, found.X.shape) == (ROWS, ("a", "b", "c"), (ROWS, 3))
    assert found.y.tolist() == whole.y.tolist()
    assert (found.class_names, found.task, found.target_names) == (whole.class_names, whole.task, whole.target_names)
    assert left_out.tolist() == []
    expected = TablePreprocessor().fit(whole.X)
    fitted = TablePreprocessor().fit(found.X.sample())
    assert fitted.describe() == expected.describe()
    X = found.X.transform(fitted)
    assert isinstance(X, np.memmap)
    assert X.tobytes() == expected.transform(whole.X).tobytes()
    assert list(Path().iterdir()) == [Path(path)]  # the scratch file has no name
    rows = RNG.permutation(ROWS)[:200]
    for which in (rows, np.sort(rows), np.isin(np.arange(ROWS), rows), slice(100, 300)):
        part = expected.transform(whole.X[which]).tobytes()
        assert expected.transform(found.X[which]).tobytes() == part


def test_rows_without_a_target_are_left_out():
    values = RNG.standard_normal(ROWS)
    path = written(table(value=pa.array(values, mask=np.arange(ROWS) % 10 == 3)))
    found, left_out = load_streamed(path, "value", drop=["label"])
    assert left_out.tolist() == list(range(3, ROWS, 10))
    assert found.task == "regression"
    rest = np.delete(np.arange(ROWS), left_out)
    assert found.y[rest].tolist() == values[rest].tolist()
    assert "100 rows without one are left out" in found.notes[-1]


def test_a_sample_has_no_row_that_is_left_out():
    frame = table()
    frame = frame.set_column(0, "a", pa.array(np.arange(ROWS, dtype=float)))
    whole = StreamedTable(written(frame), drop=["label"])
    out = np.arange(0, ROWS, 2)
    assert whole.sample(left_out=out)["a"].tolist() == list(range(1, ROWS, 2))
    few = whole.sample(200, seed=1, left_out=out)["a"]
    assert 70 < len(few) < 110
    assert (few % 2 == 1).all()
    assert few.tolist() == whole.sample(200, seed=1, left_out=out)["a"].tolist()


def test_nothing_is_learnt_from_rows_that_are_left_out():
    frame = table()
    out = np.arange(0, ROWS, 4)
    a = frame["a"].to_numpy().copy()
    a[out] = 1e6
    wild = written(frame.set_column(0, "a", pa.array(a)), "wild.parquet")
    plain = load_table(written(frame), "label")
    rest = np.delete(np.arange(ROWS), out)
    held = (plain.X[out], plain.y[out])
    found, _ = load_streamed(wild, "label")
    options = {"verbose": False, "epochs": 1}
    made = recipe("td-s", "classification")
    by_file = TableTraining(made, (found.X, found.y), held, left_out=out, **options)
    in_memory = TableTraining(made, (plain.X[rest], plain.y[rest]), held, **options)
    assert by_file.model.preprocessor.describe() == in_memory.model.preprocessor.describe()
    by_file.train()
    in_memory.train()
    assert by_file.solvers[0].history.to_dict() == in_memory.solvers[0].history.to_dict()


def test_memory_does_not_grow_with_the_file(monkeypatch):
    """Of 200,000 rows of 8 numbers, 12.8 MB, no more than a few pieces are in memory at a time."""
    monkeypatch.setattr(streamed, "PIECE_ROWS", 2000)
    columns = {f"x{place}": RNG.standard_normal(200_000) for place in range(8)}
    whole = StreamedTable(written(pa.table(columns), row_group_size=10_000))
    fitted = TablePreprocessor().fit(whole.sample(4000))
    tracemalloc.start()
    try:
        X = whole.transform(fitted)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert X.nbytes == 6_400_000
    assert peak < 1_500_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "lable"}, "no column is named 'lable'.*did you mean 'label'"),
        ({"target": "label", "drop": ["d"]}, "drop: no column is named 'd'"),
        ({"target": "label", "task": "regression"}, "column label: expected numbers as targets, found text"),
    ],
)
def test_what_is_not_there_is_named(options, message):
    with pytest.raises(DataError, match=f"table.parquet: .*{message}"):
        load_streamed(written(table()), **options)


def test_files_that_cannot_be_read_are_refused():
    path = written(table())
    content = Path(path).read_bytes()
    for length in (0, 3, 8, len(content) // 2, len(content) - 1):
        Path("cut.parquet").write_bytes(content[:length])
        with pytest.raises(DataError, match="cut.parquet"):
            load_streamed("cut.parquet", "label")
    with pytest.raises(DataError, match="nothing.parquet: no such file"):
        StreamedTable("nothing.parquet")
    with pytest.raises(DataError, match="expected at least one row"):
        StreamedTable(written(table().slice(0, 0), "empty.parquet"))


def test_a_damaged_piece_ends_it_with_its_name():
    path = written(table(), compression="none", use_dictionary=False)
    found, _ = load_streamed(path, "label")
    fitted = TablePreprocessor().fit(found.X.sample())
    content = bytearray(Path(path).read_bytes())
    content[4:200] = bytes(196)  # the first page of the first column
    Path(path).write_bytes(content)
    with pytest.raises(DataError, match="table.parquet"):
        found.X.transform(fitted)


def test_a_disk_without_room_is_told_of_first(monkeypatch):
    whole = StreamedTable(written(table()), drop=["label"])
    fitted = TablePreprocessor().fit(whole.sample())
    monkeypatch.setattr(streamed.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 100}))
    with pytest.raises(DataError, match="takes 24,000 bytes of scratch in .*, where 100 are free"):
        whole.transform(fitted)


def test_the_command_line_reads_a_large_file_piece_by_piece(monkeypatch, capsys):
    path = written(table())
    options = ["--data", path, "--preset", "fast", "--epochs", "4", "--output"]
    assert not _data._is_large(path)
    monkeypatch.setattr(_data, "LARGE_BYTES", ROWS * 4 * 8 - 1)
    assert main(["train", *options, "run"]) == 0
    said = capsys.readouterr().err
    assert "read piece by piece, not into memory" in said
    assert "3 columns, learnt from 720 rows" in said
    record = json.loads(Path("run/run.json").read_text())
    assert [record["data"][part] for part in ("train", "validation", "test")] == [720, 80, 200]
    assert record["result"]["test_accuracy"] > 0.8
    assert main(["evaluate", "run", path]) == 0
    assert "1,000 examples" in capsys.readouterr().out
    assert main(["train", *options, "again", "--header"]) == 2
    assert "--header: is not for Parquet files" in capsys.readouterr().err
