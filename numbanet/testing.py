"""Tools for testing kernels: a fast function against its plain twin, and a gradient against differences.

numbanet's own kernels are tested with them (``tests/test_kernels.py``, ``tests/test_gradients.py``), and so can yours.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import kernels, reference
from ._checks import as_data, did_you_mean, one_of
from ._compare import magnitude, place, require_close
from .losses import checked_loss
from .operations import OPERATIONS
from .runtime import threads
from .runtime.dispatch import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Literal

    from ._types import Array, ArrayLike, DTypeLike, FloatArray
    from .losses import Loss


__all__ = ["Case", "Report", "check_gradients", "check_loss", "check_pair", "numerical_gradient"]

LAYOUTS = ("C", "F", "strided")
SPECIAL = {"nan": (np.nan, np.nan), "inf": (np.inf, -np.inf)}

# What surrounds an array in memory: NaN shows in the results where it is read, but an output has a number around it,
# since NaN plus something would be NaN still. Integers, by themselves: 1 where one may be read as an index.
AROUND_INPUT, AROUND_OUTPUT = {"f": np.nan, "i": 1}, {"f": -123.25, "i": 93}
# What an output holds before the call: two things, so that an element that neither function writes differs too.
STALE_REFERENCE, STALE_KERNEL = {"f": 77.0, "i": 1}, {"f": np.nan, "i": 0}


@dataclass(frozen=True)
class Case:
    """One set of arguments to run a pair of functions on.

    Attributes
    ----------
    name : str
        What the failure message calls it.
    build : callable
        ``build(rng, dtype)`` gives a dict of all arguments by name, in the order of the signature. Arrays are copied
        for each call; an array under two names stays one. Anything but an array is passed as it is.
    outputs : sequence of str
        Arguments that are written in full, whatever they held.
    updated : sequence of str
        Arguments that are read and changed, like running averages.
    terms : int, optional
        How many numbers are added up into one element of a result, for the tolerance: 1 for element-wise functions. By
        default the longest axis of the inputs.
    scratch : sequence of str
        Arguments that may be written while the function runs; what they held and hold has no meaning.
    """

    name: str
    build: Callable
    outputs: Sequence[str] = ()
    updated: Sequence[str] = ()
    terms: int | None = None
    scratch: Sequence[str] = ()

    @property
    def stale(self) -> tuple[str, ...]:
        """Arguments whose values are not read."""
        return (*self.outputs, *self.scratch)


class Report(NamedTuple):
    """What `check_pair` did: the number of arrays compared, and the largest error as a fraction of what was allowed."""

    operation: str
    comparisons: int
    worst: float


def check_pair(
    pair: str | tuple[Callable[..., Any], Callable[..., Any]],
    cases: Iterable[Case],
    *,
    dtypes: Sequence[DTypeLike] = (np.float32, np.float64),
    layouts: Sequence[str] | None = None,
    special: Sequence[str | None] = (None, "nan", "inf"),
    threads: Sequence[int | Literal["all"]] = (1, "all"),
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
) -> Report:
    """Run a kernel and its reference on equal arguments and compare everything they write and return.

    Every combination of case, dtype, layout, special value and thread count is run. Besides the values, it checks that
    every thread count gives the same bits, that inputs are left alone, that outputs are written in full, that results
    have the same shape and dtype, and that nothing is written next to an array.

    Parameters
    ----------
    pair : str or tuple of two callables
        The name of an operation, looked up in `numbanet.reference` and `numbanet.kernels`, or your own
        ``(reference, kernel)``; both are called with the same positional arguments. A numbanet kernel is run in its
        serial form as well.
    cases : iterable of Case
    dtypes : sequence of floating dtypes
        What `build` is called with.
    layouts : sequence of {"C", "F", "strided"}, optional
        Memory layouts of the inputs; "strided" is every other element of a larger array, the last axis backwards.
        Outputs are C-contiguous. By default "C" for an operation of numbanet, which promises no other, else all.
    special : sequence of {None, "nan", "inf"}
        None: as built. "nan", "inf": NaN, or both infinities, in one floating input at a time.
    threads : sequence of int or "all"
        Thread counts for numba; "all" is `numbanet.get_num_threads` by default.
    rtol, atol : float, optional
        A result may differ by ``atol + rtol * abs(reference)``. By default `rtol` is four roundings times the root of
        the case's `terms`, and `atol` is `rtol` times the largest finite number among the inputs and the result.
    seed : int
        Seeds the generator that each case is built from.

    Returns
    -------
    Report

    Raises
    ------
    AssertionError
        Where they differ; the message names operation, case, dtype, layout, special value, threads, result and index.
    ValueError, TypeError
        For an unknown operation, nothing to run, or a case that does not describe its arguments.

    Examples
    --------
    The name of an operation is enough where it is numbanet's own. A pair of your own, with a mistake:

    >>> def double(x, out):
    ...     out[...] = 2 * x
    >>> def double_kernel(x, out):
    ...     out[:] = x + x
    ...     out[2] = 0
    >>> def build(rng, dtype):
    ...     return {"x": rng.standard_normal(5).astype(dtype), "out": np.empty(5, dtype)}
    >>> case = Case("five", build, outputs=["out"], terms=1)
    >>> check_pair((double, double), [case]).comparisons
    36
    >>> check_pair((double, double_kernel), [case])
    Traceback (most recent call last):
    AssertionError: double_kernel: case 'five', float32, layout C, special none, threads 1: out[2]: kernel 0.0, ...
    """
    operation, plain, kernel = _resolve(pair)
    layouts = layouts or (("C",) if isinstance(pair, str) else LAYOUTS)
    for layout, kind in itertools.product(layouts, special):
        one_of("layouts", layout, LAYOUTS)
        one_of("special", kind, (None, *SPECIAL))
    cases = list(cases)
    if not (cases and dtypes and special and threads):
        raise ValueError(f"{operation}: nothing to compare; cases, dtypes, special and threads need an entry each")
    comparisons, worst = 0, 0.0
    for case, dtype, layout, kind in itertools.product(cases, dtypes, layouts, special):
        for note, arguments in _with_special(case, _build(case, dtype, seed), kind, seed):
            context = f"{operation}: case {case.name!r}, {np.dtype(dtype)}, layout {layout}, special {note}"
            expected = _run(plain, case, arguments, layout, STALE_REFERENCE, f"{context}, reference")
            if not expected:
                raise ValueError(f"{context}: nothing to compare; name what it writes in `outputs` or `updated`")
            allowed = _allowed(case, arguments, dtype, expected, rtol, atol)
            first = None
            for form, count, function in _forms(kernel, threads):
                where = f"{context}, {form}"
                with _using_threads(count):
                    results = _run(function, case, arguments, layout, STALE_KERNEL, where)
                worst = max(worst, _compare(where, results, expected, allowed))
                comparisons += len(results)
                first = first or results
                for name, value in results.items():
                    require_close(f"{where}: {name}, bits", value, first[name], None, (form, "first form"))
    if not comparisons:
        raise ValueError(f"{operation}: nothing to compare; no case has a floating input for special values")
    return Report(operation, comparisons, float(worst))


def numerical_gradient(
    f: Callable[[Any], Any], x: FloatArray, dout: ArrayLike | None = None, h: float = 1e-5
) -> FloatArray:
    """Gradient of ``sum(f(x) * dout)`` with respect to `x`, by centred differences.

    Parameters
    ----------
    f : callable
        ``f(x)`` gives an array or a number. It is called twice per element with `x` itself, changed in that element.
    x : ndarray of float64, any shape and layout
        Bit for bit the same afterwards.
    dout : array_like, optional
        Weights of the elements of ``f(x)``; by default all 1.
    h : float
        Step for elements of magnitude up to 1, and a fraction of larger ones.

    Returns
    -------
    ndarray of float64, the shape of `x`

    Raises
    ------
    TypeError
        Where `x` is not an array of float64: differences of float32 are mostly rounding error.
    """
    _require_float64("x", x)
    weights = 1.0 if dout is None else np.asarray(dout)
    gradient = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        value = x[index]
        high, low = (value + sign * h * max(1.0, abs(value)) for sign in (1, -1))
        try:
            x[index] = high
            above = np.array(f(x), dtype=np.float64)  # a copy: f may write the same array again
            x[index] = low
            below = np.asarray(f(x), dtype=np.float64)
        finally:
            x[index] = value
        gradient[index] = np.sum((above - below) * weights) / (high - low)
    return gradient


def check_gradients(
    forward: Callable[..., Any],
    backward: Callable[..., Mapping[str, Any]],
    inputs: Mapping[str, Any],
    *,
    wrt: Sequence[str] | None = None,
    h: float = 1e-5,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    seed: int = 0,
) -> dict[str, float]:
    """Compare a function's gradients with centred differences.

    Parameters
    ----------
    forward : callable
        ``forward(**inputs)`` gives an array or a number.
    backward : callable
        ``backward(dout, **inputs)`` gives a dict of gradients by the names of the inputs; `dout`, of the shape of the
        result of `forward`, is the gradient with respect to it and drawn at random.
    inputs : dict
        Arrays and anything else that both take, left unchanged. Keep away from kinks, such as a ReLU's 0.
    wrt : sequence of str, optional
        The inputs to check; by default all that `backward` gives.
    h : float
        Step of the differences, as for `numerical_gradient`.
    rtol, atol : float
        A gradient may differ by ``atol + rtol * abs(differences)``.
    seed : int
        For `dout`.

    Returns
    -------
    dict of str to float
        The largest absolute error for each input.

    Raises
    ------
    AssertionError
        Where they differ; the message names the input, the worst index and both values. Where the differences are no
        numbers, or an input was modified.
    TypeError
        Where an input to check is not an array of float64.
    ValueError
        Where an input in `wrt` has no gradient, or a gradient no input, or there is none.

    Examples
    --------
    >>> x = np.array([0.5, -1.0, 2.0])
    >>> errors = check_gradients(lambda x: x**3, lambda dout, x: {"x": dout * 3 * x**2}, {"x": x})
    >>> errors["x"] < 1e-8
    True
    >>> check_gradients(lambda x: x**3, lambda dout, x: {"x": dout * 3 * x}, {"x": x})
    Traceback (most recent call last):
    AssertionError: gradient of x[2]: analytic ..., numeric ..., error ..., allowed ...; 3 of 3 elements differ
    """
    given = inputs
    inputs = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in given.items()}
    dout = np.random.default_rng(seed).standard_normal(np.shape(forward(**inputs)))
    analytic = {name: np.array(gradient) for name, gradient in backward(dout, **inputs).items()}
    for name, value in given.items():
        if isinstance(value, np.ndarray) and value.tobytes() != inputs[name].tobytes():
            raise AssertionError(f"input {name!r} was modified by forward or backward")
    if not (wrt or analytic):
        raise ValueError("nothing to compare: backward gives no gradients")
    errors = {}
    for name in wrt or analytic:
        if name not in inputs or name not in analytic:
            raise ValueError(f"{name}: inputs are {', '.join(inputs)}; backward gives {', '.join(analytic)}")
        _require_float64(name, inputs[name])

        def varied(x: Array, name: str = name) -> Any:
            return forward(**{**inputs, name: x})

        numeric = numerical_gradient(varied, inputs[name], dout, h)
        if not np.isfinite(numeric).all():
            at = np.argwhere(~np.isfinite(numeric))[0].tolist()
            raise AssertionError(
                f"gradient of {name}{at}: the differences are no number; keep to inputs where they are"
            )
        allowed = atol + rtol * np.abs(numeric)
        error = require_close(f"gradient of {name}", analytic[name], numeric, allowed, ("analytic", "numeric"))
        errors[name] = float(np.max(error, initial=0.0))
    return errors


def check_loss(
    loss: Loss | str,
    y: ArrayLike | None = None,
    *,
    outputs: int = 3,
    h: float = 1e-5,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    seed: int = 0,
) -> dict[str, float]:
    """Check a loss of your own: gradients against centred differences, and its kernel against its function in NumPy.

    Also that it is a mean, of the same value for the same examples twice; that it writes the gradient in full, nothing
    else, and returns a number; and that the kernel gives the same bits on any number of threads. Of one that takes
    weights, that an example of weight k counts as k of them, and one of weight 0 as none.

    Parameters
    ----------
    loss : numbanet.Loss or str
    y : array-like, optional
        Targets to check it with. By default those of 7 examples: labels, or numbers from 0 to 1 where it is a loss per
        output.
    outputs : int
        Number of outputs, C; the scores are drawn from the normal distribution, shape (N, C).
    h, rtol, atol : float
        As for `check_gradients`.
    seed : int
        For scores and targets.

    Returns
    -------
    dict of str to float
        The largest absolute error of the gradient of "reference" and "kernel", of those that the loss has.

    Raises
    ------
    AssertionError
        Where something differs; the message says what of which function.
    TypeError, ValueError, RuntimeError
        Where the loss cannot be computed, as in training.

    Examples
    --------
    >>> errors = check_loss("squared_error")
    >>> max(errors["reference"], errors["kernel"]) < 1e-8
    True
    """
    loss, rng = checked_loss("loss", loss), np.random.default_rng(seed)
    if y is None:
        shape = 7, *loss.target_shape(outputs)
        y = rng.random(shape) if loss.per_output else rng.integers(outputs, size=shape)
    count = len(as_data("y", y))
    scores, functions = rng.standard_normal((count, outputs)), loss.functions(as_data("y", y))
    errors: dict[str, float] = {}

    def targets(dtype: np.dtype[Any]) -> Array:
        return loss.targets("y", y, count, outputs, dtype)

    def computed(
        function: Callable[..., float], scores: Array, y: Array, weights: FloatArray | None = None
    ) -> tuple[float, Array]:
        dscores = np.empty_like(scores)
        return function(*loss.arguments(scores, y, weights, dscores)), dscores

    labels, times = targets(np.dtype(np.float64)), np.arange(count, 0, -1) % 4
    weightings = [None, np.maximum(times, count == 1).astype(np.float64)] if loss.takes_weights else [None]
    for (way, function), weights in itertools.product(functions.items(), weightings):
        what = f"loss {loss!r}: {way}" + ("" if weights is None else ", weighted")
        try:
            found = check_gradients(
                lambda scores, function=function, w=weights: computed(function, scores, labels, w)[0],
                lambda dout, scores, function=function, w=weights: {
                    "scores": dout * computed(function, scores, labels, w)[1]
                },
                {"scores": scores},
                h=h,
                rtol=rtol,
                atol=atol,
                seed=seed,
            )["scores"]
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from None
        errors[way] = max(found, errors.get(way, 0.0))
        repeats = 2 if weights is None else weights.astype(int)
        repeated = computed(function, *(np.repeat(a, repeats, axis=0) for a in (scores, labels)))[0]
        value = computed(function, scores, labels, weights)[0]
        if not math.isclose(value, repeated, rel_tol=rtol, abs_tol=atol):
            what += f": is no mean: {value} of {count} examples"
            raise AssertionError(
                f"{what}, {repeated} of " + ("them twice" if weights is None else "each so many times")
            )

    def arguments(weights: FloatArray | None, dtype: np.dtype[Any]) -> dict[str, Any]:
        own = scores.astype(dtype)
        given = None if weights is None else weights.astype(dtype)
        *read, dscores = loss.arguments(own, targets(dtype), given, np.empty_like(own))
        return {**{f"argument {place}": value for place, value in enumerate(read)}, "dscores": dscores}

    if len(functions) == 2:
        cases = [
            Case(
                f"{count} examples", lambda rng, dtype, w=w: arguments(w, dtype), outputs=["dscores"], terms=scores.size
            )
            for w in weightings
        ]
        check_pair(tuple(functions.values()), cases, layouts=("C",), special=(None,))
    return errors


def _require_float64(name: str, x: Any) -> None:
    if not (isinstance(x, np.ndarray) and x.dtype == np.float64):
        got = f"dtype {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(f"{name}: differences need an array of float64, got {got}; convert it first")


def _resolve(pair: Any) -> tuple[str, Callable[..., Any], Callable[..., Any]]:
    """Name, reference and kernel."""
    if isinstance(pair, str):
        if pair not in OPERATIONS:
            hint = did_you_mean(pair, OPERATIONS) or f"; there are {', '.join(sorted(OPERATIONS))}"
            raise ValueError(f"pair: no operation {pair!r}{hint}")
        return pair, getattr(reference, pair), getattr(kernels, pair)
    if not (isinstance(pair, tuple) and len(pair) == 2 and all(map(callable, pair))):
        raise TypeError(f"pair: expected the name of an operation or (reference, kernel), got {pair!r}")
    return getattr(pair[1], "__name__", repr(pair[1])), *pair


def _build(case: Case, dtype: DTypeLike, seed: int) -> dict[str, Any]:
    if not isinstance(case, Case):
        raise TypeError(f"cases: expected numbanet.testing.Case, got {case!r}")
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"dtypes: expected floating dtypes, got {dtype!r}")
    arguments = case.build(np.random.default_rng(seed), np.dtype(dtype))
    for name in (*case.stale, *case.updated):
        if not isinstance(arguments.get(name), np.ndarray):
            raise ValueError(f"case {case.name!r}: output {name!r} is none of its arrays: {', '.join(arguments)}")
    return arguments


def _with_special(
    case: Case, arguments: dict[str, Any], kind: str | None, seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The arguments as they are, or with special values in one floating input at a time."""
    if kind is None:
        yield "none", arguments
        return
    rng = np.random.default_rng(seed)
    for name, value in arguments.items():
        if name not in case.stale and isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size:
            marked = value.copy()
            # The last, since ragged ends are where it goes wrong, and another one.
            marked.flat[[rng.integers(max(1, value.size - 1)), -1]] = SPECIAL[kind]
            yield f"{kind} in {name}", {key: marked if other is value else other for key, other in arguments.items()}


