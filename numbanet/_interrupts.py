"""Ctrl-C while something runs that must not be left half done."""

import contextlib
import signal
import threading


class CtrlC:
    """Within a ``with`` block, the first Ctrl-C is only noted; another raises KeyboardInterrupt, unless it is held.

    Attributes
    ----------
    pressed : bool
        For the block to look at where it can stop.
    """

    def __init__(self):
        self.pressed = self._held = False

    def __enter__(self):
        # Only the main thread gets signals, and a handler of the application's own is left alone.
        main = threading.current_thread() is threading.main_thread()
        self._ours = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        self._listen()
        return self

    def __exit__(self, *_):
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    @contextlib.contextmanager
    def held(self):
        """A block that no Ctrl-C interrupts."""
        self._held = True
        if self.pressed:
            self._listen()  # a second press has ended that
        try:
            yield
        finally:
            self._held = False

    def _listen(self):
        if self._ours:
            signal.signal(signal.SIGINT, self._note)

    def _note(self, signum, frame):
        again, self.pressed = self.pressed, True
        if again and not self._held:
            # First of all, for this may be raised in `__enter__` or `__exit__` themselves.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt
