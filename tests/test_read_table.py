"""Tables in files of all kinds: what is read, what is taken for what, and what is refused."""

import contextlib
import gzip

import numpy as np
import pytest

from numbanet.data import Table, TablePreprocessor, load_table, read_table
from numbanet.errors import DataError

NAN = float("nan")


def written(folder, text, name="a.csv"):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def content(table):
    return {
        name: [None if isinstance(value, float) and value != value else value for value in table[name].tolist()]
        for name in table.names
    }


def refused(path, match, **options):
    with pytest.raises(DataError, match=match):
        read_table(path, **options)


TEXT = 'age,tree,seen,"rare, or not"\n31,ash,True,0.5\n,"elm ""red""",False,\n8,NA,,-2e3\n'
TAKEN = {
    "age": [31, None, 8],
    "tree": ["ash", 'elm "red"', None],
    "seen": ["True", "False", None],
    "rare, or not": [0.5, None, -2000],
}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r\n\r\n\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv(tmp_path, mark, ending):
    body = TEXT.rstrip("\n")
    table = read_table(written(tmp_path, mark + body.replace("\n", ending[:2]) + ending))
    assert content(table) == TAKEN
    assert [column.kind for column in table.columns] == ["number", "category", "category", "number"]
    assert table.notes == ("columns separated by commas, with a header",)


def test_gzip(tmp_path):
    packed = gzip.compress(TEXT.encode())
    assert content(read_table(written(tmp_path, packed, "a.csv.gz"))) == TAKEN
    assert content(read_table(written(tmp_path, packed, "a.csv"))) == TAKEN  # by what it holds
    for length in range(1, len(packed)):
        path = written(tmp_path, packed[:length], "b.csv.gz")
        refused(path, "b.csv.gz: ")
    damaged = bytearray(packed)
    damaged[20] ^= 0xFF
    refused(written(tmp_path, bytes(damaged), "c.csv.gz"), "c.csv.gz: ")


def test_a_bomb_of_gzip(tmp_path):
    packed = gzip.compress(b"a,b\n" + (b"1," + b"x" * (1 << 16) + b"\n") * 1056)
    refused(written(tmp_path, packed, "a.csv.gz"), "a.csv.gz: expected at most 100 times its .* bytes when unpacked")


@pytest.mark.parametrize(("separator", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "pipes"), (" ", "blanks")])
def test_separators(tmp_path, separator, word):
    text = 'a,b,c\n1,x,"p,q"\n2,y,r\n3,x,r\n'.replace(",", separator).replace(f'"p{separator}q"', '"p,q"')
    table = read_table(written(tmp_path, text, "a.txt"))
    assert content(table) == {"a": [1, 2, 3], "b": ["x", "y", "x"], "c": ["p,q", "r", "r"]}
    assert table.notes[0] == f"columns separated by {word}, with a header"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;b\n1,5;x\n-2;y\n1.234,25;x\n", [1.5, -2, 1234.25]),
        ("a;b\n3;x\n,5;y\n4e1;x\n", [3, 0.5, 40]),
        ("a;b\n1,500;x\n2,250;y\n;x\n", [1.5, 2.25, None]),  # semicolons are where commas are fractions
        ("a\tb\n1,5\tx\n2\ty\n3\tx\n", [1.5, 2, 3]),
        ('a,b\n"1,5",x\n2,y\n3,x\n', [1.5, 2, 3]),
        ('a,b\n"1,234.5",x\n2,y\n"1,000,000",x\n', [1234.5, 2, 1e6]),
    ],
)
def test_decimal_commas(tmp_path, text, expected):
    assert content(read_table(written(tmp_path, text)))["a"] == expected


def test_a_doubtful_comma_is_asked_for(tmp_path):
    path = written(tmp_path, 'a,b\n"1,234",x\n2,y\n3,x\n')
    refused(path, "a.csv: column a: holds '1,234', which may be a fraction or thousands; say decimal=',' or '.'")
    assert content(read_table(path, decimal=","))["a"] == [1.234, 2, 3]
    assert content(read_table(path, decimal="."))["a"] == [1234, 2, 3]
    with pytest.raises(ValueError, match="decimal: expected one of"):
        read_table(path, decimal=";")


