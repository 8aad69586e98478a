"""Attributes that are computed when they are first asked for."""


class lazy:
    """An attribute that is computed when first asked for, and kept.

    Unlike `functools.cached_property` up to Python 3.11 it has no lock, which a forked child could find closed for
    ever. Two threads may compute it at once; then both get what the first of them has kept.
    """

    def __init__(self, function):
        self._function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner, name):
        self._name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        return instance.__dict__.setdefault(self._name, self._function(instance))
