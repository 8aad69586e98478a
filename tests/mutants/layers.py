"""Layers for tables: scales, embeddings, columns, and members of an ensemble."""

from . import Mutant

SCALING, EMBEDDING, STRUCTURE, MEMBERS = (
    f"numbanet/layers/{name}.py" for name in ("scaling", "embedding", "structure", "members")
)
LOSS, COSINES, KERNEL = (
    "numbanet/_members_loss.py",
    "numbanet/kernels/simd/elementary.py",
    "numbanet/kernels/embedding.py",
)
OF_SCALING, OF_EMBEDDING, OF_COLUMNS, OF_MEMBERS = (
    f"tests/test_{name}.py" for name in ("scaling", "embedding", "columns", "members")
)
TOGETHER = f"{OF_MEMBERS}::test_members_learn_as_by_themselves_and_speak_together"

MUTANTS = [
    Mutant(
        "a parametric activation keeps no input",
        SCALING,
        "activated = net.buffer(*x.shape[1:])\n",
        "activated = net.overwritable(x)\n",
        f"{OF_SCALING}::test_a_scale_of_1_and_a_strength_of_1_change_nothing",
    ),
    Mutant(
        "cosines of many turns: reduced once",
        COSINES,
        "    return r - ((r + ROUND(t)) - ROUND(t))",
        "    return r",
        f"{OF_EMBEDDING}::test_cosines_keep_their_digits",
    ),
    Mutant(
        "cosines of negative turns by their own signs",
        COSINES,
        "abs(_part_of_turn(abs(t)))",
        "abs(_part_of_turn(t))",
        f"{OF_EMBEDDING}::test_cosines_keep_their_digits",
    ),
    Mutant(
        "the number itself has no gradient",
        KERNEL,
        "if dout.shape[1] > x.shape[1] * linear:",
        "if dout.shape[1] < x.shape[1] * linear:",
        f"{OF_EMBEDDING}::test_periodic_embedding_is_that_of_torch",
    ),
    Mutant(
        "a part of a code is the code below",
        KERNEL,
        "known & (code == real(number))",
        "known & (code >= real(number))",
        f"{OF_EMBEDDING}::test_what_is_no_code_becomes_nan",
    ),
    Mutant(
        "codes of later runs are looked for in the first columns",
        STRUCTURE,
        "(first + column, size)",
        "(column, size)",
        f"{OF_COLUMNS}::test_what_is_no_code_is_refused_by_its_row_and_column",
    ),
    Mutant(
        "runs that do not learn get a gradient",
        STRUCTURE,
        "if steps and (net.needed or any(step.learns for step in steps)):",
        "if steps:",
        f"{OF_COLUMNS}::test_nothing_is_copied_back_where_nothing_below_learns",
    ),
    Mutant(
        "members begin with the same weights",
        MEMBERS,
        "_for_each(weights)",
        "_for_all(weights)",
        f"{OF_MEMBERS}::test_members_begin_as_they_are_told",
    ),
    Mutant(
        "a shared weight without the scalings' gradient",
        MEMBERS,
        'net.backward("scale_backward", dscaled, x, r, dx, dr)',
        'net.backward("scale_backward", dscaled, scaled, r, dx, dr)',
        f"{OF_MEMBERS}::test_a_shared_weight_is_that_of_torch",
    ),
    Mutant(
        "weights of examples are not the members'",
        LOSS,
        "if len(weights):",
        "if False:",
        TOGETHER,
    ),
    Mutant(
        "members' logits are averaged, not their probabilities",
        "numbanet/losses.py",
        "return np.log(np.maximum(mean, np.finfo(mean.dtype).tiny))",
        "return scores.mean(axis=1)",
        TOGETHER,
    ),
]
