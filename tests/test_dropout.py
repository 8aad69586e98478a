"""Dropout: examples by hand, the generator's published words, and what masks share and do not share."""

import math

import numpy as np
import pytest
from cases import call
from compare import BOTH

from numbanet import functional as F
from numbanet import kernels

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
    # Everything is kept and nothing scaled.
    ("dropout_forward", [[1, -2, 3], np.array([1, 2], np.uint64), 0.0], {"out": [1, -2, 3]}),
    ("dropout_backward", [[1, -2, 3], np.array([1, 2], np.uint64), 0.0], {"dx": [1, -2, 3]}),
    # Philox4x32-10 of counter 0 and key 0 begins with 6627e8d5, 0.399 of 2**32: kept at 1/2, not at 1/4.
    ("dropout_forward", [[3], np.array([0, 0], np.uint64), 0.5], {"out": [6]}),
    ("dropout_forward", [[3], np.array([0, 0], np.uint64), 0.75], {"out": [0]}),
]

PHILOX = [  # Random123, kat_vectors, philox4x32 with 10 rounds: counter, key, words
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@BOTH
@pytest.mark.parametrize(("counter", "key", "expected"), PHILOX)
def test_philox_known_answers(counter, key, expected, ops):
    counter, key, expected = ([int(word, 16) for word in text.split()] for text in (counter, key, expected))
    words = np.zeros((4, kernels.dropout.RUN), np.uint64)
    words[:, 5] = counter
    ops.dropout.philox(words, np.uint64(key[0] | key[1] << 32))
    assert words[:, 5].tolist() == expected


def mask(seed, step, size=100_000, rate=0.3):
    key = np.array([seed, step], np.uint64)
    return call(kernels.dropout_forward, np.ones(size, np.float32), key, rate, out=size)["out"]


def test_mask_drops_the_wanted_fraction_and_scales_the_rest():
    for rate in (0.1, 0.5, 0.9):
        values, counts = np.unique(mask(3, 0, rate=rate), return_counts=True)
        assert values.tolist() == [0, np.float32(1 / (1 - rate))]
        deviation = np.sqrt(rate * (1 - rate) / 100_000)
        assert abs(counts[0] / 100_000 - rate) < 4 * deviation
    assert (mask(3, 0, rate=0) == 1).all()


def test_masks_of_other_seeds_steps_and_places_are_independent():
    first = mask(0, 0) > 0
    others = [mask(1, 0), mask(0, 1), mask(2**32, 0), mask(0, 2**32)]
    for other in [*others, *(np.roll(first, shift) for shift in (1, 64, 256))]:
        # Both keep an element with probability 0.49: the fraction is off by less than four deviations.
        assert abs(np.mean(first & (other > 0)) - 0.49) < 4 * np.sqrt(0.49 * 0.51 / 100_000)


def test_forward_and_backward_drop_the_same_and_any_prefix_too():
    key, ones = np.array([7, 9], np.uint64), np.ones(1000)
    forward = call(kernels.dropout_forward, ones, key, 0.5, out=1000)["out"]
    backward = call(kernels.dropout_backward, ones, key, 0.5, dx=1000)["dx"]
    part = call(kernels.dropout_forward, ones[:333], key, 0.5, out=333)["out"]
    assert (forward == backward).all()
    assert (forward[:333] == part).all()
    assert set(forward) == {0.0, 2.0}


@BOTH
def test_dropout(ops):
    x = np.ones((100, 100), np.float32)
    out, cache = F.dropout_forward(x, rate=0.25, seed=2**64 - 1, ops=ops)
    assert set(np.unique(out)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((out > 0).mean() - 0.75) < 5 * math.sqrt(0.75 * 0.25 / x.size)
    np.testing.assert_array_equal(F.dropout_backward(x, cache), out)  # the same mask


def test_dropout_masks_follow_seed_and_step():
    def mask(**options):
        return F.dropout_forward(np.ones(1000), rate=0.5, **options)[0]

    np.testing.assert_array_equal(mask(seed=1), mask(seed=1, step=0))
    for other in (mask(seed=2), mask(seed=1, step=1)):
        assert 400 < (mask(seed=1) != other).sum() < 600
    np.testing.assert_array_equal(F.dropout_forward([3.0, 4.0], rate=0, seed=0)[0], [3, 4])
