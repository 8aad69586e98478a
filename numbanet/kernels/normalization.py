"""Batch, layer and group normalisation.

N examples, D features; of pictures P pixels, C channels, G groups of channels. Batch and layer normalisation are
parallel over pieces of the examples, cut by the shape alone; sums over the examples are the pieces' sums, added up in
order. Group normalisation is parallel over pictures; its parameter gradients are added up over blocks of pictures, cut
by their number alone, and then over the blocks.
"""

import math

from llvmlite import ir
from numba import prange

from ._columns import column_pass
from ._jit import serial
from ._math import fused_multiply_add
from ._parallel import kernel
from ._scratch import stack_array
from ._sums import BLOCKS, block_size, centred_dot, fill, lane_sum, lane_sums

# Nanoseconds an element takes on one core.
FORWARD_NS, BACKWARD_NS = 0.18, 0.22
ROWS = 4  # of a layer normalisation that stay in the L1 cache until all gradients have been taken from them
CHANNELS, PIXELS = 64, 64  # of a picture, that are added up at a time
PIECES, ROOM, LEAST = 16, 2**15, 2**15  # the most pieces of rows; elements of their sums, and the least of a piece

piece_sums, row_array = stack_array((ROOM,)), stack_array((ROWS,))
channel_array = stack_array((CHANNELS,))
block_sums = stack_array((BLOCKS, 2, CHANNELS))


# What happens to one vector of columns in one row, and to one vector of a row.


def _fma(emit, a, b, c):
    return fused_multiply_add(emit.context, emit.builder, a, b, c)


def _x_hat(emit, x, mean, inv_std):
    return emit.builder.fmul(emit.builder.fsub(x, mean), inv_std)


def _centred_moments(emit, sums, reads, rows, columns, numbers):
    """Σ (x - mean) and Σ (x - mean)²."""
    centred = emit.builder.fsub(reads[0], columns[0])
    return [emit.builder.fadd(sums[0], centred), _fma(emit, centred, centred, sums[1])], []


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
    """gamma x_hat + beta, with statistics by column, or of the one row."""
    gamma, beta, mean, inv_std = (*columns, *numbers)
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
scale_and_shift_row = column_pass(_scale_and_shift, reads=1, columns=2, numbers=2, writes=1)
batchnorm_parameter_gradients = column_pass(_parameter_gradients, reads=2, columns=2, sums=2)
batchnorm_input_gradient = column_pass(_batchnorm_input_gradient, reads=2, columns=5, numbers=1, writes=1)
layernorm_gradients = column_pass(_layernorm_gradients, reads=2, rows=4, columns=1, sums=2, writes=1, add=True)
column_centred_moments = column_pass(_centred_moments, reads=1, columns=1, sums=2)
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
    real = x.dtype.type
    d = real(x.shape[1])
    for i in prange(x.shape[0]):
        mean[i] = lane_sum(x[i]) / d
        var = centred_dot(x[i], mean[i], x[i], mean[i]) / d
        inv_std[i] = real(1) / math.sqrt(var + real(eps))
        scale_and_shift_row(x[i : i + 1], gamma, beta, mean[i], inv_std[i], out[i : i + 1])


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


# Group normalisation takes as many whole groups at a time as CHANNELS holds, or one; and of those, at most CHANNELS
# columns down the pixels.


