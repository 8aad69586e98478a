"""The plain loops that numbanet's emitters replace, for `emitters.py`: what a reader would write without them.

Each has the arguments of its emitter, in `numbanet/kernels/simd/`. Matrices are (N, D), images (H, W, C).
"""

import math

import numba

from numbanet.kernels.simd.elementary import HALF, INFINITY, constant
from numbanet.kernels.simd.fma import fma as fused
from numbanet.kernels.simd.micro_kernel import MR
from numbanet.kernels.simd.vectors import VECTOR_BYTES
from numbanet.runtime.compiling import OPTIONS

LANES = VECTOR_BYTES // 4
INV_SQRT_2 = constant(math.sqrt(0.5), math.sqrt(0.5))
COEFFICIENTS = (0.5, 0.16666518, 0.04166619, 0.008369036, 0.0013951571)  # those of exp
C0, C1, C2, C3, C4 = (constant(c, c) for c in COEFFICIENTS)
piece = numba.njit(**OPTIONS)

# Passes over columns.


def column_sums(a, sums):
    for j in range(sums.size):
        sums[j] = 0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            sums[j] += a[i, j]


def column_maxima(a, sums):
    for j in range(sums.size):
        sums[j] = -math.inf
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            sums[j] = max(sums[j], a[i, j])


def masked_column_sums(dout, out, sums, dz):
    zero = dout.dtype.type(0)
    for j in range(sums.size):
        sums[j] = zero
    for i in range(dout.shape[0]):
        for j in range(dout.shape[1]):
            gradient = dout[i, j]
            dz[i, j] = zero if out[i, j] <= zero else gradient
            sums[j] += dz[i, j]


def column_moments(x, shift, total, squares):
    inv_n = x.dtype.type(1) / x.dtype.type(x.shape[0])
    for j in range(total.size):
        total[j] = squares[j] = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total[j] += x[i, j] - shift[j]
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            centred = x[i, j] - shift[j] - total[j] * inv_n
            squares[j] += centred * centred


def scale_and_shift_columns(x, gamma, beta, mean, inv_std, out):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = fused(gamma[j], (x[i, j] - mean[j]) * inv_std[j], beta[j])


def batchnorm_parameter_gradients(dout, x, mean, inv_std, dgamma, dbeta):
    for j in range(dgamma.size):
        dgamma[j] = dbeta[j] = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            dgamma[j] = fused(dout[i, j], (x[i, j] - mean[j]) * inv_std[j], dgamma[j])
            dbeta[j] += dout[i, j]


def batchnorm_input_gradient(dout, x, gamma, mean, inv_std, dgamma, dbeta, inv_n, dx):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            slope = inv_std[j] * (dgamma[j] * inv_n)
            inner = fused(-slope, x[i, j] - mean[j], dout[i, j] - dbeta[j] * inv_n)
            dx[i, j] = gamma[j] * inv_std[j] * inner


def groupnorm_input_gradient(dout, x, gamma, mean, inv_std, mean_g, mean_g_x_hat, dx):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            x_hat = (x[i, j] - mean[j]) * inv_std[j]
            dx[i, j] = inv_std[j] * (gamma[j] * dout[i, j] - mean_g[j] - x_hat * mean_g_x_hat[j])


# Sums along rows.


def lane_sum(a):
    total = a.dtype.type(0)
    for i in range(a.size):
        total += a[i]
    return total


def centred_dot(a, a0, b, b0):
    total = a.dtype.type(0)
    for i in range(a.size):
        total = fused(a[i] - a0, b[i] - b0, total)
    return total


def lane_max(a):
    largest = -INFINITY(a[0])
    for i in range(a.size):
        largest = max(largest, a[i])
    return largest


def shifted_sum(a, shift):
    total = a.dtype.type(0)
    for i in range(a.size):
        total += a[i] - shift
    return total


def hinge_sums(scores, right):
    zero, one = scores.dtype.type(0), scores.dtype.type(1)
    total = count = zero
    for i in range(scores.size):
        margin = scores[i] - right + one
        within = margin <= zero
        total += zero if within else margin
        count += zero if within else one
    return total, count


def layernorm_gradient_sums(gamma, dout, x, mean):
    total = total_centred = x.dtype.type(0)
    for i in range(x.size):
        g = gamma[i] * dout[i]
        total += g
        total_centred = fused(g, x[i] - mean, total_centred)
    return total, total_centred


# Products of matrices.


def micro_kernel(a, i, panel, bias, accumulate, c, j, width, floor):
    for row in range(i, min(i + MR, a.shape[0])):
        for column in range(width):
            c[row, j + column] = 0
        for k in range(a.shape[1]):
            for column in range(width):
                c[row, j + column] = fused(a[row, k], panel[k, column], c[row, j + column])
        for column in range(width):
            c[row, j + column] = max(c[row, j + column] + bias[j + column], floor)


def indirect_micro_kernel(
    a, a_offsets, segments, depth, stride, i, panel, bias, accumulate, c, c_offsets, j, width, floor
):
    across = panel.size // (segments.size * depth)
    for row in range(i, min(i + MR, a_offsets.size)):
        sums = c[c_offsets[row] + j : c_offsets[row] + j + width]
        for column in range(width):
            sums[column] = 0
        for segment in range(segments.size):
            for k in range(depth):
                number = a[a_offsets[row] + segments[segment] + k * stride]
                weights = panel[(segment * depth + k) * across :]
                for column in range(width):
                    sums[column] = fused(number, weights[column], sums[column])
        for column in range(width):
            sums[column] = max(sums[column] + bias[j + column], floor)


def pack_rows(b, panel, width):
    for k in range(b.shape[0]):
        for j in range(width):
            panel[k, j] = b[k, j]
        for j in range(width, panel.shape[1]):
            panel[k, j] = 0


