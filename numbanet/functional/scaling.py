"""Numbers that scale each feature by itself, and activations with a strength: N examples, D features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import common_dtype, one_of
from ..operations import ACTIVATIONS, OPERATIONS, backward_takes_output
from ._prepare import Cache, array, element_wise, open_cache, rows, run

__all__ = [
    "parametric_backward",
    "parametric_forward",
    "scale_backward",
    "scale_forward",
    "scale_shift_backward",
    "scale_shift_forward",
]

if TYPE_CHECKING:
    from .._types import ArrayLike, FloatArray, Ops

# Activations without options.
PLAIN = tuple(name for name in ACTIVATIONS if len(OPERATIONS[f"{name}_forward"].arguments) == 2)


@dataclass(frozen=True, eq=False)
class _ParametricCache(Cache):
    """Of `parametric_forward`, with the name of its activation."""

    activation: str


def scale_forward(x: ArrayLike, scale: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """``out = x * scale``, a number for each feature.

    Parameters
    ----------
    x : array_like, shape (N, d1, ..., dk)
        At least one trailing axis; their product is D.
    scale : array_like, shape (D,)
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, the shape of `x`
        float32 where x and scale are float32 or half, float64 otherwise.
    cache : Cache
        For `scale_backward`.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or do not fit each other; the message names the argument.

    See `numbanet.reference.scale_forward` for the source.
    """
    x, scale = _prepared(x, scale=scale)
    out = np.empty_like(x)
    run(ops, "scale_forward", rows(x), scale, rows(out))
    return out, Cache("scale_backward", ops, x.shape, x.shape, x.dtype, (rows(x), scale))


def scale_backward(dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray]:
    """Gradients of `scale_forward`: dx, dscale.

    Parameters
    ----------
    dout : array_like, the shape of the forward pass's `x`
    cache : Cache
        What `scale_forward` returned.

    Returns
    -------
    dx, dscale : ndarray
        Of the shapes of x and scale, and the dtype of the forward pass.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.scale_backward` for the formulas.
    """
    dout = open_cache("scale_backward", dout, cache)
    dx, dscale = np.empty_like(dout), np.empty_like(cache.arguments[1])
    cache.run(rows(dout), rows(dx), dscale)
    return dx, dscale


def scale_shift_forward(
    x: ArrayLike, scale: ArrayLike, shift: ArrayLike, *, ops: Ops = kernels
) -> tuple[FloatArray, Cache]:
    """``out = x * scale + shift``, two numbers for each feature.

    Parameters
    ----------
    x : array_like, shape (N, d1, ..., dk)
        At least one trailing axis; their product is D.
    scale, shift : array_like, shape (D,)
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, the shape of `x`
        float32 where x, scale and shift are float32 or half, float64 otherwise.
    cache : Cache
        For `scale_shift_backward`.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or do not fit each other; the message names the argument.

    See `numbanet.reference.scale_shift_forward` for the source.
    """
    x, scale, shift = _prepared(x, scale=scale, shift=shift)
    out = np.empty_like(x)
    run(ops, "scale_shift_forward", rows(x), scale, shift, rows(out))
    return out, Cache("scale_shift_backward", ops, x.shape, x.shape, x.dtype, (rows(x), scale))


def scale_shift_backward(dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `scale_shift_forward`: dx, dscale, dshift.

    Parameters, returns and errors are those of `scale_backward`. See `numbanet.reference.scale_shift_backward` for the
    formulas.
    """
    dout = open_cache("scale_shift_backward", dout, cache)
    scale = cache.arguments[1]
    dx, dscale, dshift = np.empty_like(dout), np.empty_like(scale), np.empty_like(scale)
    cache.run(rows(dout), rows(dx), dscale, dshift)
    return dx, dscale, dshift


def parametric_forward(
    x: ArrayLike, strength: ArrayLike, *, activation: str, ops: Ops = kernels
) -> tuple[FloatArray, Cache]:
    """An activation with a strength for each feature: ``out = x + (f(x) - x) * strength``.

    Parameters
    ----------
    x : array_like, shape (N, d1, ..., dk)
        At least one trailing axis; their product is D.
    strength : array_like, shape (D,)
        0 leaves a feature as it is, 1 is the activation.
    activation : str
        The name of an activation without options, such as "selu" or "mish".
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, the shape of `x`
        float32 where x and strength are float32 or half, float64 otherwise.
    cache : Cache
        For `parametric_backward`.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or do not fit each other, and for other activations; the
        message names the argument.

    See `numbanet.reference.blend` for the source.
    """
    one_of("activation", activation, PLAIN)
    x, strength = _prepared(x, strength=strength)
    _, activated = element_wise(ops, f"{activation}_forward", x)
    out = np.empty_like(x)
    run(ops, "blend", rows(x), rows(activated), strength, rows(out))
    arguments = rows(x), rows(activated), strength
    return out, _ParametricCache("parametric_backward", ops, x.shape, x.shape, x.dtype, arguments, activation)


def parametric_backward(dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray]:
    """Gradients of `parametric_forward`: dx, dstrength.

    Parameters
    ----------
    dout : array_like, the shape of the forward pass's `x`
    cache : Cache
        What `parametric_forward` returned.

    Returns
    -------
    dx, dstrength : ndarray
        Of the shapes of x and strength, and the dtype of the forward pass.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.blend_gradients` for the formulas.
    """
    dout = open_cache("parametric_backward", dout, cache)
    dx, dstrength = np.empty_like(dout), np.empty_like(cache.arguments[2])
    assert isinstance(cache, _ParametricCache)  # as only `parametric_forward` makes them
    x, activated, _ = cache.arguments
    seen = activated if backward_takes_output(cache.activation) else x
    run(cache.ops, f"{cache.activation}_backward", dout.reshape(-1), seen.reshape(-1), dx.reshape(-1))
    run(cache.ops, "blend_gradients", rows(dout), rows(dx), *cache.arguments, rows(dx), dstrength)
    return dx, dstrength


def _prepared(x: ArrayLike, **of_features: ArrayLike) -> list[FloatArray]:
    """The inputs as the operations take them: `x`, and what there is for each of its features."""
    dtype = common_dtype(x=x, **of_features)
    x = array("x", x, dtype)
    if x.ndim < 2:
        raise ValueError(f"x: expected shape (N, d1, ..., dk), got {x.shape}")
    return [x, *(array(name, values, dtype, rows(x).shape[1:]) for name, values in of_features.items())]
