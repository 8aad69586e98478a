"""How a command ends."""

FAILURE, BAD_INPUT, INTERRUPTED, PIPE_CLOSED, TERMINATED = 1, 2, 130, 141, 143


class UsageError(Exception):
    """The command line asks for something that does not exist or cannot be."""
