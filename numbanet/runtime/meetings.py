"""How the threads of a team share the loops of a kernel, and wait for each other: `share` and `meet`.

All threads of a team run the same operations. Where one comes to a loop of `prange`, it does the part that its context
numbers, and at the end waits until all parts are done. Nobody waits for a thread that is not there:

- Operations have numbers that only grow, and so have the loops in one; both together are the *key* of a loop.
- Each part of a loop is a ticket: who puts the key in the place of a smaller one has it, by one compare-and-swap on a
  cache line that otherwise belongs to the thread whose part it is. When it is done, the key goes into `DONE` beside it.
- Who waits for a part that nobody has begun takes it, after a microsecond, or at once where that thread was late
  before: it calls the operation again from within, as the other thread, for that one loop (`ONLY`). All other loops are
  empty then. What stands outside of loops is computed once more, into variables of that call.
- A thread that comes late finds its tickets taken. Its loops are empty until it has caught up with the others.

A late thread may read what is long overwritten, but never write: all parts of what has ended were taken. Whether a loop
comes at all may depend on what an earlier one has computed, though, and a late thread might see garbage there, and a
loop that nobody else saw. So from the second loop on it looks whether somebody is in a later operation already.
"""

from .compiling import serial, whole
from .contexts import (
    COUNT,
    DEPTH,
    DONE,
    ENTRY,
    EXCEPTION,
    LATE,
    LOOP,
    ME,
    NANOSECONDS,
    ONLY,
    OPEN,
    OPERATION,
    RAISED,
    RAISED_CODE,
    RAISED_IN,
    RECORD,
    SIZE,
    STALLED,
    START,
    STOP,
    TEAM,
    TICKET,
)
from .entries import run
from .memory import load, load_shared, order, replace, store, store_shared
from .waiting import let_others_run, now, pause

STEP = 1 << 36  # from an operation's key to the next: more than one has loops, and a call operations
MANY, LINE = 1024, 16  # from so many numbers in a part on, parts begin with a line of a cache, which holds so many
BRISK = 40  # turns of waiting without a pause: most waits are over then
IMPATIENCE = 100  # pauses, a microsecond or more, until somebody else does a part that was not begun
SPINS = 2_000  # pauses, 20 to 100 µs, from where on a waiting thread lets others run in between
STALL_NS = 200_000  # of waiting for a part, beyond what the operation takes, from where its thread counts as stopped


@whole
def share(own, count):
    """Which of ``range(count)`` the thread of a context does in the loop that it has come to: START to STOP."""
    depth = load(own + DEPTH) + 1
    store(depth, own + DEPTH)
    store(0, own + START)
    store(count, own + STOP)
    if depth > 1:  # a loop within another is the thread's own
        return
    loop, only = load(own + LOOP) + 1, load(own + ONLY)
    store(loop, own + LOOP)
    mine = loop == only
    if only == 0:
        mine = _begin(own, load(own + OPERATION) + loop, loop)
    if mine:
        me, parts = load(own + ME), load(own + COUNT)
        each, rest = count // parts, count % parts
        if each >= MANY:
            each, rest = (count + parts * LINE - 1) // (parts * LINE) * LINE, 0
        start = min(me * each + min(me, rest), count)
        store(start, own + START)
        store(min(start + each + (1 if me < rest else 0), count), own + STOP)
    else:
        store(0, own + STOP)


@serial
def _begin(own, key, loop):
    """Whether the thread gets the ticket for its own part."""
    if loop > 1 and is_over(own):
        return False
    place = load(own + TEAM) + load(own + ME) * SIZE
    ticket = load_shared(place + TICKET)
    if ticket >= key or not replace(place + TICKET, ticket, key):
        return False
    store(key, own + OPEN)
    return True


@serial
def is_over(own):
    """Whether some thread is in a later operation than this one, so that what was read of it may be garbage."""
    order()
    after = load(own + OPERATION) + STEP
    team = load(own + TEAM)
    over = False
    for place in range(team, team + load(own + COUNT) * SIZE, SIZE):
        over |= load_shared(place + TICKET) >= after
    return over


@whole
def meet(own):
    """The end of a loop: wait until all parts of it are done."""
    depth = load(own + DEPTH) - 1
    store(depth, own + DEPTH)
    if depth > 0:
        return
    key, team = load(own + OPERATION) + load(own + LOOP), load(own + TEAM)
    only = load(own + ONLY)
    if only:
        if load(own + LOOP) == only:
            store_shared(key, team + load(own + ME) * SIZE + DONE)
        return
    if load(own + OPEN):
        store_shared(key, team + load(own + ME) * SIZE + DONE)
        store(0, own + OPEN)
    for part in range(load(own + COUNT)):
        place = team + part * SIZE
        if load_shared(place + DONE) < key:
            _wait_for(own, part, place, key)


@serial
def _wait_for(own, part, place, key):
    """Wait until a part is done, or do it, where nobody has begun it."""
    since, late, bit = 0, load(own + LATE), 1 << min(part, 62)
    spins = IMPATIENCE if late & bit else 0
    while load_shared(place + DONE) < key:
        if spins == IMPATIENCE:
            ticket = load_shared(place + TICKET)
            if ticket < key and replace(place + TICKET, ticket, key):
                store(late | bit, own + LATE)
                _do(own, part, place, key)
                return
            store(late & ~bit, own + LATE)
        spins += 1
        since = linger(load(own + TEAM), spins, since, load(own + NANOSECONDS))


@serial
def linger(team, spins, since, nanoseconds):
    """Wait a little for another thread: on the core at first, after `SPINS` times letting others run.

    Gives since when, 0 at first. Where it lasts longer than so many nanoseconds and `STALL_NS`, the team is told.
    """
    if spins < BRISK:
        return 0
    if spins < SPINS:
        pause()
        return 0
    if since == 0:
        return now()
    let_others_run()
    if now() - since > STALL_NS + nanoseconds:
        store(1, team + STALLED)
    return since


@serial
def _do(own, part, place, key):
    """Do a part of a loop that is another thread's, from within that loop, by calling the operation again."""
    me, loop = load(own + ME), load(own + LOOP)
    store(part, own + ME)
    store(loop, own + ONLY)
    store(0, own + LOOP)
    store(0, own + DEPTH)
    code = run(load(own + ENTRY), load(own + RECORD), own + EXCEPTION)
    store(me, own + ME)
    store(0, own + ONLY)
    store(loop, own + LOOP)
    store(0, own + DEPTH)
    if code:
        note_raised(own, code, place, key)
    elif load_shared(place + DONE) < key:  # a kernel that breaks the rules: better wrong than without end
        store_shared(key, place + DONE)


@serial
def note_raised(own, code, place, key):
    """An operation has raised an exception, perhaps in the midst of a part, which then is as good as done."""
    team = load(own + TEAM)
    if replace(team + RAISED, 0, max(1, load(own + EXCEPTION))):
        store(load(own + RECORD), team + RAISED_IN)
        store_shared(code, team + RAISED_CODE)
    if load_shared(place + DONE) < key:
        store_shared(key, place + DONE)


@serial
def begin(own, key, row):
    """Make the operation of a row the one that the thread of a context runs next."""
    store(key, own + OPERATION)
    store(0, own + LOOP)
    store(0, own + DEPTH)
    store(0, own + OPEN)
    store(load(row), own + ENTRY)
    store(load(row + 8), own + RECORD)
    store(load(row + 24), own + NANOSECONDS)
