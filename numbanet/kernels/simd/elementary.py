"""exp, log, tanh and what activations and losses need beside them, for float32 and float64.

The compiler turns a loop over any of these into vector instructions: there is no branch, no call and no table, only
arithmetic, selects and a few operations on a number's bits. Multiplications are fused with additions by name (`fma`),
so an element has the same bits in a vectorised loop and in its remainder, whatever the width of the vectors.

They replace calls of the C library, which stay scalar: ``for i in range(x.size): out[i] = math.exp(x[i])`` takes 14
times as long, with log 8, and with expm1, log1p, tanh and erfc 30 to 65.

Each function brings its argument into a small interval and evaluates a polynomial there. The coefficients were made for
this file: they minimise the largest error of the function relative to its result on that interval (Remez' exchange in
60 digits), and were then rounded. The error of the rounded polynomial is said beside each. Errors of whole functions,
in units in the last place (ULP), are measured in tests/test_elementary.py.
"""

import math

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...runtime.compiling import serial
from .fma import fma, fused_multiply_add


def constant(single, double):
    """An intrinsic that gives a number in its argument's dtype: `single` for float32, `double` for float64.

    Replaces nothing that is slower: numba has no words for a constant by dtype.
    """

    @intrinsic
    def value(typing_context, like):
        def codegen(context, builder, signature, args):
            return ir.Constant(args[0].type, single if like.bitwidth == 32 else double)

        return like(like), codegen

    return value


def polynomial(single, double):
    """An intrinsic for the polynomial with these coefficients, lowest power first.

    Neighbours are combined, c + c' x, and the results by Horner's rule in x²: half as many operations that wait for
    each other as with ``for c in reversed(coefficients): result = fma(result, x, c)``, for one multiplication more. In
    a loop over an array that is as fast; it is emitted since numba has no coefficients by dtype.
    """

    @intrinsic
    def evaluate(typing_context, x):
        coefficients = single if x.bitwidth == 32 else double

        def codegen(context, builder, signature, args):
            (x,) = args
            terms = [ir.Constant(x.type, coefficient) for coefficient in coefficients]
            pairs = [
                fused_multiply_add(context, builder, odd, x, even)
                for even, odd in zip(terms[::2], terms[1::2], strict=False)
            ]
            *rest, result = pairs + terms[2 * len(pairs) :]
            square = builder.fmul(x, x)
            for pair in reversed(rest):
                result = fused_multiply_add(context, builder, result, square, pair)
            return result

        return x(x), codegen

    return evaluate


def _integer(real):
    """The integer type with as many bits as a float type, and how many of them are the mantissa's."""
    return (ir.IntType(32), 23) if isinstance(real, ir.FloatType) else (ir.IntType(64), 52)


@intrinsic
def two_to(typing_context, shifted):
    """2ⁿ, for the n that `shifted` holds in its lowest bits with the exponent's bias."""

    def codegen(context, builder, signature, args):
        integer, mantissa = _integer(args[0].type)
        bits = builder.bitcast(args[0], integer)
        return builder.bitcast(builder.shl(bits, ir.Constant(integer, mantissa)), args[0].type)

    return shifted(shifted), codegen


@intrinsic
def times_two_to(typing_context, x, shifted):
    """x 2ⁿ, for the n that `shifted` holds in its lowest bits with twice the exponent's bias.

    In two steps, so that n may exceed what an exponent holds: only the second can leave the normal numbers and round.
    """

    def codegen(context, builder, signature, args):
        value, shifted = args
        integer, mantissa = _integer(value.type)
        bits = builder.bitcast(shifted, integer)
        half = builder.lshr(bits, ir.Constant(integer, 1))
        for n in (half, builder.sub(bits, half)):
            power = builder.bitcast(builder.shl(n, ir.Constant(integer, mantissa)), value.type)
            value = builder.fmul(value, power)
        return value

    return x(x, shifted), codegen


