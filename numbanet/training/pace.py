"""How many steps of training go into one call of compiled code."""

CALL_SECONDS = 0.02  # that steps without Python take at once, so that Ctrl-C and callbacks need not wait for long
SLOW_SECONDS = 0.05  # of one step, from which Python may as well call the operations, and be interrupted between them


class Pace:
    """How many steps to take in one call, by how long the last ones took.

    Attributes
    ----------
    steps : int
    slow : bool
        Whether a single step takes longer than a call should.
    """

    def __init__(self):
        self.steps, self.slow = 1, False

    def note(self, steps, seconds):
        """`steps` took `seconds`. A number grows by doubling, since the first steps may have been unusual."""
        self.slow = seconds > steps * SLOW_SECONDS
        allowed = int(CALL_SECONDS * steps / seconds)
        self.steps = max(1, min(allowed, max(self.steps, 2 * steps)))
