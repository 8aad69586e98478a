"""Recipes for tables, and the models that come of them."""

import dataclasses
import math

import numpy as np
import pytest

import numbanet as nn
from numbanet.data import Table, TablePreprocessor
from numbanet.tabular import PRESETS, Recipe, TableModel, TableTraining, recipe
from numbanet.tabular.networks import layers_of, network_of, training_of

RNG = np.random.default_rng(0)
ROWS = 90
NUMBERS = RNG.standard_normal((ROWS, 3))
COLOURS = RNG.choice(["red", "green", "blue"], ROWS)
TOWNS = RNG.choice([f"town {place}" for place in range(12)], ROWS)
LABELS = (NUMBERS[:, 0] + (COLOURS == "red") > 0).astype(np.int64)
VALUES = 100 + 10 * (NUMBERS[:, 1] + (COLOURS == "blue"))
TASKS = ("classification", "regression")
SMALL = {"hidden_sizes": (8,), "epochs": 2, "batch_size": 32}


def table(rows=slice(None)):
    columns = {f"n{place}": NUMBERS[rows, place].copy() for place in range(3)}
    columns["n0"][:4] = np.nan
    return Table.from_arrays({**columns, "colour": COLOURS[rows].astype(object), "town": TOWNS[rows].astype(object)})


def targets(task, rows=slice(None)):
    return (LABELS if task == "classification" else VALUES)[rows]


def trained(task="classification", preset="td-s", held=False, **options):
    made = recipe(preset, task, **{**SMALL, **options})
    rest, val = slice(0, 60), slice(60, None)
    parts = [(table(rest), targets(task, rest))] + ([(table(val), targets(task, val))] if held else [])
    training = TableTraining(made, *parts, seed=3, verbose=False)
    training.train()
    return training


def kinds(made, *given):
    return [type(layer).__name__ for layer in layers_of(made, *given)]


LAYOUT = TablePreprocessor(max_one_hot=None).fit(table()).layout


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("preset", PRESETS)
def test_presets_train(preset, task):
    training = trained(task, preset, held=True)
    assert training.solvers[0].epoch == 2
    assert bool(training.solvers[0].compiled)
    assert np.isfinite(training.model.evaluate(table(), targets(task))).all()


def test_td_s_is_as_published():
    made = recipe("td-s", "classification")
    hidden = ["Affine", "SELU"] * 3
    assert kinds(made, LAYOUT, 2) == ["Scale", *hidden, "Affine"]
    network = network_of(made, LAYOUT, 2, seed=0)
    assert network.loss_function == nn.losses.Softmax(label_smoothing=0.1)
    assert [network.params[f"b{place}"].shape for place in (1, 2, 3)] == [(256,)] * 3
    for place in (1, 2, 3):  # what is learnt begins with variance 1, weights and biases
        weights = network.params[f"W{place}"]
        assert (weights * math.sqrt(len(weights))).std() == pytest.approx(1, abs=0.05)
        assert network.params[f"b{place}"].std() == pytest.approx(1, abs=0.15)
    assert not network.params["W4"].any()
    assert not network.params["b4"].any()
    assert (network.params["scale1"] == 1).all()
    options = training_of(made, network, 100, True)
    assert (options["schedule"], options["epochs"], options["batch_size"]) == ("coslog4", 256, 256)
    assert options["optimizer_options"] == {
        "learning_rate": 0.04,
        "beta2": 0.95,
        "weight_decay": 0.0,
        "decay_biases": False,
        "learning_rate_factors": {"b": 0.1, "scale": 6.0},
    }
    values = recipe("td-s", "regression")
    assert (values.activation, values.learning_rate, values.label_smoothing) == ("mish", 0.07, 0.0)