@intrinsic
def split(typing_context, x):
    """(n, m) with x = m 2ⁿ and m from √½ to √2, for a positive normal x; both in its dtype."""

    def codegen(context, builder, signature, args):
        integer, mantissa = _integer(args[0].type)
        bits_of_mantissa = ir.Constant(integer, mantissa)
        bits = builder.bitcast(args[0], integer)
        root_half = builder.bitcast(ir.Constant(args[0].type, ROOT_HALF), integer)
        n = builder.ashr(builder.sub(bits, root_half), bits_of_mantissa)
        m = builder.bitcast(builder.sub(bits, builder.shl(n, bits_of_mantissa)), args[0].type)
        # By way of 32 bits, because few CPUs convert vectors of 64-bit integers.
        short = n if mantissa == 23 else builder.trunc(n, ir.IntType(32))
        return context.make_tuple(builder, signature.return_type, [builder.sitofp(short, args[0].type), m])

    return types.UniTuple(x, 2)(x), codegen


@intrinsic
def with_sign_of(typing_context, x, y):
    """|x| with the sign of y."""

    def codegen(context, builder, signature, args):
        kind = args[0].type
        name = f"llvm.copysign.{'f32' if isinstance(kind, ir.FloatType) else 'f64'}"
        return builder.call(builder.module.declare_intrinsic(name, fnty=ir.FunctionType(kind, [kind] * 2)), args)

    return x(x, y), codegen


ZERO, HALF, ONE, TWO = (constant(number, number) for number in (0.0, 0.5, 1.0, 2.0))
INFINITY, NAN = (constant(number, number) for number in (math.inf, math.nan))
ROOT_HALF = 0.70710678

LOG2_E = constant(1.44269502, 1.4426950408889634)
# ln 2 in two parts. The first has so few bits that an exponent times it is exact.
LN2_HIGH = constant(0.693359375, 0.6931471805598903)
LN2_LOW = constant(-2.12194442e-4, 5.497923018708371e-14)

# A number around 1.5 * 2^mantissa has no bits for fractions: adding one rounds to a whole number, which then is in the
# lowest bits. The exponent's bias, or twice it, is added with it.
SHIFT = constant(1.5 * 2**23 + 127, 1.5 * 2**52 + 1023)
SHIFT_TWICE = constant(1.5 * 2**23 + 254, 1.5 * 2**52 + 2046)

# Where exp has certainly become infinity, or 0; and expm1 -1.
EXP_HIGH, EXP_LOW, EXPM1_LOW = constant(89.0, 710.0), constant(-104.0, -746.0), constant(-18.0, -40.0)

# (expm1(r) - r) / r², |r| ≤ ln(2) / 2. Error 2^-27.8, 2^-61.0.
_expm1_tail = polynomial(
    (0.5, 0.16666518, 0.04166619, 0.008369036, 0.0013951571),
    (
        *(0.5, 0.16666666666666685, 0.04166666666666673, 0.008333333333316465, 0.0013888888888856216),
        *(0.0001984126989775019, 2.480158737808982e-05, 2.755723353605283e-06, 2.7557229613628807e-07),
        *(2.511248733400897e-08, 2.092812123477233e-09),
    ),
)


@serial
def _exp(r):
    """eʳ, |r| ≤ ln(2) / 2."""
    return ONE(r) + fma(r * r, _expm1_tail(r), r)


@serial
def exp(x):
    """eˣ = 2ⁿ eʳ, with n = round(x / ln 2)."""
    x = min(max(x, EXP_LOW(x)), EXP_HIGH(x))  # in this order NaN passes
    shifted = fma(x, LOG2_E(x), SHIFT_TWICE(x))
    n = shifted - SHIFT_TWICE(x)
    r = fma(-n, LN2_LOW(x), fma(-n, LN2_HIGH(x), x))
    return times_two_to(_exp(r), shifted)


