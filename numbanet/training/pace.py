"""How many steps of training go into one call of compiled code."""

CALL_SECONDS = 0.02  # that steps without Python take at once, so that Ctrl-C and callbacks need not wait for long


class Pace:
    """How many steps to take in one call, by how long the last ones took.

    Attributes
    ----------
    steps : int
    """

    def __init__(self):
        self.steps = 1

    def note(self, steps, seconds):
        """`steps` took `seconds`. A number grows by doubling, since the first steps may have been unusual."""
        allowed = int(CALL_SECONDS * steps / seconds)
        self.steps = max(1, min(allowed, max(self.steps, 2 * steps)))