def test_numbers_that_begin_after_many_rows_of_other_things(tmp_path):
    """The first blocks of rows decide nothing for good."""
    rows = 10_000
    late = "".join(f"{row},,{'x' if row == 9_999 else row},{row}\n" for row in range(rows - 1)) + "1,3,word,\n"
    table = read_table(written(tmp_path, "a,gap,text,n\n" + late))
    assert [column.kind for column in table.columns] == ["number", "number", "category", "number"]
    assert (table["gap"][-1], np.isnan(table["gap"]).sum()) == (3, rows - 1)
    assert (table["text"][-1], table["text"][17], table["n"][17]) == ("word", "17", 17)
    assert "text: text, as 1 of its 10,000 cells are no numbers, such as 'word'" in table.notes
    gap = "a,b\n" + ",1\n" * rows + "word,1\n"
    assert read_table(written(tmp_path, gap))["a"][[0, -1]].tolist() == [None, "word"]


@pytest.mark.parametrize("word", ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", " ? ", "<NA>", "#N/A"])
def test_missing_cells(tmp_path, word):
    table = read_table(written(tmp_path, f"n,w\n1,a\n{word},{word}\n2,b\n3,a\n"))
    assert content(table) == {"n": [1, None, 2, 3], "w": ["a", None, "b", "a"]}


def test_names_that_look_like_numbers(tmp_path):
    path = written(tmp_path, "zip,n,k\n01234,0.5,5\n98765,0,6\n00000,10,5\n")
    table = read_table(path, categorical=["k"])
    assert content(table) == {"zip": ["01234", "98765", "00000"], "n": [0.5, 0, 10], "k": ["5", "6", "5"]}
    assert content(read_table(written(tmp_path, "a,b\n1_000,1\n2,2\n")))["a"] == ["1_000", "2"]
    floats = read_table(written(tmp_path, "k,b\n5.0,1\n,2\n10.0,2\n"), categorical=["k"])
    assert content(floats)["k"] == ["5", None, "10"]
    assert floats.column("k").categories == ("5", "10")  # by value


@pytest.mark.parametrize(
    ("cells", "days", "form"),
    [
        (["1970-01-02", "1969-12-31"], [1, -1], "ISO"),
        (["1970-01-02 12:00", "1970-01-02T06:00:00Z"], [1.5, 1.25], "ISO"),
        (["1970-01-02T00:00:00+06:00", "1970-01-02T00:00:00.5-0600"], [0.75, 1.25 + 0.5 / 86400], "ISO"),
        (["1970/01/02", "1970/1/3"], [1, 2], "%Y/%m/%d"),
        (["02.01.1970", "3.1.1970"], [1, 2], "%d.%m.%Y"),
        (["13/01/1970", "02/01/1970"], [12, 1], "%d/%m/%Y"),
        (["1/13/1970 6:00 PM", "1/2/1970 12:00 AM"], [12.75, 1], "%m/%d/%Y %I:%M %p"),
        (["02-Jan-1970", "03-Feb-1970"], [1, 33], "%d-%b-%Y"),
        (["January 2, 1970", "May 1, 1970"], [1, 120], "%B %d, %Y"),
        (["May 1, 1970", "May 2, 1970"], [120, 121], "%b %d, %Y"),
        (["1/13/70", "1/14/71"], [12, 378], "%m/%d/%y"),
    ],
)
def test_dates(tmp_path, cells, days, form):
    quoted = [f'"{cell}"' for cell in cells]
    table = read_table(written(tmp_path, "n,when\n1," + "\n2,".join([*quoted, '""']) + "\n"))
    assert (table.column("when").kind, table.column("when").form) == ("date", form)
    np.testing.assert_allclose(table["when"], [*days, NAN], rtol=0, atol=1e-9)
    assert f"when: dates ({form})" in table.notes


def test_what_is_no_date(tmp_path):
    path = written(tmp_path, "n,when,text\n1,2020-02-30,01/02/2020\n2,2020-03-01,03/04/2020\n")
    table = read_table(path)
    assert [column.kind for column in table.columns] == ["number", "category", "category"]
    assert "text: text, as it may be dates as %d/%m/%Y or as %m/%d/%Y; say which, by dates={name: form}" in table.notes
    refused(path, r"a.csv: line 2, column 'when': expected dates as 2020-12-31 .*, found 2020-02-30", dates=["when"])
    refused(path, r"a.csv: .*column 'text': may be dates as %d/%m/%Y or as %m/%d/%Y", dates=["text"])
    assert content(read_table(path, dates={"text": "%d/%m/%Y"}))["text"] == [18293, 18355]
    refused(path, r"column 'n': expected dates as .*, found 1", dates=["n"])


def test_an_index_without_a_name_is_left_out(tmp_path):
    for first in ("", '""', "Unnamed: 0"):
        table = read_table(written(tmp_path, f"{first},a,b\n0,x,5\n1,y,6\n2,x,7\n"))
        assert content(table) == {"a": ["x", "y", "x"], "b": [5, 6, 7]}
        assert table.notes[0].endswith("column 1, which has no name and tells the rows apart, left out")
    words = read_table(written(tmp_path, ',a,b\nMazda,x,5\nFiat,y,6\n"Merc",x,7\n'))
    assert words.names == ("a", "b")
    r_writes = read_table(written(tmp_path, '"a" "b"\n"1" "x" 5\n"2" "y" 6\n', "a.txt"))
    assert content(r_writes) == {"a": ["x", "y"], "b": [5, 6]}
    refused(written(tmp_path, ",a,b\n0,x,5\n0,y,6\n"), "column 1: has no name and does not tell the rows apart")


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("a,b\n1,x\n2,y\n", True),
        ("a,b\nx,y\nz,y\nx,y\nx,w\nx,w\nx,w\n", True),  # words above words that repeat
        ("x,b\nx,y\nz,y\nx,y\n", False),  # x stands below
        ("1,x\n2,y\n3,x\n", False),
        (",x\n2,y\n3,x\n", False),
        ("5.1,x,3\n4.9,y,4\n4.7,x,9\n", False),
        ("1.5,2.5\n3.5,4.5\n1.5,0.5\n", False),
        ("u,2019,2020\n1,5.5,6.5\n2,7.5,8.5\n", True),
        ("x,y\nann,rome\nbob,paris\n", None),  # nothing repeats
        ("country,2019,2020\nnl,5.5,6.5\nbe,7.5,8.5\n", None),
        ("5.1,unknown,2\n4.9,3,4\n", None),
        ("0,1,2,3,4,5\n" + "0.5,0.1,0.2,0.3,0.4,0.5\n" * 9, True),
    ],
)
def test_headers(tmp_path, text, header):
    path = written(tmp_path, text)
    lines = text.strip().split("\n")
    if header is None:
        refused(path, r"a.csv: the first row, .*, may be the names of the columns or an example; say which")
    else:
        table = read_table(path)
        assert (len(table), table.names[0]) == (len(lines) - header, lines[0].split(",")[0] if header else "column 1")
        assert table.notes[0].endswith("with a header" if header else "without a header")
    assert len(read_table(path, header=True)) == len(lines) - 1
    assert read_table(path, header=False).names[:2] == ("column 1", "column 2")