def pack_columns(b, panel, j, width):
    for column in range(j, min(j + LANES, width)):
        for k in range(b.shape[0]):
            panel[k, column] = b[k, column]


def transpose(a, out):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[j, i] = a[i, j]


# Windows of images: `rows` and `columns` are (kernel_size, stride, padding).


@piece
def bounds(i, along, length):
    """Where window i would begin, where it begins, and where it ends."""
    kernel_size, stride, padding = along
    first = i * stride - padding
    return first, max(first, 0), min(first + kernel_size, length)


def largest(x, i, rows, columns, out):
    lowest = -INFINITY(x[0, 0, 0])
    _, top, bottom = bounds(i, rows, x.shape[0])
    for j in range(out.shape[0]):
        _, left, right = bounds(j, columns, x.shape[1])
        best = out[j]
        for c in range(best.size):
            best[c] = lowest
        for y in range(top, bottom):
            for z in range(left, right):
                pixel = x[y, z]
                for c in range(best.size):
                    best[c] = max(pixel[c], best[c])


def first_largest(x, i, rows, columns, out, where):
    lowest = -INFINITY(x[0, 0, 0])
    first_row, top, bottom = bounds(i, rows, x.shape[0])
    for j in range(out.shape[0]):
        first_column, left, right = bounds(j, columns, x.shape[1])
        best, taken = out[j], where[j]
        for c in range(best.size):
            best[c], taken[c] = lowest, (top - first_row) * columns[0] + left - first_column
        for y in range(top, bottom):
            for z in range(left, right):
                pixel, number = x[y, z], (y - first_row) * columns[0] + z - first_column
                for c in range(best.size):
                    larger = (not pixel[c] <= best[c]) & (best[c] == best[c])
                    best[c] = pixel[c] if larger else best[c]
                    taken[c] = number if larger else taken[c]


def mean(x, i, rows, columns, out):
    size = x.dtype.type(rows[0] * columns[0])
    _, top, bottom = bounds(i, rows, x.shape[0])
    for j in range(out.shape[0]):
        _, left, right = bounds(j, columns, x.shape[1])
        total = out[j]
        for c in range(total.size):
            total[c] = 0
        for y in range(top, bottom):
            for z in range(left, right):
                pixel = x[y, z]
                for c in range(total.size):
                    total[c] += pixel[c]
        for c in range(total.size):
            total[c] /= size


def to_largest(dout, where, i, rows, columns, dx):
    zero = dout.dtype.type(0)
    first_row, top, bottom = bounds(i, rows, dx.shape[0])
    for j in range(dout.shape[0]):
        first_column, left, right = bounds(j, columns, dx.shape[1])
        gradient, taken = dout[j], where[j]
        for y in range(top, bottom):
            for z in range(left, right):
                pixel, number = dx[y, z], (y - first_row) * columns[0] + z - first_column
                for c in range(gradient.size):
                    value = gradient[c]
                    pixel[c] = value if taken[c] == number else zero


def to_all(dout, i, rows, columns, dx):
    size = dout.dtype.type(rows[0] * columns[0])
    _, top, bottom = bounds(i, rows, dx.shape[0])
    for j in range(dout.shape[0]):
        _, left, right = bounds(j, columns, dx.shape[1])
        gradient = dout[j]
        for y in range(top, bottom):
            for z in range(left, right):
                pixel = dx[y, z]
                for c in range(gradient.size):
                    pixel[c] = gradient[c] / size


# Pixels of images, from the windows that they are in.


@piece
def reaching(pixel, along, count):
    """Which of `count` windows reach to a pixel: the first, and the one after the last."""
    kernel_size, stride, padding = along
    return max((pixel + padding - kernel_size + stride) // stride, 0), min((pixel + padding) // stride + 1, count)


def from_largest(dout, where, start, stop, rows, columns, dx):
    for y in range(start, stop):
        top, bottom = reaching(y, rows, dout.shape[0])
        for z in range(dx.shape[1]):
            left, right = reaching(z, columns, dout.shape[1])
            pixel = dx[y, z]
            for c in range(pixel.size):
                pixel[c] = 0
            for i in range(top, bottom):
                for j in range(left, right):
                    gradient, taken = dout[i, j], where[i, j]
                    number = (y + rows[2] - i * rows[1]) * columns[0] + z + columns[2] - j * columns[1]
                    for c in range(pixel.size):
                        pixel[c] = pixel[c] + gradient[c] if taken[c] == number else pixel[c]


def from_mean(dout, start, stop, rows, columns, dx):
    size = dout.dtype.type(rows[0] * columns[0])
    for y in range(start, stop):
        top, bottom = reaching(y, rows, dout.shape[0])
        for z in range(dx.shape[1]):
            left, right = reaching(z, columns, dout.shape[1])
            pixel = dx[y, z]
            for c in range(pixel.size):
                pixel[c] = 0
            for i in range(top, bottom):
                for j in range(left, right):
                    gradient = dout[i, j]
                    for c in range(pixel.size):
                        pixel[c] += gradient[c]
            for c in range(pixel.size):
                pixel[c] /= size


# Functions.


def exp(x):
    return math.exp(x)


def expm1(x):
    return math.expm1(x)


def log(x):
    return math.log(x)


def log1p(x):
    return math.log1p(x)


def tanh(x):
    return math.tanh(x)


def normal(x):
    """The normal distribution's function."""
    return HALF(x) * math.erfc(-x * INV_SQRT_2(x))


def polynomial(x):
    """Horner's rule."""
    return fused(fused(fused(fused(C4(x), x, C3(x)), x, C2(x)), x, C1(x)), x, C0(x))


def fma(x):
    return x * x + x
