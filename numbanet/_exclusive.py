"""Methods of a network that run while nobody else uses it."""

import functools


def exclusively(method):
    """`method` from the beginning of a training step to its end; see `workspaces.Workspaces.begin`."""

    @functools.wraps(method)
    def alone(self, *args, **kwargs):
        end = self.workspaces.begin()
        try:
            return method(self, *args, **kwargs)
        finally:
            end()

    return alone
