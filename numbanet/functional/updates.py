"""Update rules, each one step on arrays of any one shape; new arrays are returned.

Every function takes a parameter `w`, its gradient `dw` and the rule's state, array_like and of one shape, and returns
the new parameter and the new state: float32 where all arrays are float32 or half, float64 otherwise. A rule's state
starts at zero. TypeError or ValueError, naming the argument, for arrays that are not of real numbers, are empty or
differ in shape, and for numbers out of range. `ops` is `numbanet.kernels` or `numbanet.reference`; the formulas and
their sources are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import kernels
from .._checks import integer, number, one_of
from ._prepare import fraction, non_negative, positive, run, same_shape

__all__ = [
    "adam_update",
    "clip_by_norm",
    "clip_by_value",
    "ema_update",
    "momentum_update",
    "nesterov_update",
    "rmsprop_update",
    "sgd_update",
]

if TYPE_CHECKING:
    from typing import Any

    from .._types import ArrayLike, FloatArray, Ops


def sgd_update(w: ArrayLike, dw: ArrayLike, *, learning_rate: float, ops: Ops = kernels) -> FloatArray:
    """Gradient descent.

    Parameters
    ----------
    w, dw : array_like, any one shape
    learning_rate : float
        Finite and not negative.

    Returns
    -------
    w : ndarray

    Dtypes, errors and `ops`: see `numbanet.functional.updates`; the source: `numbanet.reference.sgd_update`.
    """
    (w,) = _step(ops, "sgd_update", {"w": w, "dw": dw}, non_negative("learning_rate", learning_rate))
    return w


def momentum_update(
    w: ArrayLike, dw: ArrayLike, velocity: ArrayLike, *, learning_rate: float, momentum: float = 0.9, ops: Ops = kernels
) -> tuple[FloatArray, FloatArray]:
    """Gradient descent with momentum: ``velocity = momentum * velocity - learning_rate * dw``, ``w += velocity``.

    Parameters
    ----------
    w, dw, velocity : array_like, any one shape
    learning_rate : float
        Finite and not negative.
    momentum : float, from 0 to 1

    Returns
    -------
    w, velocity : ndarray

    Dtypes, errors and `ops`: see `numbanet.functional.updates`; the source: `numbanet.reference.momentum_update`.
    """
    return _momentum("momentum_update", ops, w, dw, velocity, learning_rate, momentum)


def nesterov_update(
    w: ArrayLike, dw: ArrayLike, velocity: ArrayLike, *, learning_rate: float, momentum: float = 0.9, ops: Ops = kernels
) -> tuple[FloatArray, FloatArray]:
    """Gradient descent with Nesterov's momentum.

    Parameters and returns are those of `momentum_update`; the source: `numbanet.reference.nesterov_update`.
    """
    return _momentum("nesterov_update", ops, w, dw, velocity, learning_rate, momentum)


def rmsprop_update(
    w: ArrayLike,
    dw: ArrayLike,
    s: ArrayLike,
    *,
    learning_rate: float,
    decay_rate: float = 0.99,
    eps: float = 1e-8,
    eps_inside_root: bool = False,
    ops: Ops = kernels,
) -> tuple[FloatArray, FloatArray]:
    """RMSProp: the gradient divided by the root of a running average of its square.

    Parameters
    ----------
    w, dw, s : array_like, any one shape
    learning_rate, eps : float
        Finite and not negative.
    decay_rate : float, from 0 to 1
    eps_inside_root : bool
        Which of the two published forms: ``√(s + eps)``, or ``√s + eps`` as in PyTorch.

    Returns
    -------
    w, s : ndarray

    Dtypes, errors and `ops`: see `numbanet.functional.updates`; the source: `numbanet.reference.rmsprop_update`.
    """
    return _step(
        ops,
        "rmsprop_update",
        {"w": w, "dw": dw, "s": s},
        non_negative("learning_rate", learning_rate),
        fraction("decay_rate", decay_rate),
        non_negative("eps", eps),
        _flag("eps_inside_root", eps_inside_root),
    )


def adam_update(
    w: ArrayLike,
    dw: ArrayLike,
    m: ArrayLike,
    v: ArrayLike,
    *,
    step: int,
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    eps_inside_root: bool = False,
    ops: Ops = kernels,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Adam, and with `weight_decay` AdamW.

    Parameters
    ----------
    w, dw, m, v : array_like, any one shape
    step : int
        Number of this step, from 1.
    learning_rate, eps, weight_decay : float
        Finite and not negative.
    beta1, beta2 : float, from 0 to below 1
    eps_inside_root : bool
        False: bias correction, and ``√v + eps``, as in PyTorch. True: none, and ``√(v + eps)``.

    Returns
    -------
    w, m, v : ndarray

    Dtypes, errors and `ops`: see `numbanet.functional.updates`; the source: `numbanet.reference.adam_update`.
    """
    return _step(
        ops,
        "adam_update",
        {"w": w, "dw": dw, "m": m, "v": v},
        non_negative("learning_rate", learning_rate),
        number("beta1", beta1, 0, 1, include_high=False),
        number("beta2", beta2, 0, 1, include_high=False),
        non_negative("eps", eps),
        non_negative("weight_decay", weight_decay),
        integer("step", step, 1, 2**63 - 1),
        _flag("eps_inside_root", eps_inside_root),
    )


