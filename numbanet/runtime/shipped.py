"""Machine code that came with the package: what a wheel for one platform carries, for levels of CPUs (`target.LEVELS`).

There is a file for each level: a table of contents, then the code of each function, behind checksums. It serves where
it was made of the same sources by the same compilers; `reason` says where it does not.
"""

import functools

from . import checked, fingerprint, target

FOLDER = fingerprint.PACKAGE / "_machine_code"
SIZE_BYTES = 8  # of the table of contents, at the beginning


class Shipped:
    """The machine code of one file.

    Attributes
    ----------
    level : str
    path : Path
    size : int
        Of the file, in bytes.
    made_of : dict of str
        See `_made_of`.
    vectors : tuple of int
        `vector_bytes` and `vector_registers` of the level's target.

    Raises
    ------
    OSError, ValueError
        Where the file cannot be read or is damaged.
    """

    def __init__(self, path):
        self.path, self.level, self.size = path, path.stem, path.stat().st_size
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(SIZE_BYTES), "little")
            if size > self.size:
                raise ValueError(f"{path.name} is damaged")
            self.made_of, self.vectors, self._places = checked.unpack(path.name, file.read(size))
        self._start = SIZE_BYTES + size

    def __contains__(self, name):
        return name in self._places

    def names(self):
        return list(self._places)

    def get(self, name):
        """What was written by this name; None where that is not there or damaged."""
        if name not in self._places:
            return None
        begin, size = self._places[name]
        try:
            with open(self.path, "rb") as file:
                file.seek(self._start + begin)
                return checked.unpack(name, file.read(size))
        except (OSError, ValueError):
            return None


def write(level, values, folder=FOLDER):
    """Write the file of a level from a dict of names and values; gives its path."""
    contents, places, end = [], {}, 0
    for name, value in sorted(values.items()):
        contents.append(checked.pack(name, value))
        places[name] = end, len(contents[-1])
        end += len(contents[-1])
    path = folder / f"{level}.code"
    made_for = target.LEVELS[level].target
    table = checked.pack(path.name, (_made_of(), (made_for.vector_bytes, made_for.vector_registers), places))
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(table).to_bytes(SIZE_BYTES, "little") + table + b"".join(contents))
    return path


def _made_of():
    return {"source": fingerprint.source(), **fingerprint.compilers()}


def found():
    """The `Shipped` that serves this process, or None."""
    return _choice()[0]


def reason():
    """Why there is machine code with the package, and none of it serves; None where some does or there is none."""
    return _choice()[1]


def described():
    """In a line, what machine code came with the package."""
    code = found()
    if code is None:
        why = reason()
        return f"what came with the package {why}" if why else "none came with the package"
    return f"{len(code.names())} functions for {code.level} came with the package ({code.size / 1e6:.1f} MB)"


@functools.cache
def _choice():
    there = [level for level in target.LEVELS if (FOLDER / f"{level}.code").exists()]
    if not there:
        return None, None
    usable = [level for level in there if target.LEVELS[level].runs_here()]
    if not usable:
        return None, f"is for {' and '.join(there)}, and this CPU lacks some of their instructions"
    try:
        best = Shipped(FOLDER / f"{usable[0]}.code")
    except Exception as error:  # a damaged file can raise anything
        return None, f"cannot be read ({error})"
    here = _made_of()
    for name, version in best.made_of.items():
        if name == "source" and here[name] != version:
            return None, "is that of other sources than these"
        if here[name] != version:
            return None, f"was made with {name} {version}, and here is {here[name]}"
    if settings := fingerprint.settings():
        return None, f"was made without {settings[0]}"
    wanted = target.current()
    if best.vectors != (wanted.vector_bytes, wanted.vector_registers):  # constants of the loops, and sizes of scratch
        return None, f"has vectors of {best.vectors[0]} bytes, and this CPU has those of {wanted.vector_bytes}"
    return best, None