def _forms(
    kernel: Callable[..., Any], threads: Sequence[int | Literal["all"]]
) -> Iterator[tuple[str, int | None, Callable[..., Any]]]:
    """Everything that must give the same bits, as (description, thread count, function)."""
    if isinstance(kernel, Kernel):
        yield "serial", 1, kernel.serial
        kernel = kernel.parallel
    for count in threads:
        yield f"threads {count}", None if count == "all" else count, kernel


@contextlib.contextmanager
def _using_threads(count: int | None) -> Iterator[None]:
    before = threads._chosen
    try:
        threads.set_num_threads(count)
        threads.apply()
        yield
    finally:
        threads.set_num_threads(before)
        threads.apply()


def _of_kind(values: dict[str, float], array: Array) -> float:
    return values["f" if array.dtype.kind == "f" else "i"]


def _run(
    function: Callable[..., Any],
    case: Case,
    arguments: dict[str, Any],
    layout: str,
    stale: dict[str, float],
    where: str,
) -> dict[str, Array]:
    """Call `function` on copies of the arguments; gives what it wrote and returned, by name."""
    changed = {id(arguments[name]): name for name in (*case.stale, *case.updated)}
    read = {id(value) for name, value in arguments.items() if name not in case.stale}
    placed = {}  # by identity, so that an output that is also an input stays so
    for value in arguments.values():
        if isinstance(value, np.ndarray) and id(value) not in placed:
            around = AROUND_OUTPUT if id(value) in changed else AROUND_INPUT
            around = _of_kind(around, value)
            view, buffer = place(value, "C" if id(value) in changed else layout, around)
            if id(value) not in read:
                view[...] = _of_kind(stale, value)
            placed[id(value)] = view, buffer, around
    with np.errstate(all="ignore"):
        returned = function(*(placed[id(v)][0] if id(v) in placed else v for v in arguments.values()))
    results = {name: placed[key][0].copy() for key, name in changed.items() if name not in case.scratch}
    returned = returned if isinstance(returned, tuple) else () if returned is None else (returned,)
    results.update((f"returned[{i}]", np.array(value)) for i, value in enumerate(returned))
    for name, value in arguments.items():
        if id(value) in placed:
            view, buffer, around = placed.pop(id(value))
            if id(value) not in changed and view.tobytes() != value.tobytes():
                raise AssertionError(f"{where}: input {name!r} was modified")
            view[...] = around
            if buffer.tobytes() != np.full_like(buffer, around).tobytes():
                raise AssertionError(f"{where}: wrote outside of {name!r}, next to it in memory")
    return results