def clip_by_value(dw: ArrayLike, *, limit: float, ops: Ops = kernels) -> FloatArray:
    """Each element of a gradient brought into [-limit, limit].

    Parameters
    ----------
    dw : array_like, any shape
    limit : float
        Above 0.

    Returns
    -------
    dw : ndarray

    Dtypes, errors and `ops`: see `numbanet.functional.updates`; the source: `numbanet.reference.clip_by_value`.
    """
    return _clipped(ops, "clip_by_value", dw, limit)[0]


def clip_by_norm(dw: ArrayLike, *, limit: float, ops: Ops = kernels) -> tuple[FloatArray, float]:
    """A gradient no longer than `limit`, and the length that it had.

    Parameters
    ----------
    dw : array_like, any shape
    limit : float
        Above 0.

    Returns
    -------
    dw : ndarray
    norm : float

    Dtypes, errors and `ops`: see `numbanet.functional.updates`; the source: `numbanet.reference.clip_by_norm`.
    """
    return _clipped(ops, "clip_by_norm", dw, limit)


def _clipped(ops: Ops, operation: str, dw: ArrayLike, limit: float) -> tuple[FloatArray, Any]:
    (dw,) = same_shape(dw=dw)
    clipped = dw.copy()
    return clipped, run(ops, operation, clipped.reshape(-1), positive("limit", limit))


def ema_update(w: ArrayLike, average: ArrayLike, *, decay: float, step: int, ops: Ops = kernels) -> FloatArray:
    """Exponential moving average of parameters, which at step 1 is `w` itself.

    Parameters
    ----------
    w, average : array_like, any one shape
    decay : float
        In [0, 1).
    step : int
        Number of this step, from 1.

    Returns
    -------
    average : ndarray

    Dtypes, errors and `ops`: see `numbanet.functional.updates`; the source: `numbanet.reference.ema_update`.
    """
    w, average = same_shape(w=w, average=average)
    new = average.copy()
    scalars = number("decay", decay, 0, 1, include_high=False), integer("step", step, 1, 2**63 - 1)
    run(ops, "ema_update", w.reshape(-1), new.reshape(-1), *scalars)
    return new


def _momentum(
    operation: str, ops: Ops, w: ArrayLike, dw: ArrayLike, velocity: ArrayLike, learning_rate: float, momentum: float
) -> tuple[FloatArray, FloatArray]:
    scalars = non_negative("learning_rate", learning_rate), fraction("momentum", momentum)
    return _step(ops, operation, {"w": w, "dw": dw, "velocity": velocity}, *scalars)


def _step(ops: Ops, operation: str, arrays: dict[str, ArrayLike], *scalars: float) -> Any:
    """Run an update on copies; gives those that it changed: all but the second, the gradient."""
    w, dw, *state = same_shape(**arrays)
    changed = tuple(array.copy() for array in (w, *state))
    new_w, *new_state = (array.reshape(-1) for array in changed)
    run(ops, operation, new_w, dw.reshape(-1), *new_state, *scalars)
    return changed


def _flag(name: str, value: Any) -> bool:
    return bool(one_of(name, value, (False, True)))