def test_a_last_column_with_gaps_and_separators_behind_the_last(tmp_path):
    gaps = read_table(written(tmp_path, "1,x,\n2,y,\n3,x,5\n4,x,6\n"))
    assert content(gaps)["column 3"] == [None, None, 5, 6]
    for text in ("n,w\n1,x,\n2,y,\n3,x,\n", "n,w,\n1,x,\n2,y,\n3,x,\n", "n,w,\n1,x\n2,y\n3,x\n"):
        assert content(read_table(written(tmp_path, text))) == {"n": [1, 2, 3], "w": ["x", "y", "x"]}
    late = read_table(written(tmp_path, "n,w,\n1,x,\n2,y,\n3,x,5\n"))
    assert content(late)["column 3"] == [None, None, 5]
    refused(written(tmp_path, "n,w\n1,x,\n2,y,\n3,x,5\n"), "line 4: expected 2 cells, as in the first row, found 3")


def test_names_that_the_caller_gives_are_a_header(tmp_path):
    path = written(tmp_path, "country,2019,2020\nnl,5.5,6.5\nbe,7.5,8.5\n")
    assert len(load_table(path, "2020")) == 2


ARRAYS = {"n": np.array([1.5, NAN, 3]), "w": np.array(["a", "b", "a"]), "t": np.array(["2020-01-01"] * 3, "M8[D]")}


