"""Faults in which arrays share memory."""

from tests.mutants import Mutant

FILE, TEST = "numbanet/program/memory.py", "tests/test_memory.py"
BY_HAND = f"{TEST}::test_places_by_hand"
IN_ORDER = f"{TEST}::test_places_are_taken_again_whichever_comes_first"
AT_RANDOM = f"{TEST}::test_places_of_arrays_drawn_at_random"
NETWORKS = f"{TEST}::test_networks_compute_the_same_in_shared_memory"

MUTANTS = [
    Mutant(
        "what is read by the operation that begins another shares its place",
        FILE,
        "if lives[other][0] <= last and first <= lives[other][1]",
        "if lives[other][0] < last and first < lives[other][1]",
        BY_HAND,
    ),
    Mutant("one that begins later is not looked at", FILE, "lives[other][0] <= last and ", "", IN_ORDER),
    Mutant("one that ended before is not looked at", FILE, " and first <= lives[other][1]", "", IN_ORDER),
    Mutant("a gap that is too small is taken", FILE, "start < offset + size", "start < offset", AT_RANDOM),
    Mutant("behind one that reaches less far", FILE, "offset = max(offset, stop)", "offset = stop", AT_RANDOM),
    Mutant("sizes are not whole lines", FILE, "-(-sizes[place] // ALIGNMENT) * ALIGNMENT", "sizes[place]", AT_RANDOM),
    Mutant("the end is that of the last", FILE, "end = max(end, offset + size)", "end = offset + size", AT_RANDOM),
    Mutant("everything has a place of its own", FILE, "if lives[other][0]", "if True or lives[other][0]", BY_HAND),
    Mutant("the largest never come first", FILE, "for order in orders]", "for order in orders[1:]]", BY_HAND),
    Mutant("size times life is not tried", FILE, "for order in orders]", "for order in orders[::2]]", BY_HAND),
    Mutant("those that end last never come first", FILE, "for order in orders]", "for order in orders[:2]]", BY_HAND),
    Mutant(
        "what is kept is not read",
        FILE,
        "enumerate([*operations, kept])",
        "enumerate(operations)",
        f"{TEST}::test_lifetimes_of_operations_drawn_at_random",
    ),
    Mutant(
        "a life begins where it ends",
        FILE,
        "(lives.get(place, (number,))[0], number)",
        "(number, number)",
        NETWORKS,
    ),
    Mutant(
        "views of a part belong to nobody",
        FILE,
        '        base = getattr(base, "base", None)\n',
        "        break\n",
        f"{TEST}::test_a_view_belongs_to_the_array_that_it_is_of",
    ),
    Mutant(
        "a view moves to where its array begins",
        FILE,
        "offsets[place] + address(array) - place",
        "offsets[place]",
        f"{TEST}::test_a_view_moves_with_its_array",
    ),
    Mutant(
        "scores are not kept until they are read",
        "numbanet/program/build.py",
        "buffers, [self.scores])",
        "buffers, [])",
        NETWORKS,
    ),
]
