"""Sizes worth testing and timing, by families of operations: plain data.

A size is a dict from axes, and options that go with them, to numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


@dataclass(frozen=True)
class Sizes:
    """Sizes of operations that have the same axes.

    Attributes
    ----------
    axes : str
        A letter for each number of a timed size.
    tested : list of dict
        Each axis of another length where that is possible: ones, primes, one more and one less than the kernels' blocks
        (8, 16, 64, 128, 256), several blocks, a single example.
    timed : tuple of tuple of int
        Sizes from training, each large enough to time.
    large : tuple of tuple of int
        More of them, for ``numbanet bench`` alone.
    whole : callable
        What else follows from a timed size, as a function of its lengths: the size in full.
    """

    axes: str
    tested: list[dict[str, Any]] = field(repr=False)
    timed: tuple[tuple[int, ...], ...]
    large: tuple[tuple[int, ...], ...] = ()
    whole: Callable[..., dict[str, Any]] = field(default=dict, repr=False)

    def of(self, size: Sequence[int]) -> dict[str, Any]:
        """The size in full, from the numbers of a timed one."""
        return self.whole(**dict(zip(self.axes, size, strict=True)))


def sizes(axes: str, *rows: Any) -> list[dict[str, Any]]:
    return [dict(zip(axes, row, strict=True)) for row in rows]


def windows(*rows: Any) -> list[dict[str, Any]]:
    """From (N, H, W, C), kernel_size, stride and padding; I and J are the rows and columns of windows, K the elements
    of one."""
    made = []
    for (n, h, w, c), kernel_size, stride, padding in rows:
        i, j = ((side + 2 * p - k) // s + 1 for side, k, s, p in zip((h, w), kernel_size, stride, padding, strict=True))
        lengths = dict(zip("NHWCIJK", (n, h, w, c, i, j, kernel_size[0] * kernel_size[1]), strict=True))
        made.append({**lengths, "kernel_size": kernel_size, "stride": stride, "padding": padding})
    return made


def convolutions(*rows: Any) -> list[dict[str, Any]]:
    """From (N, H, W, C, F, R, S, stride, padding, dilation, groups); P, Q are the pixels of the result, K the channels
    of a group, T the terms of the longest sum."""
    made = []
    for *lengths, stride, padding, dilation, groups in rows:
        size = dict(zip("NHWCFRS", lengths, strict=True))
        for axis, result, taps, number in (("H", "P", "R", 0), ("W", "Q", "S", 1)):
            room = size[axis] + 2 * padding[number] - dilation[number] * (size[taps] - 1) - 1
            size[result] = room // stride[number] + 1
        size["K"] = size["C"] // groups
        size["T"] = max(size["K"] * size["R"] * size["S"], size["N"] * size["P"] * size["Q"], size["F"])
        made.append({**size, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups})
    return made


def periodic(*rows: Any) -> list[dict[str, Any]]:
    """From (N, D, F, L, U); E is the numbers of an example that come out, U for each of D."""
    return [{**dict(zip("NDFLU", row, strict=True)), "E": row[1] * row[4]} for row in rows]


def codes(*rows: Any) -> list[dict[str, Any]]:
    """From (N, K, B, U); E is the numbers of an example that come out, U for each of K; S is one more than K."""
    return [{**dict(zip("NKBU", row, strict=True)), "E": row[1] * row[3], "S": row[1] + 1} for row in rows]


def members(*rows: Any) -> list[dict[str, Any]]:
    """From (N, K, D, M); P and Q are K times D and M."""
    return [{**dict(zip("NKDM", row, strict=True)), "P": row[1] * row[2], "Q": row[1] * row[3]} for row in rows]


def repeats(*rows: Any) -> list[dict[str, Any]]:
    """From (N, K, M); R is K times N, and labels are of C classes."""
    return [{**dict(zip("NKM", row, strict=True)), "R": row[0] * row[1], "C": 5} for row in rows]


def _square_windows(N: int, H: int, C: int, R: int, S: int) -> dict[str, Any]:
    return windows(((N, H, H, C), (R, R), (S, S), ((R - 1) // 2,) * 2))[0]


def _square_convolution(N: int, H: int, C: int, F: int, R: int) -> dict[str, Any]:
    """Padded so that the result has the images' size."""
    return convolutions((N, H, H, C, F, R, R, (1, 1), (R // 2,) * 2, (1, 1), 1))[0]


ELEMENTS = Sizes(
    "P",
    sizes("P", (1,), (7,), (15,), (17,), (63,), (65,), (127,), (129,), (255,), (257,), (1023,), (4099,)),
    ((16_384,), (262_144,)),
)
PARAMETERS = Sizes("P", ELEMENTS.tested, ((100_000,), (1_000_000,)), ((16_000_000,),))
AFFINE = Sizes(
    "NDM",
    [
        *sizes("NDM", (1, 1, 1), (2, 3, 5), (1, 137, 10), (8, 16, 64), (7, 15, 63), (9, 17, 65), (16, 127, 8)),
        *sizes("NDM", (15, 129, 64), (63, 7, 17), (129, 64, 127), (64, 300, 10), (131, 137, 71), (1, 300, 301)),
    ],
    ((32, 64, 32), (64, 784, 256), (256, 1024, 1024)),
)
_SCORES = [
    *((1, 1), (1, 10), (2, 3), (7, 5), (8, 16), (9, 15), (63, 10), (64, 17), (65, 1), (129, 2)),
    *((300, 10), (131, 71)),
]
SCORES = Sizes("NC", sizes("NC", *_SCORES), ((256, 10), (256, 1000)))
TARGETS = Sizes("NM", sizes("NM", *_SCORES), SCORES.timed)
IMAGES = Sizes(
    "NCHW",
    sizes("MNCHW", (1, 1, 1, 1, 1), (3, 2, 1, 5, 4), (2, 5, 3, 7, 6), (7, 9, 2, 17, 16), (5, 65, 1, 8, 9)),
    ((50, 1, 28, 28), (128, 3, 32, 32)),
    whole=lambda N, C, H, W: {"N": N, "C": C, "H": H, "W": W, "M": N},  # as many as are taken of them
)
ROWS = Sizes(
    "ND",
    [
        *sizes("ND", (1, 1), (1, 5), (2, 3), (7, 63), (8, 64), (9, 65), (16, 1), (64, 300), (129, 16), (131, 137)),
        *sizes("ND", (3001, 37)),  # three pieces of rows whose sums are added up
    ],
    ((64, 128), (256, 512)),
    ((8192, 128), (32_768, 64), (131_072, 32)),
)
PERIODIC = Sizes(
    "NDFU",
    [
        *periodic(
            (1, 1, 1, 1, 1), (2, 3, 1, 2, 3), (7, 2, 16, 3, 4), (3, 5, 7, 4, 4), (63, 4, 9, 2, 2), (2, 3, 17, 7, 8)
        ),
        *periodic((257, 2, 3, 3, 4), (300, 1, 5, 1, 2), (5, 2, 4, 33, 34)),  # more rows, and units, than go at a time
    ],
    ((256, 8, 16, 4), (256, 64, 16, 4)),
    whole=lambda N, D, F, U: periodic((N, D, F, U - 1, U))[0],
)
CODES = Sizes(
    "NKBU",
    codes((1, 1, 1, 1), (2, 3, 5, 4), (7, 1, 16, 8), (3, 5, 17, 1), (65, 2, 3, 7), (300, 4, 90, 8)),
    ((256, 4, 200, 8), (256, 32, 4000, 8)),
    whole=lambda N, K, B, U: codes((N, K, B, U))[0],
)
MEMBERS = Sizes(
    "NKDM",
    members((1, 1, 1, 1), (2, 3, 5, 4), (7, 2, 16, 3), (3, 5, 7, 17), (65, 4, 9, 2), (129, 3, 70, 8), (2, 8, 300, 10)),
    ((256, 8, 256, 10), (256, 32, 64, 64)),
    whole=lambda N, K, D, M: members((N, K, D, M))[0],
)
REPEATS = Sizes(
    "NKM",
    repeats((1, 1, 1), (2, 3, 5), (7, 2, 16), (3, 8, 1), (65, 4, 9)),
    ((256, 8, 10), (256, 32, 1)),
    whole=lambda N, K, M: repeats((N, K, M))[0],
)
# All of them, some from the front, the middle and the end.
COLUMNS = Sizes(
    "NMD",
    [
        dict(zip(("N", "D", "M", "first", "count", "to"), row, strict=True))
        for row in (
            (1, 1, 1, 0, 1, 0),
            (2, 5, 5, 0, 5, 0),
            (3, 7, 3, 2, 3, 0),
            (7, 4, 70, 0, 4, 66),
            (65, 9, 8, 1, 1, 3),
        )
    ],
    ((256, 20, 40), (256, 256, 512)),
    whole=lambda N, M, D: {"N": N, "D": D, "M": M, "first": D - M, "count": M, "to": 0},
)
PIXELS = Sizes(
    "NCP",
    [
        *sizes("NPC", (1, 1, 1), (2, 15, 3), (3, 49, 1), (7, 1, 17), (2, 16, 32), (1, 65, 16), (5, 300, 3)),
        *sizes("NPC", (2, 63, 70), (2, 1025, 3), (1, 1026, 17), (3, 35, 2), (1, 70, 4)),
    ],
    ((128, 3, 1024), (128, 64, 64)),
)
# One group, one for each channel, and between; more channels, pixels and images than the kernel takes at a time.
GROUPED = Sizes(
    "NPCG",
    [
        *sizes("NPCG", (1, 1, 1, 1), (2, 15, 3, 3), (3, 49, 12, 4), (7, 6, 17, 1), (2, 65, 32, 8), (70, 2, 6, 2)),
        *sizes("NPCG", (2, 9, 130, 1), (3, 129, 70, 70), (2, 7, 140, 7), (1, 5, 195, 3)),
    ],
    ((32, 1024, 32, 8), (128, 64, 128, 32)),
)
MAPS = Sizes(
    "NHC",
    sizes("NHWC", (1, 1, 1, 1), (2, 3, 5, 1), (3, 2, 7, 17), (5, 4, 4, 70), (2, 8, 9, 3)),
    ((128, 32, 32), (128, 16, 64)),
    whole=lambda N, H, C: {"N": N, "H": H, "W": H, "C": C},
)
WINDOWS = Sizes(
    "NHCRS",
    windows(
        ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0)),
        ((2, 4, 6, 3), (2, 2), (2, 2), (0, 0)),
        ((3, 5, 7, 1), (2, 2), (2, 2), (0, 0)),  # a row and a column are left over
        ((2, 5, 6, 5), (2, 2), (2, 2), (0, 0)),  # a row alone, by whole windows
        ((2, 6, 5, 5), (2, 2), (2, 2), (0, 0)),  # a column alone
        ((2, 5, 27, 6), (2, 2), (2, 2), (0, 0)),  # several windows to a vector, and some that fill none
        ((1, 4, 6, 8), (2, 2), (2, 2), (0, 0)),
        ((1, 7, 8, 16), (3, 3), (2, 2), (1, 1)),
        ((2, 9, 5, 17), (3, 2), (1, 2), (1, 0)),
        ((9, 6, 7, 32), (2, 2), (2, 2), (1, 1)),
        ((2, 8, 5, 5), (2, 1), (3, 2), (0, 0)),  # windows leave pixels out
        ((1, 5, 4, 70), (5, 4), (1, 1), (0, 0)),  # as large as the image
        ((2, 3, 5, 33), (3, 3), (4, 1), (1, 1)),
        ((1, 18, 17, 2), (17, 16), (1, 1), (0, 0)),  # more elements than a byte has numbers for
        ((2, 19, 23, 1), (3, 3), (2, 2), (1, 1)),  # several windows to a vector, and more than one such vector
        ((2, 18, 37, 3), (2, 2), (2, 2), (1, 0)),
        ((1, 20, 14, 3), (3, 3), (2, 2), (0, 1)),
        ((1, 18, 10, 21), (3, 3), (2, 2), (1, 0)),  # pixels two by two, and one that no next window reaches to
        ((1, 9, 10, 18), (4, 3), (1, 2), (2, 1)),  # but for those that four rows of windows reach to
    ),
    ((128, 32, 32, 2, 2), (128, 32, 32, 3, 2), (128, 16, 64, 2, 2)),
    whole=_square_windows,
)
# Ordinary ones of one and of several strips, blocks and vectors; one pixel, one channel; a window as large as the
# image; steps beyond the window; more padding than the window needs; taps apart; groups, and one for each channel;
# by squares of four pixels, ragged; more taps than the kernel takes at a time, also one for each channel; a window that
# the stack has no room for.
CONVOLUTIONS = Sizes(
    "NHCFR",
    convolutions(
        (2, 5, 6, 3, 4, 3, 3, (1, 1), (1, 1), (1, 1), 1),
        (3, 9, 8, 35, 50, 3, 3, (1, 1), (1, 1), (1, 1), 1),
        (1, 1, 1, 1, 1, 1, 1, (1, 1), (0, 0), (1, 1), 1),
        (9, 4, 7, 2, 17, 1, 1, (1, 1), (0, 0), (1, 1), 1),
        (2, 33, 19, 1, 5, 5, 5, (1, 1), (2, 2), (1, 1), 1),
        (17, 5, 4, 3, 7, 5, 4, (1, 1), (0, 0), (1, 1), 1),
        (2, 7, 11, 3, 5, 2, 3, (4, 5), (0, 0), (1, 1), 1),
        (2, 4, 3, 2, 5, 2, 2, (1, 1), (3, 4), (1, 1), 1),
        (2, 13, 12, 5, 6, 3, 2, (2, 3), (2, 1), (3, 2), 1),
        (3, 7, 5, 6, 8, 3, 3, (2, 1), (1, 1), (1, 1), 2),
        (2, 6, 9, 19, 38, 3, 3, (1, 1), (1, 1), (1, 1), 19),
        (2, 6, 9, 35, 35, 3, 3, (1, 1), (1, 1), (1, 1), 35),
        (3, 7, 8, 4, 4, 2, 3, (2, 2), (1, 1), (1, 1), 4),
        (1, 3, 300, 2, 3, 3, 3, (1, 1), (1, 1), (1, 1), 1),
        (5, 1, 3, 70, 16, 3, 3, (1, 1), (2, 0), (1, 1), 1),
        (1, 19, 40, 16, 17, 3, 3, (1, 1), (0, 2), (1, 1), 1),
        (1, 38, 73, 1, 2, 37, 36, (1, 1), (0, 0), (1, 2), 1),
        (1, 38, 73, 2, 2, 37, 36, (1, 1), (0, 0), (1, 2), 2),
        (1, 5, 4, 2, 3, 2, 2, (1, 1), (114, 115), (230, 231), 1),
    ),
    ((64, 32, 3, 32, 3), (64, 16, 32, 64, 3), (64, 8, 128, 128, 3)),
    whole=_square_convolution,
)
