"""Methods of a network that run while nobody else uses it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])


def exclusively(method: F) -> F:
    """`method` from the beginning of a training step to its end; see `workspaces.Workspaces.begin`."""

    @functools.wraps(method)
    def alone(self: Any, *args: Any, **kwargs: Any) -> Any:
        end = self.workspaces.begin()
        try:
            return method(self, *args, **kwargs)
        finally:
            end()

    return alone  # type: ignore[return-value]  # to type checkers it is the method itself
