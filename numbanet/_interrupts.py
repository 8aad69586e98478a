"""Ctrl-C while something runs that must not be left half done."""

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
        self._hold = _Hold(self)

    def __enter__(self):
        # Only the main thread gets signals, and a handler of the application's own is left alone.
        main = threading.current_thread() is threading.main_thread()
        self._ours = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        self._listen()
        return self

    def __exit__(self, *_):
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def held(self):
        """A block that no Ctrl-C interrupts."""
        return self._hold

    def _listen(self):
        if self._ours:
            signal.signal(signal.SIGINT, self._note)

    def _note(self, signum, frame):
        again, self.pressed = self.pressed, True
        if again and not self._held:
            # First of all, for this may be raised in `__enter__` or `__exit__` themselves.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt


class _Hold:
    """What `CtrlC.held` gives: every step of a training enters it, so it is made once."""

    def __init__(self, ctrl_c):
        self._ctrl_c = ctrl_c

    def __enter__(self):
        self._ctrl_c._held = True
        if self._ctrl_c.pressed:
            self._ctrl_c._listen()  # a second press has ended that

    def __exit__(self, *_):
        self._ctrl_c._held = False
