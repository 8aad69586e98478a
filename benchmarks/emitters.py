"""Each emitter of vector instructions (numbanet/kernels/simd/) beside the plain loop that it replaces.

    python benchmarks/emitters.py [NAME ...] [--rounds 15]

Both are compiled by numba with numbanet's options, give the same results but for rounding, which is checked first, and
take turns on one thread. The ratio is the plain loop's median time over the emitter's: what its docstring says. Where
it is below 1.1 the plain loop belongs in the emitter's place.
"""

import argparse
import inspect
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numba
import numpy as np
import plain_loops

from numbanet.bench.operations import aligned, label
from numbanet.kernels.simd import (
    columns,
    elementary,
    fma,
    micro_kernel,
    moments,
    pixels,
    reductions,
    transpose,
    windows,
)
from numbanet.kernels.simd.micro_kernel import MR
from numbanet.kernels.simd.vectors import VECTOR_BYTES
from numbanet.runtime.compiling import OPTIONS, NumbanetCompiler
from numbanet.runtime.machine import cpu_name

LANES = VECTOR_BYTES // 4
SECONDS = 0.002  # the least time of a measurement
PAYS = 1.1  # the ratio from which an emitter earns its place


@dataclass(frozen=True)
class Comparison:
    """An emitter and its plain loop.

    Attributes
    ----------
    name : str
        Of the plain loop, and with `module` of the emitter.
    emitted : function
        As numba calls it.
    sizes : tuple of tuple of int
        Those of layers.
    small : tuple of int
        A size with a tail, for tests.
    arguments : callable
        ``arguments(rng, *size)``, in float32.
    calls : callable
        ``calls(function)`` is a loop to compile over calls of it, with those arguments.
    reason : str
        Why it is emitted though the plain loop is as fast.
    """

    name: str
    emitted: Callable
    sizes: tuple
    small: tuple
    arguments: Callable
    calls: Callable
    reason: str = ""

    def loops(self):
        """The plain one and the emitted one, compiled."""
        compile_ = numba.njit(**OPTIONS, pipeline_class=NumbanetCompiler)
        plain = compile_(getattr(plain_loops, self.name))
        return compile_(self.calls(plain)), compile_(self.calls(self.emitted))


def once(function):
    def run(*arguments):
        return function(*arguments)

    return run


def rows_of(function):
    """Along each row of a matrix; results go to the first argument."""

    def run(results, a, *numbers):
        for i in range(len(a)):
            results[i] = function(a[i], *numbers)

    return run


def rows_of_squares(function):
    def run(results, a, number):
        for i in range(len(a)):
            results[i] = function(a[i], number, a[i], number)

    return run


def rows_of_two(function):
    def run(sums, counts, a, number):
        for i in range(len(a)):
            sums[i], counts[i] = function(a[i], number)

    return run


def rows_of_gradients(function):
    def run(sums, more, gamma, dout, x, mean):
        for i in range(len(x)):
            sums[i], more[i] = function(gamma, dout[i], x[i], mean[i])

    return run


def rows_of_product(function):
    def run(a, panel, bias, c, floor):
        for i in range(0, len(a), MR):
            function(a, i, panel, bias, False, c, 0, c.shape[1], floor)

    return run


def rows_by_tables(function):
    def run(a, a_offsets, segments, depth, panel, bias, c, c_offsets, width, floor):
        for i in range(0, a_offsets.size, MR):
            function(a, a_offsets, segments, depth, 1, i, panel, bias, False, c, c_offsets, 0, width, floor)

    return run


def panels(function):
    def run(b, panel):
        across = panel.shape[1]
        for j in range(0, b.shape[1], across):
            function(b[:, j : j + across], panel, min(across, b.shape[1] - j))

    return run


def transposed_panels(function):
    def run(b, panel):
        across = panel.shape[1]
        for j in range(0, b.shape[0], across):
            part = b[j : j + across].T
            for first in range(0, across, LANES):
                function(part, panel, first, part.shape[1])

    return run


