"""What normalisations are built from: passes over columns, and the sums of pieces of the rows.

The sums of a piece are taken by one thread; those of all pieces are added up in order.

Numbers far from zero are summed by how far they are from the first, the *shift*. So what is the same everywhere is its
own mean exactly, and centred it is 0, whatever its size and number.
"""

import numpy as np
from llvmlite import ir

from ...runtime.compiling import serial
from .columns import column_pass
from .fma import fused_multiply_add
from .reductions import lane_sums
from .scratch import stack_array

NORM_FORWARD_NS, NORM_BACKWARD_NS = 0.18, 0.22  # nanoseconds an element takes on one core
PIECES, SUMS_BYTES, PIECE_ELEMENTS = (
    16,
    2**17,
    2**15,
)  # the most pieces of rows; bytes for their sums; elements of the least
LOOKED_AT, FAR = 4, 4  # numbers; how many times as far from zero as from each other they are for a shift to serve

piece_sums = stack_array(lambda itemsize: (SUMS_BYTES // itemsize,))

# What happens to one vector of columns in one row, and to one vector of a row.


def _fma(emit, a, b, c):
    return fused_multiply_add(emit.context, emit.builder, a, b, c)


def _x_hat(emit, x, mean, inv_std):
    return emit.builder.fmul(emit.builder.fsub(x, mean), inv_std)


def _moments(emit, sums, reads, rows, columns, numbers):
    """Σ (x - shift) and Σ (x - mean)² of the rows so far, to which come as many as there are `reads`.

    Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
    """
    builder, (total, squares), (shift,), (inv_before, inv_count, weight) = emit.builder, sums, columns, numbers
    fresh = _added(builder, reads)
    mean = builder.fmul(fresh, inv_count)
    first, *others = (builder.fsub(x, mean) for x in reads)  # of one that is infinite NaN
    more = builder.fmul(first, first)  # in a sum of its own, so that few are added to the large one
    for x in others:
        more = _fma(emit, x, x, more)
    shifted = _fma(emit, emit.broadcast(ir.Constant(emit.element, -len(reads))), shift, fresh)
    apart = builder.fsub(builder.fmul(shifted, inv_count), builder.fmul(total, inv_before))
    more = _fma(emit, builder.fmul(apart, weight), apart, more)
    return [builder.fadd(total, shifted), builder.fadd(squares, more)], []


def _added(builder, vectors):
    while len(vectors) > 1:
        middle = len(vectors) // 2
        vectors = [builder.fadd(a, b) for a, b in zip(vectors[:middle], vectors[middle:], strict=True)]
    return vectors[0]


def _moment_weights(emit, before, count):
    """1 / before, or 0; 1 / count; before count / (before + count)."""
    builder = emit.builder
    n, more, zero, one = builder.sitofp(before, emit.element), *(ir.Constant(emit.element, c) for c in (count, 0, 1))
    inv_before = builder.select(builder.fcmp_ordered("==", n, zero), zero, builder.fdiv(one, n))
    weight = builder.fdiv(builder.fmul(n, more), builder.fadd(n, more))
    return [emit.broadcast(number) for number in (inv_before, ir.Constant(emit.element, 1 / count), weight)]


def _scale_and_shift(emit, sums, reads, rows, columns, numbers):
    """gamma x_hat + beta, with statistics by column or by row."""
    gamma, beta, mean, inv_std = (*columns, *rows)
    return [], [_fma(emit, gamma, _x_hat(emit, reads[0], mean, inv_std), beta)]


def _parameter_gradients(emit, sums, reads, rows, columns, numbers):
    """dgamma += dout x_hat, dbeta += dout, with statistics by row or by column."""
    (dout, x), (mean, inv_std) = reads, (*rows, *columns)
    return [_fma(emit, dout, _x_hat(emit, x, mean, inv_std), sums[0]), emit.builder.fadd(sums[1], dout)], []


def _batchnorm_input_gradient(emit, sums, reads, rows, columns, numbers):
    """dx = gamma inv_std (dout - dbeta / N - x_hat dgamma / N)."""
    builder, (dout, x), (gamma, mean, inv_std, dgamma, dbeta), (inv_n,) = emit.builder, reads, columns, numbers
    # Of these two, LLVM makes one of each for the column.
    scale, slope = builder.fmul(gamma, inv_std), builder.fmul(inv_std, builder.fmul(dgamma, inv_n))
    inner = builder.fsub(dout, builder.fmul(dbeta, inv_n))
    inner = _fma(emit, builder.fneg(slope), builder.fsub(x, mean), inner)
    return [], [builder.fmul(scale, inner)]


def _layernorm_input_gradient(emit, sums, reads, rows, columns, numbers):
    """dx = inv_std (g - mean(g) - x_hat mean(g x_hat)), with g = gamma dout."""
    builder, (dout, x), (gamma, mean, inv_std, mean_g, mean_g_x_hat) = emit.builder, reads, (*columns, *numbers)
    inner = builder.fsub(builder.fmul(gamma, dout), mean_g)
    inner = builder.fsub(inner, builder.fmul(_x_hat(emit, x, mean, inv_std), mean_g_x_hat))
    return [], [builder.fmul(inv_std, inner)]


def _layernorm_gradients(emit, sums, reads, rows, columns, numbers):
    """All three of one row."""
    new, _ = _parameter_gradients(emit, sums, reads, rows[:2], [], [])
    _, results = _layernorm_input_gradient(emit, [], reads, [], [*columns, *rows], [])
    return new, results


def _gradient_sums(emit, sums, gamma, dout, x, mean):
    """Σ g and Σ g (x - mean), with g = gamma dout."""
    g = emit.builder.fmul(gamma, dout)
    return [emit.builder.fadd(sums[0], g), _fma(emit, g, emit.builder.fsub(x, mean), sums[1])]


def _shifted_sum(emit, sums, a, shift):
    return [emit.builder.fadd(sums[0], emit.builder.fsub(a, shift))]


column_moments = column_pass(_moments, reads=1, columns=1, sums=2, together=8, by_block=_moment_weights)
scale_and_shift_columns = column_pass(_scale_and_shift, reads=1, columns=4, writes=1)
scale_and_shift_rows = column_pass(_scale_and_shift, reads=1, rows=2, columns=2, writes=1)
batchnorm_parameter_gradients = column_pass(_parameter_gradients, reads=2, columns=2, sums=2)
batchnorm_input_gradient = column_pass(_batchnorm_input_gradient, reads=2, columns=5, numbers=1, writes=1)
layernorm_gradients = column_pass(_layernorm_gradients, reads=2, rows=4, columns=1, sums=2, writes=1, add=True)
groupnorm_input_gradient = column_pass(_layernorm_input_gradient, reads=2, columns=5, writes=1)
layernorm_gradient_sums = lane_sums(2, _gradient_sums)
shifted_sum = lane_sums(1, _shifted_sum)  # (a, shift): Σ (a - shift)


@serial
def most_pieces(features, like):
    """As many as have their two sums in the scratch."""
    return max(SUMS_BYTES // (2 * features * like.itemsize), 1)


@serial
def piece_size(x):
    """Rows of a piece: at least PIECE_ELEMENTS elements."""
    n, d = x.shape
    pieces = max(min(PIECES, most_pieces(d, x), n * d // PIECE_ELEMENTS), 1)
    return (n + pieces - 1) // pieces


@serial
def shift_of(first, spread, like):
    """The shift of numbers of which `first` is one, and others that were looked at are up to `spread` from it.

    0 where they are near 0, of whose sums the first would take more digits than it gives, and where one is infinite.
    """
    size, real = abs(first), like.dtype.type
    return first if size > real(FAR) * spread and size < real(np.inf) else real(0)


@serial
def column_shifts(x, spread, shift):
    """The shift of each column; `spread` is as long, and holds anything."""
    for j in range(shift.size):
        spread[j] = 0
    for i in range(1, min(LOOKED_AT, len(x))):
        for j in range(shift.size):
            spread[j] = max(spread[j], abs(x[i, j] - x[0, j]))
    for j in range(shift.size):
        shift[j] = shift_of(x[0, j], spread[j], x)


@serial
def sums_of(piece, first, second, others):
    """Where the two sums of a piece go: those of the first into `first` and `second`."""
    d = first.size
    if piece == 0:
        return first, second
    start = (piece - 1) * 2 * d
    return others[start : start + d], others[start + d : start + 2 * d]


@serial
def add(values, sums):
    for c in range(sums.size):
        sums[c] += values[c]


@serial
def add_sums(pieces, first, second, others):
    """Those of the other pieces to those of the first."""
    for piece in range(1, pieces):
        more, more_of_second = sums_of(piece, first, second, others)
        add(more, first)
        add(more_of_second, second)


@serial
def join_moments(total, squares, before, more_total, more_squares, count):
    """The moments of `before` and of `count` more rows together, into those of the first; of one shift."""
    real = total.dtype.type
    inv_before, inv_count = real(1) / real(before), real(1) / real(count)
    weight = real(before) * real(count) / real(before + count)
    for j in range(total.size):
        apart = more_total[j] * inv_count - total[j] * inv_before
        squares[j] += more_squares[j] + apart * weight * apart
        total[j] += more_total[j]
