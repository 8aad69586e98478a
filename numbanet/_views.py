"""Named pieces of one flat array."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

import numpy as np

from ._checks import as_numeric, did_you_mean, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ._types import Array, ArrayLike, DTypeLike, FloatArray, Shape


ALIGNMENT = 64  # bytes: a cache line, and the widest vector


def aligned_zeros(shape: int | Shape, dtype: DTypeLike) -> Array:
    """Zeros that begin with a cache line: elsewhere every load of the widest vectors would touch two lines."""
    dtype = np.dtype(dtype)
    size = math.prod(np.atleast_1d(shape)) * dtype.itemsize
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    offset = -raw.ctypes.data % ALIGNMENT
    return raw[offset : offset + size].view(dtype).reshape(shape)


class NamedViews(MutableMapping):
    """Names for the pieces of one flat array.

    Reading gives a live view: writing into it changes the flat array. Assigning copies values in; the names and shapes
    are fixed.
    """

    def __init__(self, shapes: Mapping[str, Shape], dtype: DTypeLike) -> None:
        unit = ALIGNMENT // np.dtype(dtype).itemsize
        starts, size = {}, 0
        for name, shape in shapes.items():
            starts[name] = size
            size += -(-math.prod(shape) // unit) * unit
        self.flat = aligned_zeros(size, dtype)
        self._views = {
            name: self.flat[starts[name] : starts[name] + math.prod(shape)].reshape(shape)
            for name, shape in shapes.items()
        }

    def __getitem__(self, name: str) -> FloatArray:
        try:
            return self._views[name]
        except KeyError:
            hint = did_you_mean(name, self._views, repr) or f"; there are {', '.join(self._views) or 'none'}"
            raise KeyError(f"no parameter {name!r}{hint}") from None

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        self[name][...] = self._checked(name, value)

    def assign(self, what: str, values: Mapping[str, Any]) -> None:
        """Copy in a value for every name, or none; `what` is how messages call the mapping."""
        if set(mapping(what, values, "arrays")) != set(self):
            wanted, came = (", ".join(map(str, names)) or "none" for names in (self, values))
            raise ValueError(f"{what}: expected {wanted}, got {came}")
        # Copies, since the values may be views of this very array under other names.
        checked = {name: self._checked(name, values[name]).copy() for name in self}
        for name, value in checked.items():
            self[name][...] = value

    def _checked(self, name: str, value: ArrayLike) -> Array:
        view, value = self[name], as_numeric(name, value)
        if value.shape != view.shape:
            raise ValueError(f"{name}: expected shape {view.shape}, got {value.shape}")
        return value

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{name}: the names of a network's parameters are fixed")

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name!r}: {view.shape}" for name, view in self._views.items()) + "}"

    def __reduce__(self) -> tuple[Any, ...]:  # for copy and pickle: the copy's views are of the copy's flat array
        shapes = {name: view.shape for name, view in self._views.items()}
        return _rebuilt, (shapes, self.flat.dtype, self.flat.copy())

    def copy(self) -> dict[str, FloatArray]:
        """A dict of copies."""
        return {name: view.copy() for name, view in self._views.items()}


def _rebuilt(shapes: Mapping[str, Shape], dtype: DTypeLike, flat: Array) -> NamedViews:
    views = NamedViews(shapes, dtype)
    views.flat[...] = flat
    return views