@serial
def _together(size):
    """How many groups of `size` channels."""
    return max(CHANNELS // size, 1)


@serial
def _add_by_group(values, first, size, sums):
    """The values of the channels from `first` on, added to their groups' sums."""
    for c in range(values.size):
        sums[(first + c) // size] += values[c]


@serial
def _by_channel(values, first, size, out):
    """`out` for the channels from `first` on: the value of the group that each belongs to."""
    for c in range(out.size):
        out[c] = values[(first + c) // size]


@serial
def _channel_moments(x, mean, sums, squares):
    """Σ (x - mean) and Σ (x - mean)² by channel, over blocks of pixels and then over the blocks."""
    block_sums, block_squares = channel_array(x)[: mean.size], channel_array(x)[: mean.size]
    fill(sums, 0)
    fill(squares, 0)
    for first in range(0, len(x), PIXELS):
        column_centred_moments(x[first : min(first + PIXELS, len(x))], mean, block_sums, block_squares)
        _add(block_sums, sums)
        _add(block_squares, squares)


@serial
def _channel_gradients(dout, x, mean, inv_std, dgamma, dbeta):
    """The parameter gradients of one picture, added up likewise."""
    block_dgamma, block_dbeta = channel_array(x)[: mean.size], channel_array(x)[: mean.size]
    fill(dgamma, 0)
    fill(dbeta, 0)
    for first in range(0, len(x), PIXELS):
        pixels = slice(first, min(first + PIXELS, len(x)))
        batchnorm_parameter_gradients(dout[pixels], x[pixels], mean, inv_std, block_dgamma, block_dbeta)
        _add(block_dgamma, dgamma)
        _add(block_dbeta, dbeta)


@serial
def _add_group_moments(x, centre, size, squared, totals):
    """Σ (x - centre), or of its square, of one picture's groups added to `totals`."""
    for first in range(0, x.shape[1], CHANNELS):
        columns = slice(first, min(first + CHANNELS, x.shape[1]))
        width = columns.stop - first
        mean_of, sums, squares = channel_array(x)[:width], channel_array(x)[:width], channel_array(x)[:width]
        _by_channel(centre, first, size, mean_of)
        _channel_moments(x[:, columns], mean_of, sums, squares)
        _add_by_group(squares if squared else sums, first, size, totals)


@serial
def _normalize_groups(x, gamma, beta, size, eps, mean, inv_std, out):
    """Some groups of one picture."""
    real = x.dtype.type
    count = real(x.shape[0] * size)
    fill(mean, 0)
    fill(inv_std, 0)
    _add_group_moments(x, inv_std, size, False, mean)
    for g in range(mean.size):
        mean[g] /= count
    _add_group_moments(x, mean, size, True, inv_std)
    for g in range(mean.size):
        inv_std[g] = real(1) / math.sqrt(inv_std[g] / count + real(eps))
    for first in range(0, x.shape[1], CHANNELS):
        columns = slice(first, min(first + CHANNELS, x.shape[1]))
        width = columns.stop - first
        mean_of, inv_std_of = channel_array(x)[:width], channel_array(x)[:width]
        _by_channel(mean, first, size, mean_of)
        _by_channel(inv_std, first, size, inv_std_of)
        scale_and_shift_columns(x[:, columns], gamma[columns], beta[columns], mean_of, inv_std_of, out[:, columns])


@serial
def _group_input_gradient(dout, x, gamma, mean, inv_std, size, dx):
    """Of some groups of one picture."""
    count = x.dtype.type(x.shape[0] * size)
    mean_g, mean_g_x_hat = channel_array(x)[: mean.size], channel_array(x)[: mean.size]
    fill(mean_g, 0)
    fill(mean_g_x_hat, 0)
    for first in range(0, x.shape[1], CHANNELS):
        columns = slice(first, min(first + CHANNELS, x.shape[1]))
        width = columns.stop - first
        mean_of, inv_std_of = channel_array(x)[:width], channel_array(x)[:width]
        dgamma, dbeta = channel_array(x)[:width], channel_array(x)[:width]
        _by_channel(mean, first, size, mean_of)
        _by_channel(inv_std, first, size, inv_std_of)
        _channel_gradients(dout[:, columns], x[:, columns], mean_of, inv_std_of, dgamma, dbeta)
        for c in range(width):
            dgamma[c] *= gamma[first + c]
            dbeta[c] *= gamma[first + c]
        _add_by_group(dbeta, first, size, mean_g)
        _add_by_group(dgamma, first, size, mean_g_x_hat)
    for g in range(mean.size):
        mean_g[g] /= count
        mean_g_x_hat[g] /= count
    for first in range(0, x.shape[1], CHANNELS):
        columns = slice(first, min(first + CHANNELS, x.shape[1]))
        width = columns.stop - first
        mean_of, inv_std_of = channel_array(x)[:width], channel_array(x)[:width]
        mean_g_of, mean_g_x_hat_of = channel_array(x)[:width], channel_array(x)[:width]
        _by_channel(mean, first, size, mean_of)
        _by_channel(inv_std, first, size, inv_std_of)
        _by_channel(mean_g, first, size, mean_g_of)
        _by_channel(mean_g_x_hat, first, size, mean_g_x_hat_of)
        groupnorm_input_gradient(
            dout[:, columns],
            x[:, columns],
            gamma[columns],
            mean_of,
            inv_std_of,
            mean_g_of,
            mean_g_x_hat_of,
            dx[:, columns],
        )


@serial
def _pictures_parameter_gradients(dout, x, mean, inv_std, first, size, sums):
    """dgamma and dbeta of the channels from `first` on, over the pictures, into `sums` (2, channels)."""
    width = x.shape[2]
    mean_of, inv_std_of = channel_array(x)[:width], channel_array(x)[:width]
    dgamma, dbeta = channel_array(x)[:width], channel_array(x)[:width]
    fill(sums[0], 0)
    fill(sums[1], 0)
    for n in range(len(x)):
        _by_channel(mean[n], first, size, mean_of)
        _by_channel(inv_std[n], first, size, inv_std_of)
        _channel_gradients(dout[n], x[n], mean_of, inv_std_of, dgamma, dbeta)
        _add(dgamma, sums[0])
        _add(dbeta, sums[1])


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
        _normalize_groups(*arrays, size, eps, mean[n, some], inv_std[n, some], out[n, :, columns])


@kernel(BACKWARD_NS)
def groupnorm_backward(dout, x, gamma, mean, inv_std, groups, dx, dgamma, dbeta):
    size = x.shape[2] // groups
    pictures = block_size(len(x), 1)
    blocks = (len(x) + pictures - 1) // pictures
    sums = block_sums(x)
    for first in range(0, x.shape[2], CHANNELS):
        last = min(first + CHANNELS, x.shape[2])
        for block in prange(blocks):
            some, columns = slice(block * pictures, min(block * pictures + pictures, len(x))), slice(first, last)
            arrays = dout[some, :, columns], x[some, :, columns], mean[some], inv_std[some]
            _pictures_parameter_gradients(*arrays, first, size, sums[block, :, : last - first])
        fill(dgamma[first:last], 0)
        fill(dbeta[first:last], 0)
        for block in range(blocks):
            _add(sums[block, 0], dgamma[first:last])
            _add(sums[block, 1], dbeta[first:last])
    together = _together(size)
    parts = (groups + together - 1) // together
    for task in prange(len(x) * parts):  # after all pictures, for dx may be dout
        n, part = task // parts, task % parts
        some = slice(part * together, min(part * together + together, groups))
        columns = slice(some.start * size, some.stop * size)
        arrays = dout[n, :, columns], x[n, :, columns], gamma[columns], mean[n, some], inv_std[n, some]
        _group_input_gradient(*arrays, size, dx[n, :, columns])