def test_npz(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    assert content(read_table(tmp_path / "a.npz")) == {"n": [1.5, None, 3], "w": ["a", "b", "a"], "t": [18262] * 3}
    np.savez(tmp_path / "b.npz", X=np.eye(3), y=np.array([1, 2, 1]))
    table = read_table(tmp_path / "b.npz", categorical=["y"], drop=["x1"])
    assert content(table) == {"x0": [1, 0, 0], "x2": [0, 0, 1], "y": ["1", "2", "1"]}
    np.savez(tmp_path / "c.npz", X=np.eye(3), feature_names=["u", "v", "w"], y=np.zeros((3, 2)))
    assert read_table(tmp_path / "c.npz").names == ("u", "v", "w", "y0", "y1")
    for arrays, message in [
        ({"X": np.zeros((2, 2, 2))}, r"X: expected rows and columns of a table, got shape \(2, 2, 2\)"),
        ({"X": np.eye(2), "y": np.zeros(3)}, "column 'y': expected 2 rows as in the first, got 3"),
        ({"X": np.eye(2), "x0": np.zeros(2)}, "x0: a column 'x0' is there already"),
        ({"X": np.eye(2), "feature_names": ["a"]}, "feature_names: expected one for each of 2, got 1"),
        ({"X": np.full((2, 2), np.inf)}, "column 'x0': row 0 holds inf"),
        ({"w": np.array([None, "a"])}, "w: expected an array of numbers or strings, found dtype object"),
    ]:
        np.savez(tmp_path / "d.npz", **arrays)
        refused(tmp_path / "d.npz", f"d.npz: {message}")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "is empty"),
        ("a,b\n", {"header": True}, "has a header but no rows"),
        ("a,a\n1,x\n2,y\n", {}, "line 1: the header names two columns 'a'"),
        ("a,b\n1,x\n2\n", {}, "line 3: expected 2 cells, as in the first row, found 1"),
        ("a,b\n1,x\n2,y,z\n", {}, "line 3: expected 2 cells, as in the first row, found 3"),
        ("a,b\n1,x\n\n2,y\n", {}, "line 3: is blank"),
        ("a,b\n1,x\ninf,y\n", {}, "line 3, column a: inf is not finite"),
        (b"a,b\n1,x\n2,\xff\n", {}, "line 3: is not UTF-8"),
        ("age,b\n1,x\n2,y\n", {"drop": ["agee"]}, "drop: no column is named 'agee'; did you mean 'age'"),
        ("age,b\n1,x\n2,y\n", {"categorical": ["c", "d"]}, "categorical: no column is named 'c', 'd'"),
        ("age,b\n1,x\n2,y\n", {"dates": {"c": "%Y"}}, "dates: no column is named 'c'"),
        ('a,b\n1,"x\n2,y\n', {}, "line 2: "),
    ],
)
def test_text_that_is_refused(tmp_path, text, options, message):
    refused(written(tmp_path, text), f"a.csv: {message}", **options)


def test_files_that_are_refused(tmp_path):
    refused(tmp_path / "none.csv", "none.csv: no such file")
    for name, hint in [("a.xlsx", ""), ("a.parquett", "did you mean .parquet"), ("a.gz", ""), ("a.npy", "")]:
        with pytest.raises(ValueError, match=f"path: expected a table, .csv, .*{name}.*{hint}"):
            read_table(tmp_path / name)
    np.savez(tmp_path / "a.npz", **ARRAYS)
    with pytest.raises(ValueError, match="header: only text has one, got True"):
        read_table(tmp_path / "a.npz", header=True)
    with pytest.raises(TypeError, match="drop: expected a list of names, got 'n'"):
        read_table(written(tmp_path, "n,b\n1,2\n"), drop="n")


