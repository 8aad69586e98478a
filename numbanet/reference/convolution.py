"""Convolution: the specification.

N images of H x W pixels with C channels, F filters of HH x WW taps in G groups; out has HO x WO pixels. Images are
channels-last, (N, H, W, C) and (N, HO, WO, F); filters are (F, C/G, HH, WW), as in PyTorch and the course. `stride`,
`padding` and `dilation` are pairs: rows, columns.
``HO = (H + 2 padding - dilation (HH - 1) - 1) // stride + 1``, likewise WO.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .._types import Array, Pair


def _with_border(images: Array, rows: int, columns: int) -> Array:
    """The images with zeros round them."""
    return np.pad(images, ((0, 0), (rows, rows), (columns, columns), (0, 0)))


def _taps(w: Array, height: int, width: int, stride: Pair, dilation: Pair, groups: int) -> Iterator[Any]:
    """For each group and tap: the filters' weights there, their channels of out, and what they meet in padded x."""
    filters, channels, *window = w.shape
    filters //= groups
    for group, *tap in np.ndindex(groups, *window):
        its_filters = slice(group * filters, (group + 1) * filters)
        rows, columns = (
            slice(at * apart, at * apart + (count - 1) * step + 1, step)
            for at, apart, count, step in zip(tap, dilation, (height, width), stride, strict=True)
        )
        pixels = slice(None), rows, columns, slice(group * channels, (group + 1) * channels)
        yield (its_filters, slice(None), *tap), (..., its_filters), pixels


def conv_forward(
    x: Array, w: Array, b: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int, workspace: Array, out: Array
) -> None:
    """Slide the filters over the images, and add a bias:

    ``out[n, i, j, f] = b[f] + Σ_{r, s, c} x[n, y, z, c] w[f, c, r, s]``, with
    ``y = i stride₀ + r dilation₀ - pad₀`` and ``z = j stride₁ + s dilation₁ - pad₁``,

    where x counts as 0 outside of the image, and c runs over the channels of the group of f.

    Parameters
    ----------
    x : ndarray, shape (N, H, W, C)
    w : ndarray, shape (F, C / groups, HH, WW)
    b : ndarray, shape (F,), or (0,)
        The empty one says that there is no bias.
    stride, padding, dilation : tuple of two int
        For rows and columns: how far the window moves, how many zeros are on either side, how far its taps are apart.
    groups : int
        Filters and channels are cut into so many groups, of which each sees only its own; C groups: depthwise.
    workspace : ndarray, shape (P,)
        Room to work in, which the reference needs none of; what it holds has no meaning.
        `numbanet._image_shapes.workspace` says how much.
    out : ndarray, shape (N, HO, WO, F)
        Written.

    Notes
    -----
    A cross-correlation: the filters are not turned round. PyTorch's ``conv2d`` takes the same arguments and agrees for
    ordinary numbers. Padding is zeros that are multiplied as any number is, so that an infinite weight gives NaN there.
    Sources: CS231n notes, "Convolutional Neural Networks"; Dumoulin and Visin, arXiv:1603.07285.
    """
    _, height, width, _ = out.shape
    padded = _with_border(x, *padding)
    out[...] = b if b.size else 0
    for weights, here, pixels in _taps(w, height, width, stride, dilation, groups):
        out[here] += padded[pixels] @ w[weights].T


def conv_relu_forward(
    x: Array, w: Array, b: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int, workspace: Array, out: Array
) -> None:
    """`conv_forward` followed by a ReLU: ``out = max(conv(x, w) + b, 0)``.

    Parameters
    ----------
    x : ndarray, shape (N, H, W, C)
    w : ndarray, shape (F, C / groups, HH, WW)
    b : ndarray, shape (F,), or (0,)
    stride, padding, dilation : tuple of two int
    groups : int
    workspace : ndarray, shape (P,)
    out : ndarray, shape (N, HO, WO, F)
        Written.

    Notes
    -----
    The convenience layer of CS231n assignment 2 (``conv_relu_forward``). NaN stays NaN, as in PyTorch.
    """
    conv_forward(x, w, b, stride, padding, dilation, groups, workspace, out)
    np.maximum(out, 0, out=out)


def conv_backward(
    dout: Array,
    x: Array,
    w: Array,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    workspace: Array,
    dx: Array,
    dw: Array,
    db: Array,
) -> None:
    """Gradients of `conv_forward`: with ``y = i stride₀ + r dilation₀ - pad₀`` and z likewise for columns,

    ``dw[f, c, r, s] = Σ_{n, i, j} dout[n, i, j, f] x[n, y, z, c]``, ``db[f] = Σ_{n, i, j} dout[n, i, j, f]``,
    ``dx[n, y, z, c] = Σ dout[n, i, j, f] w[f, c, r, s]`` over all f, r, s, i, j that meet (y, z).

    Parameters
    ----------
    dout : ndarray, shape (N, HO, WO, F)
    x : ndarray, shape (N, H, W, C)
    w : ndarray, shape (F, C / groups, HH, WW)
    stride, padding, dilation : tuple of two int
    groups : int
    workspace : ndarray, shape (P,)
    dx : ndarray, shape (N, H, W, C), or (0, H, W, C)
        Written; the empty one says that the input gradient is not wanted, as in the first layer of a network.
    dw : ndarray, shape (F, C / groups, HH, WW)
        Written.
    db : ndarray, shape (F,), or (0,)
        Written; the empty one says that there is no bias.

    Notes
    -----
    As x in the forward pass, dout counts as 0 outside of its edges, and is multiplied there. Source: Dumoulin and
    Visin, section 4, "Transposed convolution arithmetic": dx is a convolution of dout with the filters turned round.
    """
    _, height, width, _ = dout.shape
    padded = _with_border(x, *padding)
    for weights, here, pixels in _taps(w, height, width, stride, dilation, groups):
        dw[weights] = np.tensordot(dout[here], padded[pixels], axes=([0, 1, 2], [0, 1, 2]))
    if db.size:
        db[...] = dout.sum(axis=(0, 1, 2))
    if len(dx):
        # A border of zeros round dout, so wide that every pixel of dx meets all the taps that its place allows.
        reach = [d * (taps - 1) for d, taps in zip(dilation, w.shape[2:], strict=True)]
        rows, columns = (far // step + 2 for far, step in zip(reach, stride, strict=True))
        wide = _with_border(dout, rows, columns)
        n, height, width, _ = wide.shape
        high, broad = (height - 1) * stride[0] + reach[0] + 1, (width - 1) * stride[1] + reach[1] + 1
        padded = np.zeros((n, high, broad, dx.shape[3]), dx.dtype)
        for weights, here, pixels in _taps(w, height, width, stride, dilation, groups):
            padded[pixels] += wide[here] @ w[weights]
        top, left = rows * stride[0] + padding[0], columns * stride[1] + padding[1]
        dx[...] = padded[:, top : top + dx.shape[1], left : left + dx.shape[2]]
