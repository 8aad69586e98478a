"""Group normalisation of images; layer and instance normalisation are its ends.

N images of P pixels, C channels in G groups. Parallel over images and groups, or pieces of the images where the
parameters' gradients are summed. As many whole groups are taken at a time as CHANNELS_AT_ONCE holds; or one, whose
channels are then taken CHANNELS_AT_ONCE at a time. So all groups have the same number of the channels at hand, which
are counted, not looked up.
"""

import math

from numba import prange

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel
from ._moments import (
    FAR,
    NORM_BACKWARD_NS,
    NORM_FORWARD_NS,
    add,
    add_sums,
    join_moments,
    most_pieces,
    piece_sums,
    sums_of,
)
from ._sums import BLOCKS, fill
from .simd.moments import (
    batchnorm_parameter_gradients,
    column_moments,
    groupnorm_input_gradient,
    scale_and_shift_columns,
)
from .simd.scratch import stack_array

CHANNELS_AT_ONCE = 64  # of an image, that are added up at a time

channel_array = stack_array((CHANNELS_AT_ONCE,))


@serial
def _together(size):
    """How many groups of `size` channels."""
    return max(CHANNELS_AT_ONCE // size, 1)


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
def _channels_moments(x, shift, total, squares):
    """Σ (x - shift) and Σ (x - mean)² of the groups that at most CHANNELS_AT_ONCE channels of one image are."""
    real, width = x.dtype.type, x.shape[1]
    of_channel, squares_of_channel, shift_of_channel = (
        channel_array(x)[:width],
        channel_array(x)[:width],
        channel_array(x)[:width],
    )
    _by_channel(shift, shift_of_channel)
    column_moments(x, shift_of_channel, of_channel, squares_of_channel)
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
def _group_moments(x, shift, total, squares):
    """The same of some groups of one image."""
    pixels, channels = x.shape
    more, more_squares = channel_array(x)[: total.size], channel_array(x)[: total.size]
    for first in range(0, channels, CHANNELS_AT_ONCE):
        part = x[:, first : min(first + CHANNELS_AT_ONCE, channels)]
        if first == 0:
            _channels_moments(part, shift, total, squares)
        else:
            _channels_moments(part, shift, more, more_squares)
            join_moments(total, squares, pixels * first, more, more_squares, part.size)


@serial
def _normalize_groups(x, gamma, beta, eps, mean, inv_std, out):
    """Some groups of one image."""
    real, pixels, channels = x.dtype.type, len(x), x.shape[1]
    size, far = channels // mean.size, False
    count = real(pixels * size)
    shift = channel_array(x)[: mean.size]
    fill(shift, 0)
    _group_moments(x, shift, mean, inv_std)
    for g in range(mean.size):
        if mean[g] * mean[g] >= real(FAR * FAR) * count * inv_std[g]:  # far from zero, or too small to tell
            shift[g], far = x[0, g * size], True
    if far:
        _group_moments(x, shift, mean, inv_std)
    for g in range(mean.size):
        mean[g] = shift[g] + mean[g] / count
        inv_std[g] = real(1) / math.sqrt(inv_std[g] / count + real(eps))
    for first in range(0, channels, CHANNELS_AT_ONCE):
        columns = slice(first, min(first + CHANNELS_AT_ONCE, channels))
        width = columns.stop - first
        mean_of, inv_std_of = channel_array(x)[:width], channel_array(x)[:width]
        _by_channel(mean, mean_of)
        _by_channel(inv_std, inv_std_of)
        scale_and_shift_columns(x[:, columns], gamma[columns], beta[columns], mean_of, inv_std_of, out[:, columns])


@serial
def _groups_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    """Some groups of one image, which adds to the parameters' gradients."""
    channels = x.shape[1]
    mean_g, mean_g_x_hat = channel_array(x)[: mean.size], channel_array(x)[: mean.size]
    fill(mean_g, 0)
    fill(mean_g_x_hat, 0)
    for first in range(0, channels, CHANNELS_AT_ONCE):
        columns = slice(first, min(first + CHANNELS_AT_ONCE, channels))
        width = columns.stop - first
        mean_of, inv_std_of = channel_array(x)[:width], channel_array(x)[:width]
        more_dgamma, more_dbeta = channel_array(x)[:width], channel_array(x)[:width]
        _by_channel(mean, mean_of)
        _by_channel(inv_std, inv_std_of)
        batchnorm_parameter_gradients(dout[:, columns], x[:, columns], mean_of, inv_std_of, more_dgamma, more_dbeta)
        add(more_dgamma, dgamma[columns])
        add(more_dbeta, dbeta[columns])
        _add_by_group(more_dbeta, gamma[columns], mean_g)
        _add_by_group(more_dgamma, gamma[columns], mean_g_x_hat)
    inv_count = x.dtype.type(1) / x.dtype.type(len(x) * channels // mean.size)
    for g in range(mean.size):
        mean_g[g] *= inv_count
        mean_g_x_hat[g] *= inv_count
    for first in range(0, channels, CHANNELS_AT_ONCE):
        columns = slice(first, min(first + CHANNELS_AT_ONCE, channels))
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
def _images_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    """All groups of some images."""
    groups, size = mean.shape[1], gamma.size // mean.shape[1]
    fill(dgamma, 0)
    fill(dbeta, 0)
    for n in range(len(x)):
        for first in range(0, groups, _together(size)):
            some = slice(first, min(first + _together(size), groups))
            columns = slice(some.start * size, some.stop * size)
            arrays = dout[n, :, columns], x[n, :, columns], gamma[columns], mean[n, some], inv_std[n, some]
            _groups_backward(*arrays, dx[n, :, columns], dgamma[columns], dbeta[columns])


@kernel(NORM_FORWARD_NS)
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


@kernel(NORM_BACKWARD_NS)
def groupnorm_backward(dout, x, gamma, mean, inv_std, groups, dx, dgamma, dbeta):
    n = len(x)
    pieces = min(n, BLOCKS, most_pieces(gamma.size, x))
    size = (n + pieces - 1) // pieces
    pieces = (n + size - 1) // size
    sums = piece_sums(x)
    for piece in prange(pieces):
        some = slice(piece * size, min(piece * size + size, n))
        arrays = dout[some], x[some], gamma, mean[some], inv_std[some], dx[some]
        _images_backward(*arrays, *sums_of(piece, dgamma, dbeta, sums))
    add_sums(pieces, dgamma, dbeta, sums)
