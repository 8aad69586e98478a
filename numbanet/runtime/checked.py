"""Values in bytes behind a checksum: machine code that is damaged would crash the process, rather than raise."""

import hashlib
import pickle

from .internals import dumps

CHECKSUM_BYTES = 16


def pack(name, value):
    """A value in bytes, which are those of this name."""
    content = dumps(value)
    return _checksum(name, content) + content


def unpack(name, content):
    """The value that `pack` was given; ValueError where the bytes are not what they were, or of another name."""
    checksum, content = content[:CHECKSUM_BYTES], memoryview(content)[CHECKSUM_BYTES:]
    if checksum != _checksum(name, content):
        raise ValueError(f"{name} is damaged")
    return pickle.loads(content)


def _checksum(name, content):
    """Of the name and the content, so that none passes for another."""
    checksum = hashlib.blake2b(name.encode(), digest_size=CHECKSUM_BYTES)
    checksum.update(content)
    return checksum.digest()
