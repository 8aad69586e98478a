"""Faults in kernels whose loops a team shares, and in what is looked for in those of others."""

from . import Mutant

RULES = "numbanet/runtime/sharing_rules.py"
KERNELS, USERS = "tests/test_shared_kernels.py::test_", "tests/test_sharing_rules.py::test_"

MUTANTS = [
    Mutant(
        "shared: every thread has partial sums of its own",
        "numbanet/kernels/_sums.py",
        "partial_sums = shared_array(",
        "partial_sums = stack_array(",
        f"{KERNELS}parts_in_any_order[softmax_loss-float32]",
    ),
    Mutant(
        "shared: pieces are added up outside of loops",
        "numbanet/kernels/_moments.py",
        "for block in prange(blocks):",
        "for block in range(blocks):",
        f"{KERNELS}outside_of_loops_nothing_is_written[layernorm_backward]",
    ),
    Mutant(
        "shared: whether gradients are clipped decides whether there is a loop",
        "numbanet/kernels/updates.py",
        "    for i in prange(dw.size if norm + 1e-6 > limit else 0):",
        "    if norm + 1e-6 <= limit:\n        return norm\n    for i in prange(dw.size):",
        f"{KERNELS}the_same_loops_whatever_was_computed[clip_by_norm]",
    ),
    Mutant(
        "shared: every thread notes infinite numbers for itself",
        "numbanet/kernels/convolution.py",
        "one_flag = shared_array(",
        "from .simd.scratch import stack_array\n\none_flag = stack_array(",
        f"{KERNELS}parts_of_what_is_computed_again[conv_forward]",
    ),
    Mutant(
        "shared: loops of later operations are taken for earlier ones",
        "numbanet/runtime/meetings.py",
        "STEP = 1 << 36",
        "STEP = 1 << 20",
        f"{KERNELS}more_loops_than_a_million",
    ),
    Mutant(
        "shared: parts of a loop are uneven",
        "numbanet/runtime/meetings.py",
        "MANY, LINE = 1024, 16",
        "MANY, LINE = 16, 16",
        f"{KERNELS}parts_are_even",
    ),
    Mutant(
        "rules: what is written outside of loops is not looked for",
        RULES,
        'if origin == "argument" and label not in self._within:',
        'if origin == "none" and label not in self._within:',
        f"{USERS}each",
    ),
    Mutant(
        "rules: sums are not looked for",
        RULES,
        "if self._defined.get(variable.name):",
        "if self._defined.get(variable.name) is None:",
        f"{USERS}each",
    ),
    Mutant(
        "rules: a loop that is left early is not looked for",
        RULES,
        "if after not in loop.body and not isinstance",
        "if after in loop.body and not isinstance",
        f"{USERS}each",
    ),
    Mutant(
        "rules: arrays that overlap are taken for several",
        RULES,
        "np.may_share_memory(arrays[name], arrays[other])",
        "arrays[name] is None",
        f"{USERS}arrays_that_overlap",
    ),
    Mutant(
        "rules: what only reads its arguments counts as writing",
        RULES,
        'PURE = {"builtins", "math"',
        'PURE = {"math"',
        f"{USERS}none",
    ),
]