def test_td_s_learns_as_torch_does():
    """An independent RealMLP-TD-S: its factors explicit, its steps PyTorch's Adam's, by groups of parameters."""
    torch = pytest.importorskip("torch")
    made = recipe("td-s", "classification", hidden_sizes=(8, 8), epochs=4, batch_size=20, drop_last=False)
    X = NUMBERS[:40].astype(np.float64)
    network = network_of(made, TablePreprocessor().fit(X).layout, 2, dtype="float64", seed=1)
    own = {name: torch.tensor(value.copy(), requires_grad=True) for name, value in network.params.items()}
    units = {f"W{place}": math.sqrt(network.params[f"W{place}"].shape[0]) for place in (1, 2, 3)}
    for name, unit in units.items():
        own[name] = (own[name].detach() * unit).requires_grad_()
    factors = {"W": 1, "b": 0.1, "s": 6}
    groups = [{"params": [value], "factor": factors[name[0]]} for name, value in own.items()]
    adam = torch.optim.Adam(groups, lr=1.0, betas=(0.9, 0.95))
    solver = nn.Solver(
        network, {"X_train": X, "y_train": LABELS[:40]}, verbose=False, seed=5, **training_of(made, network, 40, False)
    )
    order = np.random.default_rng(5)
    for step in range(8):
        if step % 2 == 0:
            permutation = order.permutation(40)
        rows = permutation[step % 2 * 20 :][:20]
        rate = 0.04 * 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * step / 8)))
        for group in adam.param_groups:
            group["lr"] = rate * group["factor"]
        values = torch.tensor(X[rows]) * own["scale1"]
        for place in (1, 2, 3):
            values = values @ own[f"W{place}"] / units[f"W{place}"] + own[f"b{place}"]
            values = torch.selu(values) if place < 3 else values
        loss = torch.nn.functional.cross_entropy(values, torch.tensor(LABELS[rows]), label_smoothing=0.1)
        adam.zero_grad()
        loss.backward()
        adam.step()
    solver.train()
    assert solver.step == 8
    for name, value in own.items():
        expected = value.detach().numpy() / units.get(name, 1)
        assert np.abs(expected - network.params[name]).max() < 1e-9, name


def test_every_part_is_an_option():
    """Of each option: a value, and what is seen of it in the network or in its training."""
    plain = recipe("mlp", "classification", hidden_sizes=(8, 8))
    few = TablePreprocessor(max_one_hot=9).fit(table()).layout
    assert kinds(plain, LAYOUT, 2) == ["Affine", "ReLU", "Affine", "ReLU", "Affine"]

    def layers(layout=LAYOUT, **options):
        return layers_of(dataclasses.replace(plain, **options), layout, 2)

    def told(rows=100, **options):
        made = dataclasses.replace(plain, **options)
        return training_of(made, network_of(made, LAYOUT, 2, seed=0), rows, True)

    assert kinds(dataclasses.replace(plain, front_scale=True), LAYOUT, 2)[0] == "Scale"
    columns = layers(few, number_embedding="periodic", embedding_units=5)[0]
    runs = [(count, [type(layer).__name__ for layer in inner]) for count, inner in columns.runs]
    assert runs == [(3, ["PeriodicEmbedding"]), (few.one_hot, []), (1, ["Embedding"])]
    assert columns.runs[2][1][0].units == 5
    assert layers(activation="mish")[1] == nn.Mish()
    assert layers(parametric=True)[1] == nn.Parametric(nn.ReLU())
    assert nn.Dropout(0.25) in layers(dropout=0.25)
    assert layers(ntk=True)[0].parametrization == "ntk"
    assert layers(zero_last=True)[-1].weight_init == "zeros" != layers()[-1].weight_init
    assert told(dropout=0.1, dropout_schedule="flat_cosine")["schedules"] == {"dropout": "flat_cosine"}
    assert told(weight_decay=0.1, weight_decay_schedule="cosine")["schedules"] == {"weight_decay": "cosine"}
    assert told(weight_decay=0.1, decay_biases=True)["optimizer_options"]["decay_biases"] is True
    batches = {rows: told(rows, batch_size=0)["batch_size"] for rows in (3, 8191, 8192, 20_000, 70_000, 10**6)}
    assert batches == {3: 64, 8191: 64, 8192: 128, 20_000: 256, 70_000: 1024, 10**6: 1024}
    assert told(10**6, batch_size=48)["batch_size"] == 48
    assert told(schedule="one_cycle", patience=7)["patience"] == 7
    assert told(monitor="score")["monitor"] == "val_accuracy"
    assert told()["monitor"] == "val_loss"
    assert told(learning_rate_factors={"b": 0.5, "scale": 2})["optimizer_options"]["learning_rate_factors"] == {
        "b": 0.5
    }


