"""A clock among the operations of a table, for profiles: it is read as the compiled loop comes by."""

import numpy as np

from .call_table import Call, Table
from .compiling import whole
from .contexts import part
from .memory import load, store
from .waiting import now

CALLS = 1000  # to learn what a reading costs


@whole
def _read(place):
    """Put the time where the number at `place` says, and move that on; who follows in a team does nothing."""
    if part() == 0:
        to = load(place)
        store(now(), to)
        store(to + 8, place)


class Clock(Call):
    """An operation that puts the time into one place of memory after another, each time that it runs.

    Parameters
    ----------
    readings : int
        How many there is room for.
    """

    def __init__(self, readings):
        self._times, self._place = np.zeros(readings, np.int64), np.zeros(1, np.int64)
        self._place[0] = self._times.ctypes.data
        super().__init__(_read, (self._place.ctypes.data,))

    @property
    def seconds(self):
        """What was read so far, counted from the first."""
        count = (int(self._place[0]) - self._times.ctypes.data) // self._times.itemsize
        return (self._times[:count] - self._times[:1]) * 1e-9

    @classmethod
    def cost(cls):
        """Seconds from one reading to the next where nothing else runs in between."""
        clock = cls(CALLS)
        Table([clock] * CALLS).walk()
        return float(np.median(np.diff(clock.seconds)))
