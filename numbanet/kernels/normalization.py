"""Batch, layer and group normalisation.

N examples, D features; of pictures P pixels, C channels, G groups of channels. Batch and layer normalisation are
parallel over pieces of the examples, cut by the shape alone; sums over the examples are the pieces' sums, added up in
order. Group normalisation is parallel over pictures, or pieces of them where its parameters' gradients are summed.
"""

import math

from llvmlite import ir
from numba import prange

from ._columns import column_pass
from ._jit import serial
from ._math import fused_multiply_add
from ._parallel import kernel
from ._scratch import stack_array
from ._sums import BLOCKS, centred_dot, fill, lane_sum, lane_sums

# Nanoseconds an element takes on one core.
FORWARD_NS, BACKWARD_NS = 0.18, 0.22
ROWS = 4  # of a layer normalisation that stay in the L1 cache until all gradients have been taken from them
CHANNELS = 64  # of a picture, that are added up at a time
PIECES, ROOM, LEAST = 16, 2**15, 2**15  # the most pieces of rows; elements of their sums, and the least of a piece

piece_sums, row_array = stack_array((ROOM,)), stack_array((ROWS,))
channel_array = stack_array((CHANNELS,))


# What happens to one vector of columns in one row, and to one vector of a row.


def _fma(emit, a, b, c):
    return fused_multiply_add(emit.context, emit.builder, a, b, c)


def _x_hat(emit, x, mean, inv_std):
    return emit.builder.fmul(emit.builder.fsub(x, mean), inv_std)


def _moments(emit, sums, reads, rows, columns, numbers):
    """Σ x and Σ (x - mean)², with the mean of the rows so far, to which come as many as there are `reads`.

    Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
    """
    builder, (total, squares), (inv_before, inv_count, weight) = emit.builder, sums, numbers
    fresh = _added(builder, reads)
    mean = builder.fmul(fresh, inv_count)
    centred = [builder.fsub(x, mean) for x in reads]  # of one that is infinite NaN
    for x in centred:
        squares = _fma(emit, x, x, squares)
    apart = builder.fsub(mean, builder.fmul(total, inv_before))
    return [builder.fadd(total, fresh), _fma(emit, builder.fmul(apart, weight), apart, squares)], []


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
    return [emit.spread(number) for number in (inv_before, ir.Constant(emit.element, 1 / count), weight)]


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


column_moments = column_pass(_moments, reads=1, sums=2, together=8, by_step=_moment_weights)
scale_and_shift_columns = column_pass(_scale_and_shift, reads=1, columns=4, writes=1)
scale_and_shift_rows = column_pass(_scale_and_shift, reads=1, rows=2, columns=2, writes=1)
batchnorm_parameter_gradients = column_pass(_parameter_gradients, reads=2, columns=2, sums=2)
batchnorm_input_gradient = column_pass(_batchnorm_input_gradient, reads=2, columns=5, numbers=1, writes=1)
layernorm_gradients = column_pass(_layernorm_gradients, reads=2, rows=4, columns=1, sums=2, writes=1, add=True)
groupnorm_input_gradient = column_pass(_layernorm_input_gradient, reads=2, columns=5, writes=1)
layernorm_gradient_sums = lane_sums(2, _gradient_sums)