@serial
def expm1(x):
    """eˣ - 1 = 2ⁿ (eʳ - 1) + (2ⁿ - 1), for x ≤ 0."""
    bounded = max(x, EXPM1_LOW(x))
    shifted = fma(bounded, LOG2_E(x), SHIFT(x))
    n = shifted - SHIFT(x)
    r = fma(-n, LN2_LOW(x), fma(-n, LN2_HIGH(x), bounded))
    power = two_to(shifted)
    return with_sign_of(fma(power, fma(r * r, _expm1_tail(r), r), power - ONE(x)), x)  # -0 for -0


SMALLEST_NORMAL = constant(2.0**-126, 2.0**-1022)
RAISE, RAISED = constant(2.0**24, 2.0**54), constant(24.0, 54.0)

# (ln(1 + f) - f + f²/2) / f³, √½ - 1 ≤ f ≤ √2 - 1. Error 2^-28.2, 2^-59.9.
_log1p_tail = polynomial(
    (
        *(0.33333313, -0.2500001, 0.20002119, -0.16667996, 0.14219554, -0.1240559, 0.11888153, -0.11675631),
        0.06746626,
    ),
    (
        *(0.3333333333333333, -0.2500000000000006, 0.20000000000001508, -0.16666666666648144, 0.14285714285425216),
        *(-0.1250000000205779, 0.11111111138303255, -0.09999999891494045, 0.09090907628406172, -0.0833333611462016),
        *(0.07692355880008635, -0.07142837011400242, 0.06665672540485941, -0.062492946667561, 0.05894917397149701),
        *(-0.05576596184711487, 0.051750854945173085, -0.04755171393736611, 0.04982776887072869, -0.05857148139806227),
        *(0.05162530287376262, -0.020961578222454185),
    ),
)


@serial
def _log(n, f):
    """ln(2ⁿ (1 + f)), the small terms first."""
    square = f * f
    tail = fma(square * f, _log1p_tail(f), n * LN2_LOW(f))
    return fma(n, LN2_HIGH(f), f + fma(-HALF(f), square, tail))


@serial
def log(x):
    """ln x; -inf at 0, NaN below."""
    subnormal = x < SMALLEST_NORMAL(x)
    n, m = split(x * RAISE(x) if subnormal else x)
    n = n - RAISED(x) if subnormal else n
    result = _log(n, m - ONE(x))
    limit = x if x > ONE(x) else NAN(x)  # x may be inf
    limit = -INFINITY(x) if x == 0 else limit
    return result if (x > 0) & (x < INFINITY(x)) else limit


SQRT2_MINUS_1 = constant(0.41421357, 0.41421356237309503)


@serial
def log1p(x):
    """ln(1 + x), for 0 ≤ x ≤ 1."""
    zero, half, one = ZERO(x), HALF(x), ONE(x)
    upper = x > SQRT2_MINUS_1(x)  # then 1 + x = 2 (1 + f)
    return with_sign_of(_log(one if upper else zero, fma(half, x, -half) if upper else x), x)


TANH_NEAR = constant(0.625, 0.625)

# (tanh(x) / x - 1) / x² as a polynomial in x², |x| ≤ 0.625. Error 2^-28.5, 2^-56.4.
_tanh_tail = polynomial(
    (-0.3333333, 0.13333206, -0.053946763, 0.021700699, -0.008177386, 0.0021429511),
    (
        *(-0.33333333333333315, 0.13333333333329742, -0.05396825396605883, 0.02186948846871363),
        *(-0.008863234312553713, 0.003592113999658551, -0.0014557259468221996, 0.0005894517941677418),
        *(-0.00023701171784058824, 9.155839121792693e-05, -3.018720036039165e-05, 6.042459525188529e-06),
    ),
)


@serial
def tanh(x):
    """x + x³ P(x²) near 0, elsewhere 1 - 2 / (1 + exp 2|x|) with the sign of x."""
    one, two = ONE(x), TWO(x)
    square = x * x
    near = fma(x * square, _tanh_tail(square), x)
    far = one - two / (one + exp(two * abs(x)))
    return with_sign_of(near if abs(x) < TANH_NEAR(x) else far, x)


