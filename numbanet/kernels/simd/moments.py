"""Normalisations' passes over columns and sums along rows: moments, scale and shift, gradients."""

from llvmlite import ir

from .columns import column_pass
from .fma import fused_multiply_add
from .reductions import lane_sums

# What happens to one vector of columns in one row, and to one vector of a row.


def _fma(emit, a, b, c):
    return fused_multiply_add(emit.context, emit.builder, a, b, c)


def _x_hat(emit, x, mean, inv_std):
    return emit.builder.fmul(emit.builder.fsub(x, mean), inv_std)


def _moments(emit, sums, reads, columns, numbers):
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


def _scale_and_shift(emit, sums, reads, columns, numbers):
    """gamma x_hat + beta."""
    gamma, beta, mean, inv_std = columns
    return [], [_fma(emit, gamma, _x_hat(emit, reads[0], mean, inv_std), beta)]


def _parameter_gradients(emit, sums, reads, columns, numbers):
    """dgamma += dout x_hat, dbeta += dout."""
    (dout, x), (mean, inv_std) = reads, columns
    return [_fma(emit, dout, _x_hat(emit, x, mean, inv_std), sums[0]), emit.builder.fadd(sums[1], dout)], []


def _batchnorm_input_gradient(emit, sums, reads, columns, numbers):
    """dx = gamma inv_std (dout - dbeta / N - x_hat dgamma / N)."""
    builder, (dout, x), (gamma, mean, inv_std, dgamma, dbeta), (inv_n,) = emit.builder, reads, columns, numbers
    # Of these two, LLVM makes one of each for the column.
    scale, slope = builder.fmul(gamma, inv_std), builder.fmul(inv_std, builder.fmul(dgamma, inv_n))
    inner = builder.fsub(dout, builder.fmul(dbeta, inv_n))
    inner = _fma(emit, builder.fneg(slope), builder.fsub(x, mean), inner)
    return [], [builder.fmul(scale, inner)]


def _groupnorm_input_gradient(emit, sums, reads, columns, numbers):
    """dx = inv_std (g - mean(g) - x_hat mean(g x_hat)), with g = gamma dout."""
    builder, (dout, x), (gamma, mean, inv_std, mean_g, mean_g_x_hat) = emit.builder, reads, columns
    inner = builder.fsub(builder.fmul(gamma, dout), mean_g)
    inner = builder.fsub(inner, builder.fmul(_x_hat(emit, x, mean, inv_std), mean_g_x_hat))
    return [], [builder.fmul(inv_std, inner)]


def _gradient_sums(emit, sums, gamma, dout, x, mean):
    """Σ g and Σ g (x - mean), with g = gamma dout."""
    g = emit.builder.fmul(gamma, dout)
    return [emit.builder.fadd(sums[0], g), _fma(emit, g, emit.builder.fsub(x, mean), sums[1])]


def _shifted_sum(emit, sums, a, shift):
    return [emit.builder.fadd(sums[0], emit.builder.fsub(a, shift))]


# What each replaces, over rows i and columns j, and the plain loop's time over its own (Zen 5; see `columns`).

# total[j] += x[i, j] - shift[j]; then squares[j] += (x[i, j] - mean[j])²: twice through x. 1.4 to 4.7.
column_moments = column_pass(_moments, reads=1, columns=1, sums=2, together=8, by_block=_moment_weights)
# out[i, j] = gamma[j] * ((x[i, j] - mean[j]) * inv_std[j]) + beta[j]. 0.9 in 512 columns, 1.4 in 32.
scale_and_shift_columns = column_pass(_scale_and_shift, reads=1, columns=4, writes=1)
# dgamma[j] += dout[i, j] * x_hat; dbeta[j] += dout[i, j]. 1.0 in 512 columns, 1.6 in 32.
batchnorm_parameter_gradients = column_pass(_parameter_gradients, reads=2, columns=2, sums=2)
# dx[i, j] = gamma[j] * inv_std[j] * (dout[i, j] - dbeta[j] / N - x_hat * dgamma[j] / N). 1.0 in 512 columns, 1.5 in 32.
batchnorm_input_gradient = column_pass(_batchnorm_input_gradient, reads=2, columns=5, numbers=1, writes=1)
# dx[i, j] = inv_std[j] * (gamma[j] * dout[i, j] - mean_g[j] - x_hat * mean_g_x_hat[j]). 1.1 in 64 columns, 2.6 in 32.
groupnorm_input_gradient = column_pass(_groupnorm_input_gradient, reads=2, columns=5, writes=1)
# total += gamma[j] * dout[j]; total_centred += gamma[j] * dout[j] * (x[j] - mean). 13 to 16, see `reductions`.
layernorm_gradient_sums = lane_sums(2, _gradient_sums)
# total += a[j] - shift. 14 to 20.
shifted_sum = lane_sums(1, _shifted_sum)