def _allowed(
    case: Case,
    arguments: dict[str, Any],
    dtype: DTypeLike,
    expected: Mapping[str, Array],
    rtol: float | None,
    atol: float | None,
) -> dict[str, Array]:
    """The largest error that each element of each result may have."""
    inputs = [a for name, a in arguments.items() if isinstance(a, np.ndarray) and name not in case.stale]
    if rtol is None:
        terms = case.terms or max((max(a.shape, default=1) for a in inputs), default=1)
        rtol = 4 * np.finfo(dtype).eps * math.sqrt(terms)
    scale = max((magnitude(a) for a in inputs if a.dtype.kind == "f"), default=0.0)
    allowed = {}
    for name, want in expected.items():
        absolute = rtol * max(scale, magnitude(want)) if atol is None else atol
        allowed[name] = absolute + rtol * np.where(np.isfinite(want), np.abs(want), 0)  # an infinity must be the same
    return allowed


def _compare(
    where: str, results: Mapping[str, Array], expected: Mapping[str, Array], allowed: Mapping[str, Array]
) -> float:
    """The largest error as a fraction of what is allowed; raises where one is larger."""
    if results.keys() != expected.keys():
        raise AssertionError(f"{where}: gives {', '.join(results)}, reference {', '.join(expected)}")
    worst = 0.0
    for name, want in expected.items():
        error = require_close(f"{where}: {name}", results[name], want, allowed[name], ("kernel", "reference"))
        worst = max(worst, np.max(error / np.where(allowed[name] > 0, allowed[name], np.inf), initial=0.0))
    return worst