@serial
def _piece_size(x):
    """Rows of a piece: at least LEAST elements, and no more pieces than there is ROOM for the sums of."""
    n, d = x.shape
    pieces = max(min(PIECES, ROOM // (2 * d), n * d // LEAST), 1)
    return (n + pieces - 1) // pieces


@serial
def _sums_of(piece, first, second, others):
    """Where the two sums of a piece go: those of the first into `first` and `second`."""
    d = first.size
    if piece == 0:
        return first, second
    start = (piece - 1) * 2 * d
    return others[start : start + d], others[start + d : start + 2 * d]


@serial
def _add(values, sums):
    for c in range(sums.size):
        sums[c] += values[c]


@serial
def _add_sums(pieces, first, second, others):
    """Those of the other pieces to those of the first."""
    for piece in range(1, pieces):
        more, more_of_second = _sums_of(piece, first, second, others)
        _add(more, first)
        _add(more_of_second, second)


@serial
def _join_moments(total, squares, before, more_total, more_squares, count):
    """The moments of `before` and of `count` more rows together, into those of the first."""
    real = total.dtype.type
    inv_before, inv_count = real(1) / real(before), real(1) / real(count)
    weight = real(before) * real(count) / real(before + count)
    for j in range(total.size):
        apart = more_total[j] * inv_count - total[j] * inv_before
        squares[j] += more_squares[j] + apart * weight * apart
        total[j] += more_total[j]


@serial
def _update_statistics(n, eps, momentum, running_mean, running_var, mean, inv_std):
    """From the sum, which comes in `mean`, and that of squares in `inv_std`."""
    real = mean.dtype.type
    keep, fresh = real(momentum), real(1) - real(momentum)
    inv_n = real(1) / real(n)
    for j in range(mean.size):
        mean[j] *= inv_n
        var = inv_std[j] * inv_n
        running_mean[j] = keep * running_mean[j] + fresh * mean[j]
        running_var[j] = keep * running_var[j] + fresh * var
        inv_std[j] = real(1) / math.sqrt(var + real(eps))


@kernel(FORWARD_NS)
def batchnorm_forward(x, gamma, beta, momentum, eps, running_mean, running_var, mean, inv_std, out):
    n, size = len(x), _piece_size(x)
    pieces = (n + size - 1) // size
    sums = piece_sums(x)
    for piece in prange(pieces):
        rows = slice(piece * size, min(piece * size + size, n))
        column_moments(x[rows], *_sums_of(piece, mean, inv_std, sums))
    for piece in range(1, pieces):
        before = piece * size
        total, squares = _sums_of(piece, mean, inv_std, sums)
        _join_moments(mean, inv_std, before, total, squares, min(size, n - before))
    _update_statistics(n, eps, momentum, running_mean, running_var, mean, inv_std)
    for piece in prange(pieces):
        rows = slice(piece * size, min(piece * size + size, n))
        scale_and_shift_columns(x[rows], gamma, beta, mean, inv_std, out[rows])


@kernel(FORWARD_NS / 2)
def batchnorm_inference(x, gamma, beta, running_mean, running_var, eps, out):
    real = x.dtype.type
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            inv_std = real(1) / math.sqrt(running_var[j] + real(eps))
            out[i, j] = gamma[j] * ((x[i, j] - running_mean[j]) * inv_std) + beta[j]


@kernel(BACKWARD_NS)
def batchnorm_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    n, size = len(x), _piece_size(x)
    pieces = (n + size - 1) // size
    sums = piece_sums(x)
    for piece in prange(pieces):
        rows = slice(piece * size, min(piece * size + size, n))
        batchnorm_parameter_gradients(dout[rows], x[rows], mean, inv_std, *_sums_of(piece, dgamma, dbeta, sums))
    _add_sums(pieces, dgamma, dbeta, sums)
    inv_n = x.dtype.type(1) / x.dtype.type(n)
    for piece in prange(pieces):
        rows = slice(piece * size, min(piece * size + size, n))
        batchnorm_input_gradient(dout[rows], x[rows], gamma, mean, inv_std, dgamma, dbeta, inv_n, dx[rows])


@kernel(FORWARD_NS)
def layernorm_forward(x, gamma, beta, eps, mean, inv_std, out):
    real, n = x.dtype.type, len(x)
    d = real(x.shape[1])
    for block in prange((n + ROWS - 1) // ROWS):
        rows = slice(block * ROWS, min(block * ROWS + ROWS, n))
        for i in range(rows.start, rows.stop):
            mean[i] = lane_sum(x[i]) / d
            var = centred_dot(x[i], mean[i], x[i], mean[i]) / d
            inv_std[i] = real(1) / math.sqrt(var + real(eps))
        scale_and_shift_rows(x[rows], mean[rows], inv_std[rows], gamma, beta, out[rows])


@serial
def _layernorm_piece_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    d = x.dtype.type(x.shape[1])
    mean_g, mean_g_x_hat = row_array(x), row_array(x)
    fill(dgamma, 0)
    fill(dbeta, 0)
    for first in range(0, len(x), ROWS):
        rows = slice(first, min(first + ROWS, len(x)))
        for i in range(first, rows.stop):
            sum_g, sum_g_centred = layernorm_gradient_sums(gamma, dout[i], x[i], mean[i])
            mean_g[i - first], mean_g_x_hat[i - first] = sum_g / d, sum_g_centred * inv_std[i] / d
        by_row = mean[rows], inv_std[rows], mean_g, mean_g_x_hat
        layernorm_gradients(dout[rows], x[rows], *by_row, gamma, dgamma, dbeta, dx[rows])  # dx may be dout


@kernel(BACKWARD_NS)
def layernorm_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    n, size = len(x), _piece_size(x)
    pieces = (n + size - 1) // size
    sums = piece_sums(x)
    for piece in prange(pieces):
        rows = slice(piece * size, min(piece * size + size, n))
        arrays = dout[rows], x[rows], gamma, mean[rows], inv_std[rows], dx[rows]
        _layernorm_piece_backward(*arrays, *_sums_of(piece, dgamma, dbeta, sums))
    _add_sums(pieces, dgamma, dbeta, sums)


# Group normalisation takes as many whole groups at a time as CHANNELS holds; or one, whose channels it then takes
# CHANNELS at a time. So all groups have the same number of the channels at hand, which are counted, not looked up.


@serial
def _together(size):
    """How many groups of `size` channels."""
    return max(CHANNELS // size, 1)


@serial
def _by_channel(values, out):
    """`out` for some channels: the value of the group that each belongs to."""
    size = out.size // values.size
    for g in range(values.size):
        fill(out[g * size : g * size + size], values[g])


@serial
def _add_by_group(values, weights, sums):
    """Weighted values of some channels, added to their groups' sums."""
    size = values.size // sums.size
    for g in range(sums.size):
        for c in range(g * size, g * size + size):
            sums[g] += weights[c] * values[c]


@serial
def _group_moments(x, total, squares):
    """Σ x and Σ (x - mean)² of the groups that some channels of one picture are."""
    real, width = x.dtype.type, x.shape[1]
    of_channel, squares_of_channel = channel_array(x)[:width], channel_array(x)[:width]
    column_moments(x, of_channel, squares_of_channel)
    size, pixels = width // total.size, real(len(x))
    inv_pixels, inv_count = real(1) / pixels, real(1) / real(len(x) * size)
    for g in range(total.size):
        total[g] = squares[g] = 0
        for c in range(g * size, g * size + size):
            total[g] += of_channel[c]
        for c in range(g * size, g * size + size):
            apart = of_channel[c] * inv_pixels - total[g] * inv_count
            squares[g] += squares_of_channel[c] + apart * pixels * apart


@serial
def _normalize_groups(x, gamma, beta, eps, mean, inv_std, out):
    """Some groups of one picture."""
    real, pixels, channels = x.dtype.type, len(x), x.shape[1]
    total, squares = channel_array(x)[: mean.size], channel_array(x)[: mean.size]
    for first in range(0, channels, CHANNELS):
        part = x[:, first : min(first + CHANNELS, channels)]
        if first == 0:
            _group_moments(part, mean, inv_std)
        else:
            _group_moments(part, total, squares)
            _join_moments(mean, inv_std, pixels * first, total, squares, part.size)
    inv_count = real(1) / real(pixels * channels // mean.size)
    for g in range(mean.size):
        mean[g] *= inv_count
        inv_std[g] = real(1) / math.sqrt(inv_std[g] * inv_count + real(eps))
    for first in range(0, channels, CHANNELS):
        columns = slice(first, min(first + CHANNELS, channels))
        width = columns.stop - first
        mean_of, inv_std_of = channel_array(x)[:width], channel_array(x)[:width]
        _by_channel(mean, mean_of)
        _by_channel(inv_std, inv_std_of)
        scale_and_shift_columns(x[:, columns], gamma[columns], beta[columns], mean_of, inv_std_of, out[:, columns])


@serial
def _groups_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    """Some groups of one picture, which adds to the parameters' gradients."""
    channels = x.shape[1]
    mean_g, mean_g_x_hat = channel_array(x)[: mean.size], channel_array(x)[: mean.size]
    fill(mean_g, 0)
    fill(mean_g_x_hat, 0)
    for first in range(0, channels, CHANNELS):
        columns = slice(first, min(first + CHANNELS, channels))
        width = columns.stop - first
        mean_of, inv_std_of = channel_array(x)[:width], channel_array(x)[:width]
        more_dgamma, more_dbeta = channel_array(x)[:width], channel_array(x)[:width]
        _by_channel(mean, mean_of)
        _by_channel(inv_std, inv_std_of)
        batchnorm_parameter_gradients(dout[:, columns], x[:, columns], mean_of, inv_std_of, more_dgamma, more_dbeta)
        _add(more_dgamma, dgamma[columns])
        _add(more_dbeta, dbeta[columns])
        _add_by_group(more_dbeta, gamma[columns], mean_g)
        _add_by_group(more_dgamma, gamma[columns], mean_g_x_hat)
    inv_count = x.dtype.type(1) / x.dtype.type(len(x) * channels // mean.size)
    for g in range(mean.size):
        mean_g[g] *= inv_count
        mean_g_x_hat[g] *= inv_count
    for first in range(0, channels, CHANNELS):
        columns = slice(first, min(first + CHANNELS, channels))
        width = columns.stop - first
        mean_of, inv_std_of = channel_array(x)[:width], channel_array(x)[:width]
        mean_g_of, mean_g_x_hat_of = channel_array(x)[:width], channel_array(x)[:width]
        _by_channel(mean, mean_of)
        _by_channel(inv_std, inv_std_of)
        _by_channel(mean_g, mean_g_of)
        _by_channel(mean_g_x_hat, mean_g_x_hat_of)
        by_column = gamma[columns], mean_of, inv_std_of, mean_g_of, mean_g_x_hat_of
        groupnorm_input_gradient(dout[:, columns], x[:, columns], *by_column, dx[:, columns])


@serial
def _pictures_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    """All groups of some pictures."""
    groups, size = mean.shape[1], gamma.size // mean.shape[1]
    fill(dgamma, 0)
    fill(dbeta, 0)
    for n in range(len(x)):
        for first in range(0, groups, _together(size)):
            some = slice(first, min(first + _together(size), groups))
            columns = slice(some.start * size, some.stop * size)
            arrays = dout[n, :, columns], x[n, :, columns], gamma[columns], mean[n, some], inv_std[n, some]
            _groups_backward(*arrays, dx[n, :, columns], dgamma[columns], dbeta[columns])


@kernel(FORWARD_NS)
def groupnorm_forward(x, gamma, beta, groups, eps, mean, inv_std, out):
    size = x.shape[2] // groups
    together = _together(size)
    parts = (groups + together - 1) // together
    for task in prange(len(x) * parts):
        n, part = task // parts, task % parts
        some = slice(part * together, min(part * together + together, groups))
        columns = slice(some.start * size, some.stop * size)
        arrays = x[n, :, columns], gamma[columns], beta[columns]
        _normalize_groups(*arrays, eps, mean[n, some], inv_std[n, some], out[n, :, columns])


@kernel(BACKWARD_NS)
def groupnorm_backward(dout, x, gamma, mean, inv_std, groups, dx, dgamma, dbeta):
    n = len(x)
    pieces = max(min(n, BLOCKS, ROOM // (2 * gamma.size)), 1)
    size = (n + pieces - 1) // pieces
    pieces = (n + size - 1) // size
    sums = piece_sums(x)
    for piece in prange(pieces):
        some = slice(piece * size, min(piece * size + size, n))
        arrays = dout[some], x[some], gamma, mean[some], inv_std[some], dx[some]
        _pictures_backward(*arrays, *_sums_of(piece, dgamma, dbeta, sums))
    _add_sums(pieces, dgamma, dbeta, sums)