def image_by_image(function):
    def run(a, out):
        for n in range(len(a)):
            function(a[n], out[n])

    return run


def rows_of_windows(function):
    """Of images, forward: results are last."""

    def run(x, rows, columns, *results):
        for n in range(len(x)):
            for i in range(results[0].shape[1]):
                function(x[n], i, rows, columns, results[0][n, i])

    return run


def rows_of_numbered_windows(function):
    def run(x, rows, columns, out, where):
        for n in range(len(x)):
            for i in range(out.shape[1]):
                function(x[n], i, rows, columns, out[n, i], where[n, i])

    return run


def rows_of_gradient_windows(function):
    def run(dout, rows, columns, dx):
        for n in range(len(dx)):
            for i in range(dout.shape[1]):
                function(dout[n, i], i, rows, columns, dx[n])

    return run


def rows_of_numbered_gradient_windows(function):
    def run(dout, where, rows, columns, dx):
        for n in range(len(dx)):
            for i in range(dout.shape[1]):
                function(dout[n, i], where[n, i], i, rows, columns, dx[n])

    return run


def images_of_pixels(function):
    def run(dout, rows, columns, dx):
        for n in range(len(dx)):
            function(dout[n], 0, dx.shape[1], rows, columns, dx[n])

    return run


def images_of_numbered_pixels(function):
    def run(dout, where, rows, columns, dx):
        for n in range(len(dx)):
            function(dout[n], where[n], 0, dx.shape[1], rows, columns, dx[n])

    return run


