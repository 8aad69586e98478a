"""Numbers that scale each feature by itself, and activations mixed with their input: the specification.

N examples, D features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._types import Array


def scale_forward(x: Array, scale: Array, out: Array) -> None:
    """``out = x * scale``, a number for each feature.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    scale : ndarray, shape (D,)
    out : ndarray, shape (N, D)
        Written. May be `x` itself.

    Notes
    -----
    Source: the scaling layer of RealMLP (Holzmüller, Grinsztajn and Steinwart, arXiv:2407.04491, section 3.2).
    """
    out[...] = x * scale


def scale_backward(dout: Array, x: Array, scale: Array, dx: Array, dscale: Array) -> None:
    """Gradients of `scale_forward`: ``dx = dout * scale``, ``dscale = Σₙ dout * x``.

    Parameters
    ----------
    dout, x : ndarray, shape (N, D)
    scale : ndarray, shape (D,)
    dx : ndarray, shape (N, D), or (0, D)
        Written; the empty one says that the input gradient is not wanted. May be `dout` itself.
    dscale : ndarray, shape (D,)
        Written.
    """
    dscale[...] = (dout * x).sum(axis=0)
    if len(dx):
        dx[...] = dout * scale


def scale_shift_forward(x: Array, scale: Array, shift: Array, out: Array) -> None:
    """``out = x * scale + shift``, two numbers for each feature.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    scale, shift : ndarray, shape (D,)
    out : ndarray, shape (N, D)
        Written. May be `x` itself.

    Notes
    -----
    What members of an ensemble do with a product that they share: `s` and the biases of BatchEnsemble (Wen, Tran and
    Ba, arXiv:2002.06715, eq. 5).
    """
    out[...] = x * scale + shift


def scale_shift_backward(dout: Array, x: Array, scale: Array, dx: Array, dscale: Array, dshift: Array) -> None:
    """Gradients of `scale_shift_forward`: ``dx = dout * scale``, ``dscale = Σₙ dout * x``, ``dshift = Σₙ dout``.

    Parameters
    ----------
    dout, x : ndarray, shape (N, D)
    scale : ndarray, shape (D,)
    dx : ndarray, shape (N, D)
        Written. May be `dout` itself.
    dscale, dshift : ndarray, shape (D,)
        Written.
    """
    dscale[...] = (dout * x).sum(axis=0)
    dshift[...] = dout.sum(axis=0)
    dx[...] = dout * scale


def blend(x: Array, activated: Array, strength: Array, out: Array) -> None:
    """What lies between numbers and their activations: ``out = x + (activated - x) * strength``.

    Parameters
    ----------
    x, activated : ndarray, shape (N, D)
        The input of an activation, and what it gives.
    strength : ndarray, shape (D,)
        0 leaves a feature as it is, 1 is the activation.
    out : ndarray, shape (N, D)
        Written. May be `activated` itself.

    Notes
    -----
    Source: the parametric activations of RealMLP (Holzmüller, Grinsztajn and Steinwart, arXiv:2407.04491, section 3.2).
    """
    out[...] = x + (activated - x) * strength


def blend_gradients(
    dout: Array, dactivated: Array, x: Array, activated: Array, strength: Array, dx: Array, dstrength: Array
) -> None:
    """Gradients of an activation with `blend` after it.

    ``dx = dout + (dactivated - dout) * strength``, ``dstrength = Σₙ dout * (activated - x)``.

    Parameters
    ----------
    dout : ndarray, shape (N, D)
    dactivated : ndarray, shape (N, D)
        What the activation's own backward pass makes of `dout`, as if the strength were 1.
    x, activated : ndarray, shape (N, D)
    strength : ndarray, shape (D,)
    dx : ndarray, shape (N, D)
        Written: the gradient of the activation's input. May be `dout` or `dactivated` itself.
    dstrength : ndarray, shape (D,)
        Written.
    """
    dstrength[...] = (dout * (activated - x)).sum(axis=0)
    dx[...] = dout + (dactivated - dout) * strength
