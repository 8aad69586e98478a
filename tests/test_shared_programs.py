"""Whole networks trained by a team of threads: the same bits as by one, for every layer, loss and rule."""

import numpy as np
import pytest
from test_program import DATA, IMAGE_LAYERS, LAYERS, assert_same, table_training, trained

from numbanet.losses import LOSSES
from numbanet.optim import RULES
from numbanet.runtime import call_table, contexts, sharing, team, threads

SOME, ALL = [2, 3, 8], range(2, 9)  # threads, more than there are cores


@pytest.fixture
def assert_alike(monkeypatch):
    """A function that asserts that what is trained is the same, whichever number of threads shares everything."""
    monkeypatch.setattr(sharing, "pays", lambda nanoseconds: nanoseconds > 0 and threads.get_num_threads() > 1)
    monkeypatch.setattr(team, "ROUSING_NS", 0.0)
    monkeypatch.setattr(team.Pool, "note", lambda *arguments: None)  # however busy the machine is
    monkeypatch.setattr(call_table.Turns, "note", lambda *arguments: None)

    def train_by(count, options):
        monkeypatch.setattr(threads, "_chosen", count)
        solver = trained(**options)
        assert solver.compiled
        return solver

    def run(counts=SOME, **options):
        alone = train_by(1, options)
        for count in counts:
            team.pool.lead(count).numbers[contexts.TOGETHER] = 0
            assert_same(alone, train_by(count, options))
            assert team.pool.lead(count).numbers[contexts.TOGETHER] == count

    return run


@pytest.mark.parametrize("layers", LAYERS)
def test_every_layer(layers, assert_alike):
    assert_alike(layers=LAYERS[layers])


@pytest.mark.parametrize("layers", IMAGE_LAYERS)
def test_every_layer_for_images(layers, assert_alike):
    assert_alike(layers=IMAGE_LAYERS[layers], input_shape=(1, 8, 8))


@pytest.mark.parametrize("weighted", [False, True])
def test_every_layer_for_tables(weighted, assert_alike):
    assert_alike(**table_training(weighted))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule(rule, assert_alike):
    assert_alike(rule=rule)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss, assert_alike):
    data = DATA
    if LOSSES[loss].per_output:
        data = {key: np.eye(10)[value] if key[0] == "y" else value for key, value in DATA.items()}
    assert_alike(loss=loss, data=data)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layers", [*LAYERS, *IMAGE_LAYERS])
def test_any_number_of_threads(layers, dtype, assert_alike):
    images = layers not in LAYERS
    shape = (1, 8, 8) if images else (64,)
    assert_alike(ALL, layers=(IMAGE_LAYERS if images else LAYERS)[layers], dtype=dtype, input_shape=shape)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 17, 150])
def test_batches_of_all_sizes(batch_size, assert_alike):
    """Fewer examples than threads, a last batch that is smaller, and pieces of rows."""
    assert_alike(layers=LAYERS["batchnorm"] if batch_size > 1 else LAYERS["relu"], batch_size=batch_size, epochs=1)


def test_clipped_gradients_and_averages(assert_alike):
    assert_alike(optimizer_options={"learning_rate": 1e-2, "clip_norm": 0.5, "clip_value": 0.1, "ema_decay": 0.99})