def test_members_share_their_weights_and_are_averaged():
    made = recipe("td-s", "classification", n_members=3, hidden_sizes=(8, 8), zero_last=False)
    layers = layers_of(made, LAYOUT, 2)
    shown = [type(layer).__name__ for layer in layers]
    assert shown == ["Scale", "Members", "MemberAffine", "SELU", "MemberAffine", "SELU", "MemberAffine"]
    assert [layer.shared for layer in layers if hasattr(layer, "shared")] == [True, True, False]
    assert [layer.input_scaling for layer in layers if hasattr(layer, "shared")] == [False, True, False]
    assert layers[1].init == "signs"
    assert layers_of(dataclasses.replace(made, number_embedding="periodic"), LAYOUT, 2)[2].init == "normal"
    for task in TASKS:
        training = trained(task, n_members=3, held=True)
        network = training.model.networks[0]
        assert bool(training.solvers[0].compiled)
        assert network.training_loss.members == 3
        assert training.model.scores(table()).shape == (ROWS, 2 if task == "classification" else 1)
        assert training.model.num_parameters < 1.5 * trained(task).model.num_parameters + 3 * 8 * 20
    both = trained("classification", n_members=2, n_packed=2).model
    alone = [network.predict_proba(both.preprocessor.transform(table())) for network in both.networks]
    assert both.predict_proba(table()) == pytest.approx(np.mean(alone, axis=0), abs=1e-6)


def test_initial_values_are_fitted_to_the_data():
    """To the rows that count: outputs of every layer begin with spread 1, and biases where the data are."""
    made = recipe("td", "classification", hidden_sizes=(64, 64))
    weights = np.r_[np.ones(60), np.zeros(30)]
    far = table()
    far.numbers[60:] = 1e6
    training = TableTraining(made, (far, LABELS, weights), seed=0, verbose=False)
    network = training.solvers[0].model
    X = training.model.preprocessor.transform(table(slice(0, 60)))
    places = [place for place, layer in enumerate(network.layers) if isinstance(layer, nn.Affine)]
    for place in places:
        outputs = network.first(place + 1).loss(X)
        assert outputs.std(axis=0) == pytest.approx(np.ones(outputs.shape[1]), abs=1e-3)
        assert (outputs.min(axis=0) <= 0).all()
        assert (outputs.max(axis=0) >= 0).all()
    assert network.params["b1"].std() > 0.1
    with pytest.raises(ValueError, match="X: a recipe with data_init=True needs training data, got None"):
        network_of(made, training.model.preprocessor.layout, 2)


def test_values_stay_within_those_of_training():
    clamped = trained("regression", "td", epochs=1, clamp=True, learning_rate=1.0)
    free = trained("regression", "td", epochs=1, clamp=False, learning_rate=1.0)
    low, high = VALUES[:60].min(), VALUES[:60].max()
    far = Table.from_arrays(
        {**{f"n{i}": np.array([-40.0, 40.0]) for i in range(3)}, "colour": ["red", "blue"], "town": ["a", "b"]}
    )
    expected = np.clip(free.model.predict(far), low, high)
    assert np.array_equal(clamped.model.predict(far), expected)


def test_nothing_is_learnt_of_validation_rows():
    """Not medians, categories, targets' spread, and not the weights, where the last are kept."""
    made = recipe("td-s", "regression", **SMALL)
    rest = (table(slice(0, 60)), VALUES[:60])
    far = Table.from_arrays({**{f"n{i}": np.full(9, 1e6) for i in range(3)}, "colour": ["pink"] * 9, "town": ["x"] * 9})
    models = []
    for held in ((table(slice(60, None)), VALUES[60:]), (far, np.full(9, -1e9))):
        training = TableTraining(made, rest, held, seed=3, verbose=False, restore_best_weights=False)
        training.train()
        models.append(training.model)
    states = [model.preprocessor.to_state() for model in models]
    assert states[0][0] == states[1][0]
    assert all(np.array_equal(states[0][1][name], states[1][1][name]) for name in states[0][1])
    scalers = [model.networks[0].target_scaler.to_arrays() for model in models]
    assert all(np.array_equal(scalers[0][name], scalers[1][name]) for name in scalers[0])
    assert np.array_equal(models[0].networks[0].params.flat, models[1].networks[0].params.flat)
    assert scalers[0]["mean"] == pytest.approx(VALUES[:60].mean())


