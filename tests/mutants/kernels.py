"""Kernels, layers, `functional` and the checks of numbers."""

from . import Mutant

NORMALIZE, NORMALIZATION = "numbanet/kernels/_moments.py", "numbanet/kernels/normalization.py"
ACTIVATIONS, CONVOLUTION, DROPOUT, GROUPS, NORMS, POOLING = (
    f"numbanet/layers/{family}.py"
    for family in ("activations", "convolution", "dropout", "group_normalization", "normalization", "pooling")
)
UPDATES = "numbanet/functional/updates.py"
LAYERS, FUNCTIONAL = (f"tests/test_{name}.py" for name in ("layer_options", "functional_options"))
VALUES, DEFAULTS = f"{LAYERS}::test_values_and_gradients", f"{FUNCTIONAL}::test_defaults"

OF_ACTIVATIONS, OF_LOSSES, OF_NORMALIZATION, OF_GROUPS = (
    f"tests/test_{family}.py" for family in ("activations", "losses", "normalization", "group_normalization")
)

OF_CONVOLUTION = "tests/test_convolution.py"

MUTANTS = [
    # Kernels.
    Mutant(
        "softplus overflows",
        "numbanet/kernels/activations.py",
        "max(x[i], zero) + log1p(exp(-abs(x[i])))",
        "log1p(exp(x[i]))",
        f"{OF_ACTIVATIONS}::test_smooth_activations_lose_no_digits",
    ),
    Mutant(
        "Mish: 1 - t² by cancellation",
        "numbanet/kernels/activations.py",
        "return t, rest * share * (one + t)",
        "return t, one - t * two * t",
        f"{OF_ACTIVATIONS}::test_smooth_activations_lose_no_digits",
    ),
    Mutant(
        "SELU backward: the slope on the left without its scale",
        "numbanet/kernels/activations.py",
        "scale if out[i] > zero else out[i] + both",
        "scale if out[i] > zero else out[i] + scale",
        "tests/test_gradients.py::test_pair",
    ),
    Mutant(
        "Huber: errors below -delta are not cut off",
        "numbanet/kernels/losses.py",
        "min(max(error, -delta), delta)",
        "min(error, delta)",
        f"{OF_LOSSES}::test_losses_of_a_single_error",
    ),
    Mutant(
        "absolute error: no error has a gradient",
        "numbanet/kernels/losses.py",
        "return abs(error), slope if abs(error) > zero else error",
        "return abs(error), slope",
        f"{OF_LOSSES}::test_losses_of_a_single_error",
    ),
    Mutant(
        "few filters: rounds of a sum of any length",
        "numbanet/kernels/conv/planes.py",
        "together = max(1, KC // max(1, run)) * run",
        "together = KC",
        f"{OF_CONVOLUTION}::test_few_filters_or_channels_give_the_bits_that_they_give_among_many",
    ),
    Mutant(
        "few filters: a strip's border is not cleared",
        "numbanet/kernels/conv/planes.py",
        "clear(scratch, 0, channels * size)",
        "clear(scratch, 0, 0)",
        f"{OF_CONVOLUTION}::test_few_filters_or_channels_give_the_bits_that_they_give_among_many",
    ),
    Mutant(
        "gradient of few filters: sums of each strip alone",
        "numbanet/kernels/simd/outer.py",
        "for value, address in zip(emit.branched(accumulate, added), targets, strict=True):",
        "for value, address in zip(emit.branched(accumulate, lambda _: after), targets, strict=True):",
        f"{OF_CONVOLUTION}::test_few_filters_or_channels_give_the_bits_that_they_give_among_many",
    ),
    Mutant(
        "ReLU before a pooling: the gradient passes without it",
        "numbanet/layers/convolution.py",
        "unpool(_before_relu(net, dout, pooled), dz)",
        "unpool(dout, dz)",
        "tests/test_images.py::test_a_relu_before_a_pooling_is_passed_where_the_maximum_is_positive",
    ),
    Mutant(
        "pooling of few channels: gradients to the upper row alone",
        "numbanet/kernels/simd/mixed.py",
        "[y * SIZE + pixel % SIZE for pixel, _ in pixels]",
        "[pixel % SIZE for pixel, _ in pixels]",
        "tests/test_kernels.py",
    ),
    # The table of operations, which tests of every kernel are made from.
    Mutant(
        "an activation keeps the other of input and output for its backward pass",
        "numbanet/operations/__init__.py",
        'return "out" in OPERATIONS[f"{stem}_backward"].arguments',
        'return "x" in OPERATIONS[f"{stem}_backward"].arguments',
        "tests/test_functional.py::test_gradients",
    ),
    Mutant(
        "rows of augmentation are always the first one",
        "numbanet/operations/arguments.py",
        '[: shape[0]] % size["M"]',
        "[: shape[0]] * 0",
        "tests/test_operations.py::test_rows_are_a_permutation_or_all_there_are",
    ),
    Mutant(
        "normalisation: scratch on the stack counted for one sum of a piece, not two",
        NORMALIZE,
        "SUMS_BYTES // (2 * features * like.itemsize)",
        "SUMS_BYTES // (features * like.itemsize)",
        "tests/test_exact.py::test_sums_of_pieces_fit_into_their_room",
    ),
    Mutant(
        "pooling backward: rows below the last window are not cleared",
        "numbanet/kernels/pooling.py",
        "        last > i * stride - padding + kernel_size\n        or columns[0]",
        "        columns[0]",
        f"{FUNCTIONAL}::test_pixels_that_no_window_reaches_get_no_gradient",
    ),
    Mutant(
        "pooling backward: columns beyond the last window are not cleared",
        "numbanet/kernels/pooling.py",
        " or counts[1] * columns[1] - columns[2] < width",
        "",
        f"{FUNCTIONAL}::test_pixels_that_no_window_reaches_get_no_gradient",
    ),
    Mutant(
        "batch normalisation: no shift, so that a constant is not its own mean",
        NORMALIZE,
        "shift[j] = shift_of(first[j], spread[j], x)",
        "shift[j] = 0",
        f"{OF_NORMALIZATION}::test_batchnorm_of_constant_columns",
    ),
    Mutant(
        "layer normalisation: no shift",
        "numbanet/kernels/normalization.py",
        "if mean[i] * mean[i] >= real(FAR * FAR) * var:",
        "if mean[i] * mean[i] < real(0):",
        f"{OF_NORMALIZATION}::test_layernorm_of_constant_rows",
    ),
    Mutant(
        "group normalisation: no shift",
        "numbanet/kernels/group_normalization.py",
        "shift[g], far = x[0, g * size], True",
        "shift[g], far = 0, True",
        f"{OF_GROUPS}::test_images_of_one_colour",
    ),
    Mutant(
        "batch normalisation: rounding holds a running mean back",
        NORMALIZATION,
        "mean[j] if held else average",
        "average",
        f"{OF_NORMALIZATION}::test_a_running_mean_gets_to_what_is_always_the_same",
    ),
    Mutant(
        "batch normalisation: a momentum of 1 does not keep a running mean",
        NORMALIZATION,
        " & (fresh > real(0))",
        "",
        f"{OF_NORMALIZATION}::test_a_running_mean_stays_where_momentum_keeps_it",
    ),
    Mutant(
        "products: copies of rows take more of the stack",
        "numbanet/kernels/_gemm.py",
        "COPIED_BYTES, MARGIN_BYTES = 384, 64",
        "COPIED_BYTES, MARGIN_BYTES = 1024, 64",
        "tests/test_stacks.py::test_kernels_fit_into_256_kib[products]",
    ),
    Mutant(
        "products: a micro-kernel of twice the rows goes beyond the last",
        "numbanet/kernels/_gemm.py",
        "while n - i >= 2 * MR:",
        "while n - i >= MR:",
        "tests/test_affine.py::test_a_product_writes_its_own_rows_alone",
    ),
    Mutant(
        "products: the rows of a micro-kernel beyond the fourth are the first four again",
        "numbanet/kernels/simd/micro_kernel.py",
        "for first in range(0, rows, STEPS)]",
        "for first in [0] * len(range(0, rows, STEPS))]",
        "tests/test_affine.py::test_a_product_has_the_same_bits_in_any_layout_and_any_number_of_blocks",
    ),
    Mutant(
        "vectors as wide as this CPU's, whatever numba compiles for",
        "numbanet/runtime/target.py",
        "Target(host().cpu if name is None else name, host().features if features is None else features)",
        "host()",
        "tests/test_cpus.py::test_vectors_are_those_of_the_cpu_that_numba_compiles_for",
    ),
    Mutant(
        "fused multiply-adds by the list of features alone",
        "numbanet/runtime/target.py",
        'return "fmaf" not in self._instructions(FMA)',
        'return "+fma" in self.features',
        "tests/test_cpus.py::test_vectors_are_those_of_the_cpu_that_numba_compiles_for",
    ),
    Mutant(
        "vectors: the tail has no mask",
        "numbanet/kernels/simd/vectors.py",
        "body([start], self.tail_mask(builder.sub(count, start)))",
        "body([start], None)",
        "tests/test_kernels.py::test_kernel_agrees_with_its_reference[batchnorm_forward]",
    ),
    Mutant(
        "emitters are timed against loops that give something else",
        "benchmarks/emitters.py",
        "        same(*loops, arguments)\n",
        "",
        "tests/test_bench_scripts.py::test_a_plain_loop_that_gives_something_else_is_seen",
    ),
    # Options of layers.
    Mutant("LeakyReLU ignores negative_slope", ACTIVATIONS, "return (self.negative_slope,)", "return (0.01,)", VALUES),
    Mutant("ELU ignores alpha", ACTIVATIONS, "return (self.alpha,)", "return (1.0,)", VALUES),
    Mutant("GELU ignores approximate", ACTIVATIONS, 'if self.approximate == "none"', "if True", VALUES),
    Mutant(
        "Dropout ignores rate",
        DROPOUT,
        "net.random_key(), self.rate",
        "net.random_key(), 0.5",
        f"{LAYERS}::test_dropout_keeps_as_many_as_it_is_told_and_scales_them",
    ),
    Mutant(
        "Conv's operation ignores the dilation",
        CONVOLUTION,
        "(self.stride, self.padding, self.dilation, self.groups)",
        "(self.stride, self.padding, (1, 1), self.groups)",
        VALUES,
    ),
    Mutant(
        "Conv's operation ignores the stride",
        CONVOLUTION,
        "(self.stride, self.padding, self.dilation, self.groups)",
        "((1, 1), self.padding, self.dilation, self.groups)",
        VALUES,
    ),
    Mutant(
        "Conv ignores weight_init",
        CONVOLUTION,
        "initializers.get(self.weight_init), True",
        "initializers.get(0.1), True",
        f"{LAYERS}::test_weights_start_as_they_are_told",
    ),
    Mutant(
        "pooling ignores the padding",
        POOLING,
        "self._pairs[:3], self._kept",
        "(*self._pairs[:2], (0, 0)), self._kept",
        VALUES,
    ),
    Mutant(
        "GroupNorm ignores its eps",
        GROUPS,
        "lower_groupnorm(net, x, self.groups, self.eps)",
        "lower_groupnorm(net, x, self.groups, 1e-5)",
        VALUES,
    ),
    Mutant(
        "GroupNorm ignores its groups",
        GROUPS,
        "lower_groupnorm(net, x, self.groups, self.eps)",
        "lower_groupnorm(net, x, 1, self.eps)",
        VALUES,
    ),
    Mutant(
        "LayerNorm of vectors ignores its eps",
        NORMS,
        "x, gamma, beta, self.eps, mean, inv_std, out)",
        "x, gamma, beta, 1e-5, mean, inv_std, out)",
        VALUES,
    ),
    Mutant(
        "LayerNorm of images ignores its eps",
        NORMS,
        "lower_groupnorm(net, x, 1, self.eps)",
        "lower_groupnorm(net, x, 1, 1e-5)",
        VALUES,
    ),
    Mutant(
        "BatchNorm ignores its momentum",
        NORMS,
        "moments = (self.momentum,",
        "moments = (0.9,",
        f"{LAYERS}::test_batchnorm_keeps_and_uses_averages",
    ),
    Mutant(
        "BatchNorm ignores its eps in inference",
        NORMS,
        "*running, self.eps, out.reshape(rows))\n            return out, None",
        "*running, 1e-5, out.reshape(rows))\n            return out, None",
        f"{LAYERS}::test_batchnorm_keeps_and_uses_averages",
    ),
    # functional.
    Mutant(
        "conv_forward: groups need not divide the filters",
        "numbanet/functional/convolution.py",
        "if channels % groups or len(w) % groups:",
        "if channels % groups:",
        f"{FUNCTIONAL}::test_groups_divide_channels_and_filters",
    ),
    Mutant(
        "layernorm_forward: default eps 1e-3",
        "numbanet/functional/normalization.py",
        "beta: ArrayLike, *, eps: float = 1e-5",
        "beta: ArrayLike, *, eps: float = 1e-3",
        DEFAULTS,
    ),
    Mutant("adam_update: default beta2 0.99", UPDATES, "beta2: float = 0.999", "beta2: float = 0.99", DEFAULTS),
    Mutant(
        "momentum_update: default momentum 0.99",
        UPDATES,
        "def momentum_update(\n    w: ArrayLike, dw: ArrayLike, velocity: ArrayLike, *, "
        "learning_rate: float, momentum: float = 0.9",
        "def momentum_update(\n    w: ArrayLike, dw: ArrayLike, velocity: ArrayLike, *, "
        "learning_rate: float, momentum: float = 0.99",
        DEFAULTS,
    ),
    Mutant(
        "augment: flip ignored",
        "numbanet/functional/augmentation.py",
        "key, padding, bool(flip), out)",
        "key, padding, True, out)",
        f"{FUNCTIONAL}::test_augmentation_shifts_as_far_as_it_may_and_mirrors_where_it_may",
    ),
    # Integers.
    Mutant(
        "strides of any size reach the kernels",
        "numbanet/_image_shapes.py",
        "FARTHEST = 2**31 - 1",
        "FARTHEST = 2**63 - 1",
        f"{FUNCTIONAL}::test_moves_that_are_too_far_are_refused",
    ),
    Mutant(
        "integers of any size pass",
        "numbanet/_plain.py",
        "    if value > high:",
        "    if False:",
        f"{FUNCTIONAL}::test_numbers_of_groups_that_nothing_can_have",
    ),
    Mutant(
        "a message that cannot be written for an integer of thousands of digits",
        "numbanet/_plain.py",
        "came = value if abs(value) <= 2 * MOST else describe(value)",
        "came = value",
        f"{FUNCTIONAL}::test_numbers_of_groups_that_nothing_can_have",
    ),
]