def test_as_in_training(tmp_path):
    """What a column was then counts, not what it looks like in a file of few rows."""
    train = read_table(written(tmp_path, "k,zip,when,n,more\n1,01,13/01/1970,5,x\n2,22,02/01/1970,6,y\na,01,,7,x\n"))
    preprocessor = TablePreprocessor("none", min_count=1).fit(train.drop(["more"]))
    path = written(tmp_path, "n,when,id,zip,k\n6,01/02/1970,r1,22,2\n", "new.csv")
    table = read_table(path, like=preprocessor)
    assert content(table) == {"n": [6], "when": [31], "zip": ["22"], "k": ["2"]}
    assert preprocessor.output_names == (
        "when",
        "n",
        "when missing",
        "k=1",
        "k=2",
        "k=a",
        "zip=01",
    )
    np.testing.assert_array_equal(preprocessor.transform(table), [[31, 6, 0, 0, 1, 0, -1]])
    refused(written(tmp_path, "n,when,k\n6,,2\n"), "lacks the column 'zip'", like=preprocessor)


# Parquet and Arrow.


def arrow_files(folder, table):
    """The table as files of every kind, by name."""
    from pyarrow import feather, ipc, parquet

    parquet.write_table(table, folder / "a.parquet", row_group_size=2)
    feather.write_feather(table, folder / "a.feather")
    with ipc.new_file(folder / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    with ipc.new_stream(folder / "a.arrows", table.schema) as writer:
        writer.write_table(table)
    return [folder / name for name in ("a.parquet", "a.feather", "a.arrow", "a.arrows")]


def test_parquet_and_arrow(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    table = pa.table(
        {"n": [1.5, None, 3], "w": ["a", "b", None], "k": [1, 2, 1], "d": pa.array([0, 1, 2], pa.date32())}
    )
    for path in arrow_files(tmp_path, table):
        assert content(read_table(path)) == {"n": [1.5, None, 3], "w": ["a", "b", None], "k": [1, 2, 1], "d": [0, 1, 2]}
        assert content(read_table(path, drop=["n", "d"], categorical=["k"])) == {
            "w": ["a", "b", None],
            "k": ["1", "2", "1"],
        }
        refused(path, "drop: no column is named 'x'", drop=["x"])
        with pytest.raises(ValueError, match="header: only text has one"):
            read_table(path, header=False)


def test_columns_that_no_table_has(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    for path in arrow_files(tmp_path, pa.table({"l": [[1], [2, 3]], "n": [1, 2]})):
        refused(path, rf"{path.name}: column 'l': expected numbers, strings, booleans or dates, got List")
        assert content(read_table(path, drop=["l"])) == {"n": [1, 2]}
    for path in arrow_files(tmp_path, pa.table([[1.0, np.inf], [1.0, 2.0]], ["n", "m"])):
        refused(path, "column 'n': row 1 holds inf")
    for path in arrow_files(tmp_path, pa.table([[1.0, 2], [1.0, 2.0]], ["n", "n"])):
        refused(path, "two columns are named 'n'")


def test_the_index_of_pandas(tmp_path):
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    frame = pd.DataFrame({"n": [1, 2, 3]}, index=[5, 7, 6])
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").names == ("n",)


@pytest.mark.parametrize("step", [37, pytest.param(1, marks=pytest.mark.slow)])
def test_truncated_at_any_byte(tmp_path, step):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    table = pa.table({"n": [1.5, None, 3, 4, 5] * 20, "w": ["a", "b", None, "a", "c"] * 20})
    for path in arrow_files(tmp_path, table):
        whole = path.read_bytes()
        for length in (*range(0, len(whole), step), *range(len(whole) - 12, len(whole))):
            path.write_bytes(whole[:length])
            refused(path, f"{path.name}: ")
        path.write_bytes(whole)
        assert len(read_table(path)) == 100


def test_a_small_file_of_parquet_that_claims_much(tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    from numbanet.data import _arrow

    table = pa.table({"n": np.zeros(1 << 22, np.int8), "m": np.zeros(1 << 22, np.int8)})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=1 << 22)
    assert len(read_table(tmp_path / "a.parquet", drop=["m"])) == 1 << 22  # so many are no harm
    monkeypatch.setattr(_arrow, "FREE_CELLS", 1 << 20)
    monkeypatch.setattr(_arrow, "MOST_CELLS", 100)
    message = "a.parquet: expected at most 100 numbers for each of its .* bytes, found 4,194,304"
    refused(tmp_path / "a.parquet", message, drop=["m"])


@pytest.mark.parametrize("times", [40, pytest.param(3000, marks=pytest.mark.slow)])
def test_damaged_anywhere(tmp_path, times):
    """Offsets that point out of the file are seen before anything follows them."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    rng = np.random.default_rng(0)
    table = pa.table({"n": [1.5, None, 3, 4, 5] * 20, "w": ["a", "b", None, "a", "c"] * 20})
    for path in arrow_files(tmp_path, table):
        whole = path.read_bytes()
        for _ in range(times):
            damaged = bytearray(whole)
            damaged[rng.integers(len(whole))] = rng.integers(256)
            path.write_bytes(damaged)
            with contextlib.suppress(DataError):
                assert read_table(path).shape[1] <= 2


WRITERS = [
    {"sep": ","},
    {"sep": ";", "decimal": ","},
    {"sep": "\t", "decimal": ",", "lineterminator": "\r\n"},
    {"sep": "|", "quoting": 1, "encoding": "utf-8-sig"},
    {"sep": ",", "na_rep": "NA", "index": True},
    {"sep": ",", "date_format": "%d.%m.%Y", "compression": "gzip"},
]


@pytest.mark.parametrize("options", WRITERS)
@pytest.mark.parametrize("seed", range(3))
def test_what_pandas_writes_is_what_it_held(tmp_path, options, seed):
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("narwhals", reason="narwhals is not installed")
    rng, rows = np.random.default_rng(seed), int(np.random.default_rng(seed).integers(30, 300))
    words = np.array(["ash", 'a "b"', "x;y,z", "päß", "line\nend", "1a", "-"], object)
    frame = pd.DataFrame(
        {
            "float": rng.normal(size=rows) * 10.0 ** rng.integers(-5, 9, rows),
            "whole": rng.integers(-5, 10**6, rows),
            "gaps": np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows)),
            "word": np.where(rng.random(rows) < 0.2, None, rng.choice(words, rows)),
            "flag": rng.random(rows) < 0.5,
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D"),
            "zip": [f"{number:05}" for number in rng.integers(0, 90_000, rows)],
            "nothing": [None] * rows,
        }
    )
    path = tmp_path / "a.csv"
    frame.to_csv(path, **{"index": False, **options})
    read, held = read_table(path), Table.from_frame(frame)
    assert read.names == held.names
    for name in held.names[:-1]:
        assert read.column(name)[:2] == held.column(name)[:2]
        np.testing.assert_array_equal(read[name], held[name])
    assert np.isnan(read["nothing"]).all()


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_pyarrow_is_asked_for(tmp_path, monkeypatch, ending):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"reading .* needs pyarrow \(extra 'tables'\): pip install pyarrow narwhals"):
        read_table(written(tmp_path, b"PAR1", f"a.{ending}"))


def test_wide_tables(tmp_path):
    width = 10_000
    X = np.random.default_rng(0).normal(size=(5, width)).round(3)
    lines = [",".join(f"c{place}" for place in range(width)), *(",".join(map(str, row)) for row in X.tolist())]
    table = read_table(written(tmp_path, "\n".join(lines)))
    np.testing.assert_array_equal(table.numbers, X)
    assert TablePreprocessor().fit(table).transform(table).shape == (5, width)
    assert isinstance(table[2], Table)
