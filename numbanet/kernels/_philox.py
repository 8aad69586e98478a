"""Philox4x32-10: random words computed from a counter and a key (Salmon et al., 2011).

32-bit words are kept in 64-bit integers and masked: numba widens uint32 arithmetic to 64 bits anyway, silently.
"""

import numpy as np

from ..runtime.compiling import serial

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
W0, W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
LOW_32 = np.uint64(0xFFFFFFFF)
SHIFT_32 = np.uint64(32)
ROUNDS = 10
RUN = 64  # counters that go through the rounds side by side, so that the rounds fill the CPU's vectors


@serial
def philox_round(c0, c1, c2, c3, k0, k1):
    """One round on one counter."""
    p0, p1 = c0 * M0, c2 * M1
    return (p1 >> SHIFT_32) ^ c1 ^ k0, p1 & LOW_32, (p0 >> SHIFT_32) ^ c3 ^ k1, p0 & LOW_32


@serial
def philox(words, key):
    """Philox4x32-10 in place on `words` (4, RUN): column j is a counter before and its four random words after."""
    c0, c1, c2, c3 = words[0], words[1], words[2], words[3]
    k0, k1 = key & LOW_32, key >> SHIFT_32
    for _ in range(ROUNDS):
        for j in range(RUN):
            c0[j], c1[j], c2[j], c3[j] = philox_round(c0[j], c1[j], c2[j], c3[j], k0, k1)
        k0 = (k0 + W0) & LOW_32
        k1 = (k1 + W1) & LOW_32