LN2, MINUS_HALF_LOG2_E = constant(math.log(2), math.log(2)), constant(-0.72134752, -0.7213475204444817)
EXPONENT_OF_ZERO = constant(-127.0, -1023.0)
STRETCH, CENTRE = constant(0.35, 0.25), constant(0.0, 0.5)

# exp(u²/2) (1 - Φ(u)) / t as a polynomial in t - CENTRE, with t = 1 / (1 + STRETCH u), for 0 ≤ u ≤ 13.3 and 38.6, where
# exp(-u²/2) vanishes. Error 2^-24.8, 2^-53.7.
_normal_tail = polynomial(
    (
        *(0.13962166, 0.13985755, 0.11986326, 0.10539142, -0.022841576, 0.1587937, -0.25538838, 0.14381708),
        -0.029114729,
    ),
    (
        *(0.18882128260393788, 0.30394832098594604, 0.38713740074221936, 0.3730437159193323, 0.24158629956268615),
        *(0.060321511731298884, -0.0556750777873542, -0.05218619049396488, 0.008534031969221362, 0.029580147305790762),
        *(-0.0004884094309920095, -0.01799401209480019, 0.0007321520884815313, 0.01212408491348968),
        *(-0.002561054997393346, -0.00837024657510699, 0.004328265507891547, 0.005127121968456765),
        *(-0.005059506056096212, -0.002094629980697133, 0.0038256353746903425, 0.00016364968519436038),
        -0.0012418475950782648,
    ),
)


@serial
def normal(x):
    """The normal distribution's Φ(x), and exp(-x²/2), which is 0 below the normal numbers: one exponential for both."""
    one = ONE(x)
    y = max(x * (x * MINUS_HALF_LOG2_E(x)), EXPONENT_OF_ZERO(x))
    shifted = y + SHIFT(x)
    r = (y - (shifted - SHIFT(x))) * LN2(x)
    e = two_to(shifted) * _exp(r)
    t = one / fma(STRETCH(x), abs(x), one)
    tail = e * (t * _normal_tail(t - CENTRE(x)))
    return (tail if x < 0 else one - tail), e


QUARTER, ROUND = constant(0.25, 0.25), constant(1.5 * 2**23, 1.5 * 2**52)

# sin(2π q) / q as a polynomial in q², |q| ≤ ¼. Error 2^-24.5, 2^-54.5.
_sine_of_turns = polynomial(
    (6.2831855, -41.34168, 81.602234, -76.57499, 39.710922),
    (
        *(6.283185307179586, -41.341702240399755, 81.60524927607341, -76.70585975279849, 42.058693923785086),
        *(-15.09464162050571, 3.819927050414032, -0.7177235796626791, 0.10085632934235955),
    ),
)


@serial
def _part_of_turn(t):
    """What t ≥ 0 is more than whole turns, from -½ to ½; twice, since beyond 2^22 of float32 the first is one off."""
    r = t - ((t + ROUND(t)) - ROUND(t))
    return r - ((r + ROUND(t)) - ROUND(t))


@serial
def cosine_of_turns(t):
    """cos(2πt), as the sine of what is left to a quarter turn, which is exact near its zeros."""
    q = QUARTER(t) - abs(_part_of_turn(abs(t)))
    return q * _sine_of_turns(q * q)


@serial
def cosine_and_sine_of_turns(t):
    """cos(2πt), the same bits as of `cosine_of_turns`, and sin(2πt)."""
    r = _part_of_turn(abs(t))
    size = abs(r)
    q = QUARTER(t) - size
    s = size if size < QUARTER(t) else HALF(t) - size
    sine = with_sign_of(s * _sine_of_turns(s * s), r)
    return q * _sine_of_turns(q * q), -sine if t < 0 else sine
