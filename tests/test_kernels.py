"""Every kernel against its reference; what is special to a family stands in tests/test_<family>.py."""

import pytest
from cases import CASES, SHARED, sharing

from numbanet.testing import check_pair

# An infinite inv_std, which no batch gives, or gamma: the kernel takes it out of a sum whose terms have both signs.
SPECIAL = {"layernorm_backward": (None, "nan"), "groupnorm_backward": (None, "nan")}


@pytest.mark.parametrize("name", CASES)
def test_kernel_agrees_with_its_reference(name):
    check_pair(name, CASES[name], special=SPECIAL.get(name, (None, "nan", "inf")))


@pytest.mark.parametrize(("name", "output", "source"), SHARED)
def test_output_may_be_an_input(name, output, source):
    check_pair(name, [sharing(case, output, source) for case in CASES[name][::4]], special=(None,))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_many_draws(name):
    for seed in range(1, 4):
        check_pair(name, CASES[name], seed=seed, special=SPECIAL.get(name, (None, "nan", "inf")))
