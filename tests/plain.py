"""Operations as NumPy has them in a textbook, window by window, in no way as numbanet does."""

import math

import numpy as np


def conv(x, w, b, stride, padding, dilation, groups):
    """Images (N, C, H, W) by filters (F, C / groups, HH, WW)."""
    x = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2])
    filters, channels, *taps = w.shape
    reach = [d * (t - 1) + 1 for d, t in zip(dilation, taps, strict=True)]
    high, wide = ((size - r) // s + 1 for size, r, s in zip(x.shape[2:], reach, stride, strict=True))
    out = np.zeros((len(x), filters, high, wide))
    for f in range(filters):
        first = f // (filters // groups) * channels
        for i in range(high):
            for j in range(wide):
                rows = slice(i * stride[0], i * stride[0] + reach[0], dilation[0])
                columns = slice(j * stride[1], j * stride[1] + reach[1], dilation[1])
                window = x[:, first : first + channels, rows, columns]
                out[:, f, i, j] = (window * w[f]).sum(axis=(1, 2, 3)) + b[f]
    return out


def pool(x, window, stride, padding, fill, take):
    x = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2], constant_values=fill)
    high, wide = ((size - k) // s + 1 for size, k, s in zip(x.shape[2:], window, stride, strict=True))
    out = np.zeros((*x.shape[:2], high, wide))
    for i in range(high):
        for j in range(wide):
            rows = slice(i * stride[0], i * stride[0] + window[0])
            columns = slice(j * stride[1], j * stride[1] + window[1])
            out[:, :, i, j] = take(x[:, :, rows, columns], axis=(2, 3))
    return out


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
