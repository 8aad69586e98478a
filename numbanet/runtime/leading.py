"""Going down a table of operations, alone or at the head of a team (`walk`, `train`), and as a member of one (`serve`).

A row of a table is an operation: its entry, its record, the end of the *run* that it is in, and about how many
nanoseconds it takes. A run is some operations in a row which the team does together without a word in between: the
leader hands its members the first row, and each goes down the run by itself, meeting the others at the end of every
loop. What is in no run, where the end is 0, is the leader's alone, as is all between steps.

A *member* is a thread of the pool; it waits for a run at a place in memory of its own (`SEQUENCE` changes), first
awake, then asleep. Whoever calls takes the members that are free, and gives them back at the end.
"""

import math

from .compiling import apart, serial, whole
from .contexts import (
    COUNT,
    DONE,
    EXCEPTION,
    GAP,
    LATE,
    LEFT,
    MEMBERS,
    NEXT,
    OPEN,
    RAISED,
    RAISED_CODE,
    RAISED_IN,
    RESULT,
    SIZE,
    STALLED,
    TEAM,
    TICKET,
    TOGETHER,
    enter,
)
from .entries import EXCEPTION as EXCEPTION_SLOT
from .entries import reraise, run
from .meetings import STEP, begin, is_over, linger, note_raised
from .memory import BYTES, add, fence, load, load_float, load_shared, order, replace, store, store_shared
from .waiting import let_others_run, now, pause, sleep, wake

ROW = 64  # bytes: entry, record, end of the run, nanoseconds, whether it gives a number
RUN, RETURNS = 16, 32
RESULTS = 8 * EXCEPTION_SLOT  # of a record

# Of the pool: how many threads compute just now, and how many members there are, which follow it.
COMPUTING, MEMBER_COUNT, FIRST_MEMBER, MEMBER_BYTES = 0, 128, 256, 256
# Of a member: a number that changes with every run; whether it sleeps; the context, the first row, and key and length
# of the run, twice, as one is read while the other is written. On lines of their own: whether it is in a run; who has
# taken it; the lock that it sleeps on; whether it is to end.
SEQUENCE, SLEEPING, RUNS, RUN_BYTES = 0, 8, 16, 24
BUSY, OWNER, LOCK, ENDS = 128, 136, 144, 152
# Of a training: its table, how many operations come before the update and in all; address and number of rows of what
# `train` goes through; where the losses go, for how many steps; where others ask it to pause.
TABLE, UPDATE, OPERATIONS, FEEDS, FEED_COUNT, LOSSES, LOSS_COUNT = range(0, 7 * BYTES, BYTES)
KEYS, KEY_COUNT, CELLS, CELL_COUNT, HISTORY, STEPS, PAUSING = range(7 * BYTES, 14 * BYTES, BYTES)
LONGEST_GAP = 64  # runs
AWAKE_NS = 50_000  # that a member waits without rest for the next run; then as long again while it lets others run


@serial
def _run_part(own, row, key, rows):
    """A member's way down a run."""
    team = load(own + TEAM)
    store(0, own + LATE)
    for _ in range(rows):
        if load_shared(team + DONE) < key + STEP:  # else the leader has passed that row
            begin(own, key, row)
            code = run(load(row), load(row + 8), own + EXCEPTION)
            # Who is late may raise what nobody else does: he reads what others have overwritten.
            if code and (load(own + OPEN) or not is_over(own)):
                note_raised(own, code, own, load(own + OPEN))
        row += ROW
        key += STEP


