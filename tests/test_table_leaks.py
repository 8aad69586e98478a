"""Nothing is learnt from rows held out: whatever stands there, what is fitted and trained is the same to the bit."""

import numpy as np
import pytest

import numbanet as nn
from numbanet.data import Table, TablePreprocessor, load_table, split

ROWS = 120
WORDS = np.array(["ash", "beech", "cedar", "elm", "fir", "gum", "holly", "ivy", "juniper", "kauri", "larch", "maple"])


def columns(seed):
    rng = np.random.default_rng(seed)
    gaps = rng.random((2, ROWS)) < 0.1
    return {
        "size": np.where(gaps[0], np.nan, rng.normal(3, 2, ROWS).round(3)),
        "count": rng.integers(0, 5, ROWS).astype(float),
        "flag": np.where(rng.random(ROWS) < 0.4, "True", "False").astype(object),
        "tree": np.where(gaps[1], "", WORDS[rng.integers(0, 12, ROWS)]).astype(object),
        "day": np.array([f"2020-{month:02}-{day:02}" for month, day in rng.integers(1, 13, (ROWS, 2))], object),
    }


def written(path, values, y):
    rows = zip(*values.values(), y, strict=True)
    lines = [",".join([*values, "y"]), *(",".join("" if v != v else str(v) for v in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def learnt(path, scaling, seed):
    """All that training on the rows that are not held out leaves behind, as bytes."""
    data = load_table(path, "y")
    rest, test = split(data, 0.2, seed, stratify=False)
    train, validation = split(rest, 0.25, seed, stratify=False)
    preprocessor = TablePreprocessor(scaling).fit(train.X)
    header, arrays = preprocessor.to_state()
    X, X_val = preprocessor.transform(train.X), preprocessor.transform(validation.X)
    network = nn.FullyConnectedNet([8], X.shape[1], data.num_classes, seed=0)
    parts = {"X_train": X, "y_train": train.y, "X_val": X_val, "y_val": validation.y}
    nn.Solver(network, parts, epochs=2, batch_size=16, seed=0, verbose=False).train()
    preprocessor.transform(test.X)
    state = {name: array.tobytes() for name, array in arrays.items()}
    return header, state, X.tobytes(), {name: array.tobytes() for name, array in network.params.items()}


@pytest.mark.parametrize("scaling", ["robust", "standard"])
@pytest.mark.parametrize("seed", range(4))
def test_rows_held_out_teach_nothing(tmp_path, scaling, seed):
    rng = np.random.default_rng(100 + seed)
    values, y = columns(seed), WORDS[rng.integers(0, 3, ROWS)]
    before = learnt(written(tmp_path / "a.csv", values, y), scaling, seed)
    kept = np.isin(np.arange(ROWS), trained_on(seed))
    others, other_y = columns(seed + 50), WORDS[rng.integers(0, 3, ROWS)]
    others["size"] *= 10.0 ** rng.integers(-6, 7)
    others["tree"][rng.random(ROWS) < 0.5] = "aaa never seen"
    others["count"][rng.random(ROWS) < 0.5] = np.nan
    others["flag"][:] = ""
    others["day"][:] = "1066-10-14"
    changed = {name: np.where(kept, values[name], others[name]) for name in values}
    after = learnt(written(tmp_path / "b.csv", changed, np.where(kept, y, other_y)), scaling, seed)
    assert after == before
    one = changed["size"].copy()  # and that a row of training would have been seen
    one[np.flatnonzero(kept)[0]] += 5
    assert learnt(written(tmp_path / "c.csv", {**changed, "size": one}, y), scaling, seed)[1:] != before[1:]


def trained_on(seed):
    """The rows that are held out neither for validation nor for test."""
    rows = nn.data.Dataset(np.arange(ROWS, dtype=float)[:, None])
    rest, _ = split(rows, 0.2, seed, stratify=False)
    return split(rest, 0.25, seed, stratify=False)[0].X[:, 0]


def test_what_is_transformed_changes_nothing():
    table = Table.from_arrays(columns(0))
    preprocessor = TablePreprocessor().fit(table)
    _, before = preprocessor.to_state()
    before = {name: array.tobytes() for name, array in before.items()}
    out = preprocessor.transform(table)
    other = Table.from_arrays(columns(1))
    together = preprocessor.transform(other)
    for row in range(ROWS):  # nor does what stands beside a row
        np.testing.assert_array_equal(preprocessor.transform(other[row]), together[row : row + 1])
    np.testing.assert_array_equal(preprocessor.transform(table), out)
    assert {name: array.tobytes() for name, array in preprocessor.to_state()[1].items()} == before


def test_validation_rows_teach_an_estimator_nothing_but_when_to_stop():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    from numbanet.sklearn import TabularClassifier

    X, y = pd.DataFrame(columns(0)), WORDS[np.random.default_rng(0).integers(0, 3, ROWS)]
    far = X[:30].assign(size=1e6, tree="aaa never seen", day="1066-10-14")
    states = []
    for X_val in (X[:30], far):
        model = TabularClassifier(preset="td-s", epochs=1, random_state=0).fit(X, y, X_val=X_val, y_val=y[:30])
        _, arrays = model.model_.preprocessor.to_state()
        networks = [array.tobytes() for network in model.model_.networks for array in network.params.values()]
        states.append(({name: array.tobytes() for name, array in arrays.items()}, networks))
    assert states[0] == states[1]
