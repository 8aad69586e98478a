"""Members of an ensemble, trained as one network: an example of theirs has them side by side, (members * D,)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from .. import initializers
from .._checks import boolean, integer, one_of
from .affine import PARAMETRIZATIONS
from .base import Layer, Variable, set_checked

if TYPE_CHECKING:
    from typing import Any, Literal

    from .._types import FloatArray, Init, Initializer, Lowered, Parametrization, Shape
    from ..program import Lowering


def _signs(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> FloatArray:
    return rng.choice([-1.0, 1.0], shape)


SCALINGS: dict[str, Initializer] = {"signs": _signs, "normal": initializers.normal(1.0), "ones": initializers.ones}


def _for_each(initializer: Initializer) -> Initializer:
    """Values of its own for each member."""

    def initialize(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> FloatArray:
        return np.stack([initializer(rng, shape[1:], fan_in, fan_out) for _ in range(shape[0])])

    return initialize


def _for_all(initializer: Initializer) -> Initializer:
    """The same values for all members."""

    def initialize(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> FloatArray:
        return np.stack([initializer(rng, shape[1:], fan_in, fan_out)] * shape[0])

    return initialize


@dataclass(frozen=True)
class Members(Layer):
    """Each example for the members of an ensemble, which each scale its features: (D,) to (members * D,).

    Parameters are `r`, shape (members, D). The layers that follow see the members side by side, each its own:
    activations, `Dropout`, `Scale`, `Parametric` and `BatchNorm` are for members too, and `MemberAffine` is their
    `Affine`. The loss is `MembersLoss`. Source: TabM (Gorishniy, Kotelnikov and Babenko, arXiv:2410.24210).

    Parameters
    ----------
    members : int
    init : {"signs", "normal", "ones"}
        How `r` begins, which is what members differ by at first: -1 or 1 at random; normal, which suits embeddings; 1.
    """

    members: int
    init: Literal["signs", "normal", "ones"] = "signs"

    backward_takes_output = False

    def __post_init__(self) -> None:
        set_checked(self, members=integer("Members: members", self.members, 1))
        one_of("Members: init", self.init, SCALINGS)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (self.members * math.prod(input_shape),)

    def parameters(self, input_shape: Shape) -> tuple[Variable, ...]:
        return (Variable("r", (self.members, math.prod(input_shape)), SCALINGS[self.init]),)

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        r, dr = net.parameter("r")
        out = net.buffer(r.size)
        net.forward("members_forward", x, r, out)

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.gradient(x)
            net.backward("members_backward", dout, x, r, dx, dr)
            return dx

        return out, backward


@dataclass(frozen=True)
class MemberAffine(Layer):
    """Fully connected, for members side by side: (members * D,) to (members * units,).

    Shared: ``((x * r) W) * s + b``, with one weight `W` (D, units) for all members, so that it is one product of N *
    members rows, and scalings `r` (members, D) and `s` (members, units) of each member's own. Not shared, as the last
    layer mostly is: a weight `W` (members, D, units) for each. Biases `b` (members, units) are each member's own in
    either case. Source: BatchEnsemble (Wen, Tran and Ba, arXiv:2002.06715, eq. 5), as in TabM (arXiv:2410.24210).

    Parameters
    ----------
    units : int
        Outputs of each member.
    members : int
    shared : bool
    input_scaling, output_scaling : bool, optional
        Whether there are r and s, which begin as 1; by default where the weight is shared. Directly after `Members`,
        which scales too, an `input_scaling` adds nothing.
    weight_init : str, float or callable, optional
        See `Affine`; where the weight is not shared, every member draws its own.
    bias_init : str, float or callable
        The same for biases; where the weight is shared, members begin with the same ones.
    parametrization : {"standard", "ntk"}
        See `Affine`.
    """

    units: int
    members: int
    shared: bool = True
    input_scaling: bool | None = None
    output_scaling: bool | None = None
    weight_init: Init | None = None
    bias_init: Init = "zeros"
    parametrization: Parametrization = "standard"

    backward_takes_output = False
    is_affine = True

    def __post_init__(self) -> None:
        name = "MemberAffine: "
        shared = boolean(f"{name}shared", self.shared)
        set_checked(
            self,
            units=integer(f"{name}units", self.units, 1),
            members=integer(f"{name}members", self.members, 1),
            shared=shared,
        )
        for option in ("input_scaling", "output_scaling"):
            value = getattr(self, option)
            value = shared if value is None else boolean(name + option, value)
            if value and not shared:
                raise ValueError(
                    f"{name}{option}: is for a shared weight, and with shared=False each member has its own"
                )
            set_checked(self, **{option: value})
        one_of(f"{name}parametrization", self.parametrization, PARAMETRIZATIONS)
        if self.weight_init is None:
            set_checked(self, weight_init=PARAMETRIZATIONS[self.parametrization])
        initializers.get(self._weight_init, f"{name}weight_init")
        initializers.get(self.bias_init, f"{name}bias_init")

    def __repr__(self) -> str:
        shown: dict[str, Any] = {"units": self.units, "members": self.members}
        usual: dict[str, Any] = {
            "shared": True,
            "input_scaling": self.shared,
            "output_scaling": self.shared,
            "parametrization": "standard",
        }
        shown.update((name, getattr(self, name)) for name, value in usual.items() if getattr(self, name) != value)
        shown["weight_init"] = self.weight_init
        return f"MemberAffine({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def _weight_init(self) -> Init:
        return cast("Init", self.weight_init)  # which is one by the time that the layer is made

    def _features(self, input_shape: Shape) -> int:
        """D."""
        if len(input_shape) != 1 or input_shape[0] % self.members:
            raise ValueError(f"expected {self.members} members side by side, ({self.members} * D,), got {input_shape}")
        return input_shape[0] // self.members

    def output_shape(self, input_shape: Shape) -> Shape:
        self._features(input_shape)
        return (self.members * self.units,)

    def parameters(self, input_shape: Shape) -> tuple[Variable, ...]:
        d, k, m = self._features(input_shape), self.members, self.units
        weights, biases = initializers.get(self._weight_init), initializers.get(self.bias_init)
        unit = 1.0 if self.parametrization == "standard" else 1 / math.sqrt(d)
        if not self.shared:
            weight = Variable("W", (k, d, m), _for_each(weights), True, (d, m), unit)
            return weight, Variable("b", (k, m), _for_each(biases), False, (d, m))
        scalings = [Variable("r", (k, d), initializers.ones)] if self.input_scaling else []
        scalings += [Variable("s", (k, m), initializers.ones)] if self.output_scaling else []
        weight = Variable("W", (d, m), weights, True, (d, m), unit)
        return weight, *scalings, Variable("b", (k, m), _for_all(biases), False, (d, m))

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        return self._lower_shared(net, x) if self.shared else self._lower_own(net, x)

    def _lower_own(self, net: Lowering, x: FloatArray) -> Lowered:
        (w, dw), (b, db) = net.parameter("W"), net.parameter("b")
        out = net.buffer(b.size)
        net.forward("member_affine_forward", x, w, b, out)

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.gradient(x)
            net.backward("member_affine_backward", dout, x, w, dx, dw, db)
            return dx

        return out, backward

    def _lower_shared(self, net: Lowering, x: FloatArray) -> Lowered:
        """The scalings, of (N, members * D), and between them the product, of (N * members, D)."""
        (w, dw), (b, db), no_biases = net.parameter("W"), _side_by_side(net, "b"), np.empty(0, x.dtype)
        scaled, r, dr = x, no_biases, no_biases
        if self.input_scaling:
            r, dr = _side_by_side(net, "r")
            scaled = net.buffer(r.size)
            net.forward("scale_forward", x, r, scaled)
        of_member, product = scaled.reshape(-1, len(w)), net.buffer(b.size)
        net.forward("affine_forward", of_member, w, no_biases, product.reshape(-1, self.units))
        # Without an output scaling, one that stays 1.
        s, ds = _side_by_side(net, "s") if self.output_scaling else (np.ones_like(b), net.workspace(b.size))
        out = net.buffer(b.size) if net.training else product
        net.forward("scale_shift_forward", product, s, b, out)

        def backward(dout: FloatArray) -> FloatArray:
            dproduct = net.overwritable(dout)
            net.backward("scale_shift_backward", dout, product, s, dproduct, ds, db)
            dx = net.buffer(x.shape[1]) if self.input_scaling else net.gradient(x)
            rows = dproduct.reshape(-1, self.units)
            net.backward("affine_backward", rows, of_member, w, dx.reshape(-1, len(w)), dw, no_biases)
            if self.input_scaling:
                dscaled, dx = dx, dx if net.needed else net.gradient(x)
                net.backward("scale_backward", dscaled, x, r, dx, dr)
            return dx

        return out, backward


def _side_by_side(net: Lowering, name: str) -> tuple[FloatArray, FloatArray]:
    """A parameter (members, ...) and its gradient as (members * ...,)."""
    value, gradient = net.parameter(name)
    return value.reshape(-1), gradient.reshape(-1)