def test_rows_of_weight_zero_are_as_if_they_were_not_there():
    made = recipe("td-s", "regression", **SMALL)
    few = TableTraining(made, (table(slice(0, 50)), VALUES[:50]), seed=3, verbose=False)
    weights = np.r_[np.ones(50), np.zeros(40)]
    all_rows = TableTraining(made, (table(), VALUES, weights), seed=3, verbose=False)
    for training in (few, all_rows):
        training.train()
    assert np.array_equal(few.model.predict(table()), all_rows.model.predict(table()))


def test_weights_count_in_the_targets_scale():
    weights = RNG.uniform(0.1, 2, ROWS)
    training = TableTraining(recipe("td-s", "regression", **SMALL), (table(), VALUES, weights), verbose=False)
    scaler = training.model.networks[0].target_scaler
    mean = (weights * VALUES).sum() / weights.sum()
    assert scaler.mean[0] == pytest.approx(mean)
    assert scaler.scale[0] ** 2 == pytest.approx((weights * (VALUES - mean) ** 2).sum() / weights.sum())
    same = TableTraining(recipe("td-s", "regression", **SMALL), (table(), np.full(ROWS, 7.1), weights), verbose=False)
    assert (same.model.networks[0].target_scaler.mean[0], same.model.networks[0].target_scaler.scale[0]) == (7.1, 1)


@pytest.mark.parametrize("task", TASKS)
def test_packed_networks_are_trained_by_themselves_and_averaged(task):
    packed = trained(task, n_packed=3, held=True)
    alone = []
    for place in range(3):
        made = recipe("td-s", task, **SMALL)
        rest, val = slice(0, 60), slice(60, None)
        data = (table(rest), targets(task, rest)), (table(val), targets(task, val))
        training = TableTraining(made, *data, seed=3 + place, verbose=False)
        training.train()
        alone.append(training.model)
    for network, single in zip(packed.model.networks, alone, strict=True):
        assert np.array_equal(network.params.flat, single.networks[0].params.flat)
    if task == "classification":
        mean = np.mean([single.predict_proba(table()) for single in alone], axis=0)
        assert packed.model.predict_proba(table()) == pytest.approx(mean, abs=1e-6)
        assert np.array_equal(packed.model.predict(table()), mean.argmax(axis=1))
    else:
        mean = np.mean([single.predict(table()) for single in alone], axis=0)
        assert packed.model.predict(table()) == pytest.approx(mean, rel=1e-6)
    assert packed.model.num_parameters == 3 * alone[0].num_parameters
    X = {id(solver._parts["train"].X.base) for solver in packed.solvers}
    assert len(X) == 1  # the data are there once


def test_loss_and_score_are_of_the_mean():
    model = trained("classification", n_packed=2).model
    probabilities = model.predict_proba(table())
    chosen = probabilities[np.arange(ROWS), LABELS]
    smoothed = -(0.95 * np.log(chosen) + 0.05 * np.log(1 - chosen)).mean()
    assert model.evaluate(table(), LABELS) == pytest.approx((smoothed, (model.predict(table()) == LABELS).mean()))
    values = trained("regression", n_packed=2).model
    scaler = values.networks[0].target_scaler
    error = ((values.predict(table()) - VALUES) / scaler.scale[0]) ** 2
    r2 = 1 - ((values.predict(table()) - VALUES) ** 2).sum() / ((VALUES - VALUES.mean()) ** 2).sum()
    assert values.evaluate(table(), VALUES) == pytest.approx((error.mean(), r2), rel=1e-5)
    weights = np.where(np.arange(ROWS) < 30, 1.0, 0.0)
    assert model.score(table(), LABELS, weights) == (model.predict(table())[:30] == LABELS[:30]).mean()


def test_several_targets():
    both = np.stack([VALUES, -3 * NUMBERS[:, 2]], axis=1)
    training = TableTraining(recipe("td-s", "regression", **SMALL), (table(), both), verbose=False)
    training.train()
    assert training.model.predict(table()).shape == (ROWS, 2)
    assert training.model.networks[0].target_scaler.mean == pytest.approx(both.mean(axis=0))


