"""Faults in how the threads of a team share loops and wait for each other."""

from . import Mutant

MEETINGS, LEADING, TEAM = (f"numbanet/runtime/{name}.py" for name in ("meetings", "leading", "team"))
TESTS, KERNELS = "tests/test_team.py", "tests/test_shared_kernels.py"

MUTANTS = [
    Mutant(
        "team: nobody waits at the end of a loop",
        MEETINGS,
        "            _wait_for(own, part, place, key)",
        "            pass",
        f"{TESTS}::test_a_loop_begins_when_all_of_the_one_before_is_done",
    ),
    Mutant(
        "team: a part that another thread does is done twice",
        MEETINGS,
        "    if ticket >= key or not replace(place + TICKET, ticket, key):",
        "    if not replace(place + TICKET, ticket, max(ticket, key)):",
        f"{TESTS}::test_every_part_is_done_once",
    ),
    Mutant(
        "team: a loop within another is shared",
        MEETINGS,
        "    if depth > 1:  # a loop within another is the thread's own",
        "    if depth > 2:",
        f"{TESTS}::test_loops_from_a_number_on_within_others_and_empty_ones",
    ),
    Mutant(
        "team: what is left over by even parts is nobody's",
        MEETINGS,
        "(1 if me < rest else 0)",
        "0",
        f"{TESTS}::test_every_part_is_done_once",
    ),
    Mutant(
        "team: what a member raises is lost",
        LEADING,
        "        if code == 0 and load_shared(lead + RAISED_CODE):",
        "        if False:",
        f"{TESTS}::test_an_exception_is_raised_whoever_meets_it",
    ),
    Mutant(
        "team: all members are taken, whoever else computes",
        LEADING,
        "        if add(pool + COMPUTING, 1) >= limit:",
        "        if add(pool + COMPUTING, 1) < 0:",
        f"{TESTS}::test_a_call_takes_the_threads_that_are_left",
    ),
    Mutant(
        "team: members are not given back",
        LEADING,
        "            store_shared(0, member + OWNER)\n        if count",
        "            pass\n        if count",
        f"{TESTS}::test_a_call_takes_the_threads_that_are_left",
    ),
    Mutant(
        "team: members never sleep",
        LEADING,
        "        if waited > 2 * AWAKE_NS:",
        "        if False:",
        f"{TESTS}::test_members_sleep_while_there_is_nothing_to_do",
    ),
    Mutant(
        "team: a pause is never longer than the first",
        TEAM,
        "min(max(SHORTEST, 2 * self._pause), LONGEST)",
        "SHORTEST",
        f"{TESTS}::test_after_a_thread_was_stopped_no_team_for_a_while_and_longer_each_time",
    ),
    Mutant(
        "team: a forked child uses its parent's members",
        TEAM,
        "    global pool\n    pool = Pool()",
        "    pass",
        f"{TESTS}::test_a_forked_child_has_a_team_of_its_own",
    ),
    Mutant(
        "team: the slower way is never left",
        "numbanet/runtime/call_table.py",
        "self._faster, self._gap = together, self.OFTEN",
        "self._gap = self.OFTEN",
        f"{TESTS}::test_the_faster_way_is_taken_and_the_other_tried_now_and_then",
    ),
    Mutant(
        "team: models that train at once take all the cores each",
        "numbanet/_many.py",
        "max(1, get_num_threads() // at_once)",
        "get_num_threads()",
        f"{TESTS}::test_models_that_train_at_once_share_the_cores",
    ),
    Mutant(
        "team: slow cores count as fast ones",
        "numbanet/runtime/threads.py",
        "FAST = 0.8",
        "FAST = 0.2",
        f"{TESTS}::test_cores_that_are_slower_are_left_out",
    ),
]