def each_element(function):
    def run(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    return run


def normals(rng, *shape):
    return aligned(rng.standard_normal(shape).astype(np.float32))


def zeros(*shape, dtype=np.float32):
    return aligned(np.zeros(shape, dtype))


def of_columns(read, by_column=0, summed=0, written=0, numbers=()):
    """Arguments of a pass over columns: matrices, values by column, numbers, sums, results."""

    def arguments(rng, n, d):
        matrices, values = [normals(rng, n, d) for _ in range(read)], [normals(rng, d) for _ in range(by_column)]
        sums, results = [zeros(d) for _ in range(summed)], [zeros(n, d) for _ in range(written)]
        return [*matrices, *values, *map(np.float32, numbers), *sums, *results]

    return arguments


def of_rows(*numbers, results=1):
    return lambda rng, n, d: [*[zeros(n) for _ in range(results)], normals(rng, n, d), *map(np.float32, numbers)]


def of_gradient_rows(rng, n, d):
    return [zeros(n), zeros(n), normals(rng, d), normals(rng, n, d), normals(rng, n, d), normals(rng, n)]


def of_packing(rng, k, m):
    return [normals(rng, k, m), zeros(k, 3 * LANES)]


def of_transposed_packing(rng, k, m):
    return [normals(rng, m, k), zeros(-(-k // LANES) * LANES, 3 * LANES)]


def of_transpose(rng, n, c, p):
    return [normals(rng, n, c, p), zeros(n, p, c)]


def of_product(rng, n, k):
    width = 3 * LANES
    return [normals(rng, n, k), normals(rng, k, width), normals(rng, width), zeros(n, width), np.float32(0)]


def of_convolution(rng, side, channels):
    """A kernel of 3 x 3 over an image with its border, and 3 vectors of filters."""
    width, wide = 3 * LANES, (side + 2) * channels
    pixels_ = np.arange(side * side)
    a_offsets, segments = pixels_ // side * wide + pixels_ % side * channels, np.arange(3) * wide
    panel, bias, c = normals(rng, 9 * channels * width), normals(rng, width), zeros(side * side * width)
    a = normals(rng, (side + 2) * wide)
    return [a, a_offsets, segments, 3 * channels, panel, bias, c, pixels_ * width, width, np.float32(0)]


def of_windows(gradient=False, numbered=False):
    def arguments(rng, n, side, channels, size, stride):
        along = (size, stride, (size - 1) // 2)
        count = (side + 2 * along[2] - size) // stride + 1
        image, windows_ = normals(rng, n, side, side, channels), normals(rng, n, count, count, channels)
        where = aligned(rng.integers(size * size, size=windows_.shape, dtype=np.uint8))
        if gradient:
            return [windows_, *[where] * numbered, along, along, zeros(*image.shape)]
        return [image, along, along, zeros(*windows_.shape), *[where] * numbered]

    return arguments


def of_elements(low, high):
    return lambda rng, p: [aligned(rng.uniform(low, high, p).astype(np.float32)), zeros(p)]


MATRICES = (256, 512), (8192, 64), (32_768, 32)
IMAGES = (32, 32, 32, 2, 2), (32, 32, 32, 3, 2), (32, 16, 64, 2, 2)
ROWS = (256, 512), (256, 1000)


_polynomial = elementary.polynomial(plain_loops.COEFFICIENTS, plain_loops.COEFFICIENTS)


@numba.njit(**OPTIONS)
def cumulative(x):
    return elementary.normal(x)[0]


@numba.njit(**OPTIONS)
def multiply_add(x):
    return fma.fma(x, x, x)


@numba.njit(**OPTIONS)
def evaluate(x):
    return _polynomial(x)


def table():
    """All comparisons."""
    found = []

    def add(emitted, name, sizes, small, arguments, calls=once, reason=""):
        emitted = getattr(emitted, name) if inspect.ismodule(emitted) else emitted
        found.append(Comparison(name, emitted, sizes, small, arguments, calls, reason))

    def passes(module, name, arguments, sizes=MATRICES, reason=""):
        add(module, name, sizes, (5, 21), arguments, reason=reason)

    def sums(module, name, arguments, calls=rows_of):
        add(module, name, ROWS, (3, 70), arguments, calls)

    def functions(emitted, name, low, high, reason=""):
        add(emitted, name, ((16_384,),), (21,), of_elements(low, high), each_element, reason)

    passes(columns, "column_sums", of_columns(1, 0, 1))
    passes(columns, "column_maxima", of_columns(1, 0, 1), sizes=((64, 16), (10, 16)))
    passes(columns, "masked_column_sums", of_columns(2, 0, 1, 1), reason="inside of a kernel: see columns.py")
    passes(moments, "column_moments", of_columns(1, 1, 2))
    passes(moments, "scale_and_shift_columns", of_columns(1, 4, 0, 1))
    passes(moments, "batchnorm_parameter_gradients", of_columns(2, 2, 2))
    passes(moments, "batchnorm_input_gradient", of_columns(2, 5, 0, 1, numbers=[0.1]))
    passes(moments, "groupnorm_input_gradient", of_columns(2, 5, 0, 1), sizes=((1024, 32), (64, 64)))

    sums(reductions, "lane_sum", of_rows())
    sums(reductions, "centred_dot", of_rows(0.5), rows_of_squares)
    sums(reductions, "lane_max", of_rows())
    sums(reductions, "hinge_sums", of_rows(0.5, results=2), rows_of_two)
    sums(moments, "shifted_sum", of_rows(0.5))
    sums(moments, "layernorm_gradient_sums", of_gradient_rows, rows_of_gradients)

    product, indirect = micro_kernel.micro_kernel(MR, 3), micro_kernel.indirect_micro_kernel(MR, 3)
    add(product, "micro_kernel", ((64, 256),), (5, 7), of_product, rows_of_product)
    add(indirect, "indirect_micro_kernel", ((16, 32),), (3, 2), of_convolution, rows_by_tables)
    add(micro_kernel.pack_rows(3), "pack_rows", ((256, 960), (64, 96)), (3, 3 * LANES), of_packing, panels)
    add(micro_kernel, "pack_columns", ((256, 960),), (16, 3 * LANES), of_transposed_packing, transposed_panels)
    add(transpose, "transpose", ((32, 3, 1024), (32, 64, 256)), (2, 3, 21), of_transpose, image_by_image)

    overlapping, apart = (1, 5, 17, 3, 2), (1, 6, 17, 2, 2)
    add(windows, "largest", IMAGES[1:2], overlapping, of_windows(), rows_of_windows)
    add(windows, "first_largest", IMAGES[1:2], overlapping, of_windows(numbered=True), rows_of_numbered_windows)
    add(windows, "mean", IMAGES[1:2], overlapping, of_windows(), rows_of_windows)
    add(windows, "to_largest", IMAGES[::2], apart, of_windows(True, True), rows_of_numbered_gradient_windows)
    add(windows, "to_all", IMAGES[::2], apart, of_windows(True), rows_of_gradient_windows)
    pixel_sizes = (128, 32, 1, 2, 2), IMAGES[1]
    add(pixels, "from_largest", pixel_sizes, overlapping, of_windows(True, True), images_of_numbered_pixels)
    add(pixels, "from_mean", pixel_sizes, overlapping, of_windows(True), images_of_pixels)

    functions(elementary, "exp", -10, 10)
    functions(elementary, "expm1", -10, 0)
    functions(elementary, "log", 0.01, 10)
    functions(elementary, "log1p", 0, 1)
    functions(elementary, "tanh", -3, 3)
    functions(cumulative, "normal", -3, 3)
    functions(evaluate, "polynomial", -1, 1, reason="coefficients by dtype")
    functions(multiply_add, "fma", -3, 3, reason="one rounding, in any loop")
    return found


def same(plain, emitted, arguments):
    """Run both on copies; raise where they differ by more than rounding."""
    results = []
    for function in (plain, emitted):
        mine = [value.copy() if isinstance(value, np.ndarray) else value for value in arguments]
        returned = function(*mine)
        results.append([value for value in mine if isinstance(value, np.ndarray)] + [np.asarray(returned is not False)])
    for number, (a, b) in enumerate(zip(*results, strict=True)):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * max(1.0, np.max(np.abs(a))), err_msg=f"array {number}")


def taken(function, arguments, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        function(*arguments)
    return (time.perf_counter() - start) / repeats


def compare(comparison, sizes, rounds):
    """(size, plain seconds, emitted seconds) for each size."""
    loops = comparison.loops()
    for size in sizes:
        arguments = comparison.arguments(np.random.default_rng(0), *size)
        same(*loops, arguments)
        pairs = [(loop, max(1, int(SECONDS / max(taken(loop, arguments, 1), 1e-9)))) for loop in loops]
        seconds = [[taken(loop, arguments, repeats) for loop, repeats in pairs] for _ in range(rounds)]
        yield size, *(median(column) for column in zip(*seconds, strict=True))


def main(arguments=None, small=False):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of emitters, with * and ?; all by default")
    parser.add_argument("--rounds", type=int, default=15, help="default: %(default)s")
    options = parser.parse_args(arguments)
    every = table()
    chosen = [c for c in every if not options.names or any(fnmatchcase(c.name, name) for name in options.names)]
    if not chosen:
        parser.error(f"no emitter is called {' or '.join(options.names)}; there are {', '.join(c.name for c in every)}")
    print(f"{cpu_name()}, one thread, float32, microseconds: median of {options.rounds} rounds")
    print(f"{'emitter':31s}{'size':>14s}{'plain':>10s}{'emitted':>10s}{'ratio':>8s}")
    for comparison in chosen:
        sizes = [comparison.small] if small else comparison.sizes
        for size, plain, emitted in compare(comparison, sizes, options.rounds):
            note = comparison.reason or ("" if plain / emitted >= PAYS else "here the plain loop is as good")
            times = f"{1e6 * plain:10.1f}{1e6 * emitted:10.1f}{plain / emitted:8.2f}"
            print(f"{comparison.name:31s}{label(size):>14s}{times}  {note}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
