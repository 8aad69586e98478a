"""Initial values: their spread, and which are there."""

import numpy as np
import pytest

from numbanet import initializers
from numbanet.initializers import BY_NAME, get

SHAPE = 300, 200


def draw(name, shape=SHAPE, seed=0):
    return get(name)(np.random.default_rng(seed), shape, shape[0], np.prod(shape[1:]))


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("he_normal", 2 / 300),
        ("he_uniform", 2 / 300),
        ("xavier_normal", 2 / 500),
        ("lecun_normal", 1 / 300),
        ("xavier_uniform", 2 / 500),
        (0.05, 0.0025),
    ],
)
def test_mean_and_variance(name, variance):
    values = draw(name)
    assert values.dtype == np.float64
    assert values.shape == SHAPE
    # Of 60,000 values: the mean's standard error is sqrt(variance / 60000), the variance's about 0.6 percent.
    assert abs(values.mean()) < 4 * np.sqrt(variance / values.size)
    assert values.var() == pytest.approx(variance, rel=0.025)


@pytest.mark.parametrize("name", ["he_uniform", "xavier_uniform"])
def test_uniform_draws_fill_their_interval_and_no_more(name):
    values = draw(name)
    bound = np.sqrt(3 * {"he_uniform": 2 / 300, "xavier_uniform": 2 / 500}[name])
    assert 0.999 * bound < abs(values).max() <= bound


def test_normal_draws_have_the_tails_of_a_gaussian():
    values = draw("he_normal") / np.sqrt(2 / 300)
    assert np.mean(abs(values) < 1) == pytest.approx(0.6827, abs=0.01)
    assert np.mean(abs(values) < 2) == pytest.approx(0.9545, abs=0.005)


@pytest.mark.parametrize("shape", [(7, 20), (20, 7), (9, 9), (5, 2, 3)])
def test_orthogonal(shape):
    values = draw("orthogonal", shape).reshape(shape[0], -1)
    fewer = values if values.shape[0] <= values.shape[1] else values.T
    np.testing.assert_allclose(fewer @ fewer.T, np.eye(len(fewer)), atol=1e-12)


def test_orthogonal_draws_are_uniform_in_sign():
    # Without the correction of the signs, QR gives a first diagonal element that is never positive.
    first = [draw("orthogonal", (3, 3), seed)[0, 0] for seed in range(100)]
    assert 30 < np.sum(np.array(first) > 0) < 70


def test_zeros_and_ones():
    assert not draw("zeros").any()
    assert (draw("ones") == 1).all()
    assert not draw(0).any()


def test_names_have_their_usual_synonyms():
    for other, name in {"kaiming": "he", "glorot": "xavier"}.items():
        for kind in ("normal", "uniform"):
            assert BY_NAME[f"{other}_{kind}"] is BY_NAME[f"{name}_{kind}"]


def test_a_function_is_taken_as_it_is():
    assert get(initializers.ones) is initializers.ones


@pytest.mark.parametrize("name", ["he", "He_normal", ""])
def test_an_unknown_name_lists_the_known(name):
    with pytest.raises(
        ValueError, match="^initializer: expected one of 'zeros', 'ones', 'he_normal'.*'fan_in_uniform', got"
    ):
        get(name)


@pytest.mark.parametrize("value", [None, True, 1j, [0.1], np.zeros(3), dict])
def test_anything_else_is_refused(value):
    with pytest.raises(TypeError, match="^initializer: expected a name, a number or a function, got"):
        get(value)


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_a_scale_is_finite_and_not_negative(value):
    with pytest.raises(ValueError, match=r"expected a number in \[0, inf\)"):
        get(value)
    with pytest.raises(ValueError, match=r"^weight_scale: expected a number in \[0, inf\)"):
        initializers.normal(value)
