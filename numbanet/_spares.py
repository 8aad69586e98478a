"""Arrays that are used in turns: for gradients, and for what inference has between two layers."""

import math

from ._views import aligned_zeros


def address(array):
    """Where an array begins in memory: views from the same beginning have the same."""
    return array.ctypes.data


class Spares:
    """Arrays that are taken and given back.

    Each is made for `size` elements; of what is never used of it, the operating system hands out no memory.
    """

    def __init__(self, size, dtype):
        self._size, self._dtype = size, dtype
        self._arrays, self._free = {}, []  # address -> flat array; addresses, the one given back last at the end

    def take(self, shape):
        """An array of this shape; what is in it has no meaning."""
        if not self._free:
            array = aligned_zeros(self._size, self._dtype)
            self._arrays[address(array)] = array
            self._free.append(address(array))
        return self._arrays[self._free.pop()][: math.prod(shape)].reshape(shape)

    def give(self, array):
        """Take back an array, or a view from its beginning; any other array is left alone."""
        place = address(array)
        if place in self._arrays and place not in self._free:
            self._free.append(place)