@pytest.mark.parametrize("preset", ["td-s", "td"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("members", [1, 3])
def test_files_hold_the_whole_model(tmp_path, task, preset, members):
    model = trained(task, preset, n_packed=2, n_members=members).model
    if task == "classification":
        for network in model.networks:
            network.class_names = ("no", "yes")
    model.save(tmp_path / "model.npz", extra={"about": [1, 2]}, extra_arrays={"kept": np.arange(3)})
    again = nn.load(tmp_path / "model.npz")
    assert isinstance(again, TableModel)
    assert again.class_names == model.class_names
    assert again.feature_names == model.feature_names == ("n0", "n1", "n2", "colour", "town")
    assert len(again.networks) == 2
    assert np.array_equal(again.predict(table()), model.predict(table()))
    assert np.array_equal(again.scores(table()), model.scores(table()))
    assert again.recipe == model.recipe
    _, extra, arrays = nn.loading.load_model(tmp_path / "model.npz")
    assert extra["about"] == [1, 2]
    assert np.array_equal(arrays["kept"], np.arange(3))


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "model.npz"
    trained().model.save(path)
    header, arrays = nn._archive.read(path, "table model")
    for change in (
        lambda header, arrays: header.pop("networks"),
        lambda header, arrays: header.update(networks=[]),
        lambda header, arrays: header.update(preprocessor=3),
        lambda header, arrays: arrays.pop("preprocessor/learnt"),
        lambda header, arrays: arrays.update({"0/param/W1": np.zeros((2, 2), np.float32)}),
        lambda header, arrays: header.update(recipe={"task": "cooking"}),
    ):
        changed, kept = dict(header), dict(arrays)
        change(changed, kept)
        nn._archive.write(path, changed.pop("kind"), changed, kept)
        with pytest.raises(nn.CheckpointError, match="model.npz"):
            nn.load(path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"hidden_size": (3,)}, ValueError, "hidden_size: no option of a recipe; did you mean 'hidden_sizes'?"),
        ({"activation": "sellu"}, ValueError, "activation: expected one of .*; did you mean 'selu'?"),
        ({"epochs": 0}, ValueError, "epochs: .* 1"),
        ({"dropout": 1.0}, ValueError, "dropout: "),
        ({"front_scale": 1}, TypeError, "front_scale: expected True or False, got int 1"),
        ({"schedule": "coslog"}, ValueError, "schedule: .* did you mean 'coslog4'?"),
        ({"hidden_sizes": 3}, TypeError, "hidden_sizes: expected a list of widths"),
        ({"hidden_sizes": (3, 0)}, ValueError, "hidden_sizes: "),
        ({"numbers": "robusts"}, ValueError, "numbers: .* did you mean 'robust'?"),
        ({"learning_rate_factors": {"b": -1}}, ValueError, "learning_rate_factors: b: "),
        ({"learning_rate_factors": {"bias": 1}}, ValueError, "learning_rate_factors: expected .*, got 'bias'"),
    ],
)
def test_options_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        recipe("td-s", "classification", **options)


def test_presets_and_tasks_are_checked():
    with pytest.raises(ValueError, match="preset: expected one of .*, got 'tds'; did you mean 'td-s'?"):
        recipe("tds")
    with pytest.raises(ValueError, match="task: expected one of 'classification', 'regression', got 'classify'"):
        recipe("td", "classify")


def test_recipes_are_fixed_and_described():
    made = recipe("td", "regression", hidden_sizes=[4, 4], n_packed=2)
    assert Recipe(**made.description) == made
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.epochs = 3


def test_a_model_takes_what_fits():
    model = trained().model
    other = nn.Sequential([nn.Affine(2)], 5)
    for networks, message in (
        ([], "networks: expected at least one"),
        ([model.networks[0], 3], r"networks\[1\]: expected a Sequential"),
        ([other], r"networks\[0\]: takes examples of shape \(5,\)"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            TableModel(model.preprocessor, networks)
    with pytest.raises(TypeError, match="preprocessor: expected a numbanet.data.TablePreprocessor"):
        TableModel(None, model.networks)


def test_columns_are_found_by_name():
    model = trained().model
    turned = table().select(reversed(table().names))
    assert np.array_equal(model.predict_proba(turned), model.predict_proba(table()))
    with pytest.raises(ValueError, match="lacks the column 'colour'"):
        model.predict(table().drop(["colour"]))