@whole
def serve(member):
    """What a thread of the pool does all its life."""
    seen = 0
    while True:
        sequence = _next(member, seen)
        if load_shared(member + ENDS):
            store_shared(1, member + OWNER)
            return
        store(sequence, member + BUSY)
        fence()
        handed = member + RUNS + (sequence & 1) * RUN_BYTES
        own, row, run_key = load_shared(handed), load_shared(handed + 8), load_shared(handed + 16)
        if own and load_shared(member + SEQUENCE) == sequence:
            enter(own)
            _run_part(own, row, run_key // STEP * STEP, run_key % STEP)
        store_shared(0, member + BUSY)
        seen = sequence


@serial
def _next(member, seen):
    """Wait until there is another number than the one that was seen."""
    spins, since = 0, now()
    while load_shared(member + SEQUENCE) == seen and load_shared(member + ENDS) == 0:
        spins += 1
        if spins % 64:
            pause()
            continue
        waited = now() - since
        if waited > AWAKE_NS:
            let_others_run()
        if waited > 2 * AWAKE_NS:
            store(1, member + SLEEPING)
            fence()
            news = load_shared(member + SEQUENCE) != seen or load_shared(member + ENDS)
            if not news or not replace(member + SLEEPING, 1, 0):  # who puts 0 there opens the lock
                sleep(load(member + LOCK))
            since = now()
    return load_shared(member + SEQUENCE)


@serial
def hand(member, own, row, key):
    """Give a member a run, or nothing where its context is 0; the key has the number of rows in its lowest bits."""
    sequence = load(member + SEQUENCE) + 1
    place = member + RUNS + (sequence & 1) * RUN_BYTES
    store_shared(own, place)
    store_shared(row, place + 8)
    store_shared(key, place + 16)
    store_shared(sequence, member + SEQUENCE)


@serial
def rouse(member):
    """Wake a member that sleeps, once it has something to see."""
    if load_shared(member + SLEEPING) and replace(member + SLEEPING, 1, 0):
        wake(load(member + LOCK))


@whole
def end(member):
    """Have a member's thread end, once it is out of the run that it is in."""
    store_shared(1, member + ENDS)
    fence()
    rouse(member)


@serial
def gather(pool, lead, wanted, limit, rousing):
    """Form a team of at most `wanted` threads; at most `limit` threads compute at a time, but for who must.

    `lead` is the address of the team's contexts, of which the first is the caller's; 0 for one thread. Members that
    sleep are taken if `rousing`.
    """
    add(pool + COMPUTING, 1)
    if lead == 0:
        return
    count, members = 1, load(lead + MEMBERS)
    first = pool + FIRST_MEMBER
    for member in range(first, first + load_shared(pool + MEMBER_COUNT) * MEMBER_BYTES, MEMBER_BYTES):
        if count == wanted:
            break
        if load_shared(member + OWNER) or (load_shared(member + SLEEPING) and not rousing):
            continue
        if add(pool + COMPUTING, 1) >= limit:
            add(pool + COMPUTING, -1)
            break
        if replace(member + OWNER, 0, lead):
            store(member, members + count * 8)
            count += 1
        else:
            add(pool + COMPUTING, -1)
    for part in range(count):
        own = lead + part * SIZE
        store(count, own + COUNT)
        store(0, own + TICKET)
        store(0, own + DONE)
    store(STEP, lead + NEXT)
    store(1, lead + COUNT)
    store(count, lead + TOGETHER)
    for place in (RAISED, RAISED_CODE, STALLED):
        store(0, lead + place)
    if count > 1:
        enter(lead)


@serial
def dissolve(pool, lead):
    """Give the members back. None of them is in an operation afterwards."""
    count = 1
    if lead:
        count, members = load(lead + TOGETHER), load(lead + MEMBERS)
        for part in range(1, count):
            hand(load(members + part * 8), 0, 0, 0)
        fence()
        for part in range(1, count):
            member = load(members + part * 8)
            _wait_until_out(lead, member)
            store_shared(0, member + OWNER)
        if count > 1:
            enter(0)
    add(pool + COMPUTING, -count)


@serial
def _wait_until_out(lead, member):
    spins, since = 0, 0
    while load_shared(member + BUSY):
        spins += 1
        since = linger(lead, spins, since, 0)


@serial
def _together(lead, row, rows):
    """Do a run as the leader of a team; a code and the record of what raised it, or 0."""
    count, members, key = load(lead + TOGETHER), load(lead + MEMBERS), load(lead + NEXT)
    end, late = key + rows * STEP, _still_late(lead)
    for part in range(1, count):
        member, own = load(members + part * 8), lead + part * SIZE
        if load_shared(member + SLEEPING):
            late |= 1 << min(part, 62)
        hand(member, own, row, key + rows)
    fence()
    for part in range(1, count):
        rouse(load(members + part * 8))
    store(late, lead + LATE)
    store(count, lead + COUNT)
    code, record = 0, 0
    while key < end:
        record = load(row + 8)
        begin(lead, key, row)
        code = run(load(row), record, lead + EXCEPTION)
        if code == 0 and load_shared(lead + RAISED_CODE):  # by another thread, perhaps in a later operation
            code, record = load(lead + RAISED_CODE), load(lead + RAISED_IN)
            store(load(lead + RAISED), lead + EXCEPTION)
        if code:
            store(load(lead + EXCEPTION), record + RESULTS)
            break
        if load(row + RETURNS):  # else no line of a record changes, which the others would have to fetch again
            store(load(lead + RESULT), record + RESULTS + 8)
        row += ROW
        key += STEP
    # Whoever comes late finds that all is over.
    store(end, lead + NEXT)
    store_shared(end, lead + TICKET)
    store_shared(end, lead + DONE)
    order()
    store(1, lead + COUNT)
    return code, record


@serial
def _still_late(lead):
    """Of those that were late in the last run, whose parts are taken at once in the next.

    Who waits for one that does not come loses a microsecond, and who does not wait for one that comes does all the
    work: so after a run with somebody late there is another chance, and after each one that is missed, half as often.
    """
    late, gap, left = load(lead + LATE), load(lead + GAP), load(lead + LEFT)
    if late == 0:
        gap, left = 1, 1
    elif left > 1:
        left -= 1
    else:
        late, gap = 0, min(2 * gap, LONGEST_GAP)
        left = gap
    store(gap, lead + GAP)
    store(left, lead + LEFT)
    return late


@apart
def _walk(lead, table, count):
    """Run so many operations; a code and the record of the one that raised an exception, or 0."""
    row, last = table, table + count * ROW
    together = lead != 0 and load(lead + TOGETHER) > 1 and load(lead + STALLED) == 0
    while row < last:
        end, record = load(row + RUN), load(row + 8)
        if together and end:
            end = min(end, last)
            code, record = _together(lead, row, (end - row) // ROW)
            row = end
            together = load(lead + STALLED) == 0
        else:
            code = run(load(row), record, record + RESULTS)
            row += ROW
        if code:
            return code, record
    return 0, 0


@whole
def walk(pool, lead, wanted, limit, rousing, table, count):
    """Run the first `count` operations of the table at this address; raises what one of them raises.

    Gives whether there was a team, of which all came in time.
    """
    gather(pool, lead, wanted, limit, rousing)
    code, record = _walk(lead, table, count)
    in_time = lead != 0 and load(lead + TOGETHER) > 1 and load(lead + LATE) == 0 and load(lead + STALLED) == 0
    dissolve(pool, lead)
    if code:
        reraise(code, record + RESULTS)
    return in_time


@serial
def _sum_at(places, count):
    """The sum, in order, of float64 numbers at the addresses in a list."""
    result = load_float(load(places))
    for i in range(1, count):
        result += load_float(load(places + i * 8))
    return result


@serial
def _move(cells, count):
    """Add to integers, given by a list of (address, addend)."""
    for cell in range(cells, cells + count * 16, 16):
        place = load(cell)
        store(load(place) + load(cell + 8), place)


@serial
def _feed(feeds, count):
    """Copy the next number of 64 bits from each source to where it is used, by a list of (source, destination)."""
    for feed in range(feeds, feeds + count * 16, 16):
        source = load(feed)
        store(load(source), load(feed + 8))
        store(source + 8, feed)


@serial
def _train(lead, training):
    table, update, history = load(training + TABLE), load(training + UPDATE), load(training + HISTORY)
    for step in range(load(training + STEPS)):
        if step and load(load(training + PAUSING)):
            return step, 0, 0
        _feed(load(training + FEEDS), load(training + FEED_COUNT))
        code, record = _walk(lead, table, update)
        if code:
            return step, code, record
        _move(load(training + KEYS), load(training + KEY_COUNT))
        loss = _sum_at(load(training + LOSSES), load(training + LOSS_COUNT))
        store(loss, history + step * 8)
        if not math.isfinite(loss):
            return step, 0, 0
        code, record = _walk(lead, table + update * ROW, load(training + OPERATIONS) - update)
        if code:
            return step, code, record
        _move(load(training + CELLS), load(training + CELL_COUNT))
    return load(training + STEPS), 0, 0


@whole
def train(pool, lead, wanted, limit, rousing, training):
    """So many steps of training; returns how many were taken.

    The first five arguments are as for `gather`; `training` is the address of numbers in the order of `TABLE` to
    `PAUSING`, addresses and counts. A step takes what the feeds have for it; runs the operations of the table up to
    number `UPDATE`; adds up the numbers that the losses point to; moves the keys on; then, if the loss is a finite
    number, runs the other operations and moves the cells on. If it is not, that is the end, and the loss is in the
    history behind those of the steps that were taken. Another end, after a step at the earliest, is that the integer at
    `PAUSING` is not 0. Raises what an operation raises.
    """
    gather(pool, lead, wanted, limit, rousing)
    taken, code, record = _train(lead, training)
    dissolve(pool, lead)
    if code:
        reraise(code, record + RESULTS)
    return taken
