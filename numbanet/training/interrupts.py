"""Ctrl-C while something runs that must not be left half done."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

from ..runtime.machine import Compilations

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class CtrlC:
    """Within a ``with`` block, the first Ctrl-C is only noted; another raises KeyboardInterrupt, unless it is held.

    Attributes
    ----------
    pressed : bool
        For the block to look at where it can stop.
    is_held : bool
    """

    def __init__(self) -> None:
        self.pressed = self.is_held = False
        self._hold = _Hold(self)

    def __enter__(self) -> CtrlC:
        # Only the main thread gets signals, and a handler of the application's own is left alone.
        main = threading.current_thread() is threading.main_thread()
        self._ours = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def held(self) -> _Hold:
        """A block that no Ctrl-C interrupts."""
        return self._hold

    def _listen(self) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, self._note)

    def _note(self, signum: int, frame: object) -> None:
        again, self.pressed = self.pressed, True
        if again and not self.is_held:
            # First of all, for this may be raised in `__enter__` or `__exit__` themselves.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt


class BeforeCompiling(Compilations):
    """Before another kernel is compiled, asks every call of a method that waits for it whether to go on.

    The kernel before it is compiled and kept by then, and no compiler is left half way. Calls are found on the stack: a
    Ctrl-C in the wrong moment leaves nothing behind that would end another.

    Parameters
    ----------
    method : function
    ask : callable
        Takes the object whose method is called; may raise.
    """

    def __init__(self, method: Callable[..., Any], ask: Callable[[Any], object]) -> None:
        super().__init__(lambda: None)
        self._code, self._ask = method.__code__, ask

    def on_start(self, event: Any) -> None:
        super().on_start(event)
        frame = sys._getframe() if self._depth == 1 else None
        while frame:
            if frame.f_code is self._code:
                self._ask(frame.f_locals["self"])
            frame = frame.f_back


class _Hold:
    """What `CtrlC.held` gives: every step of a training enters it, so it is made once."""

    def __init__(self, ctrl_c: CtrlC) -> None:
        self._ctrl_c = ctrl_c

    def __enter__(self) -> None:
        self._ctrl_c.is_held = True
        if self._ctrl_c.pressed:
            self._ctrl_c._listen()  # a second press has ended that

    def __exit__(self, *_: object) -> None:
        self._ctrl_c.is_held = False
