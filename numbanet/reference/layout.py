"""Where images' numbers lie in memory, and sums of two arrays: the specification.

N images, C channels, P pixels (H * W, row by row).
"""


def channels_last(x, out):
    """Bring the channels of a pixel together, as the operations on images take them: ``out[n, p, c] = x[n, c, p]``.

    Parameters
    ----------
    x : ndarray, shape (N, C, P)
    out : ndarray, shape (N, P, C)
        Written.
    """
    out[...] = x.transpose(0, 2, 1)


def channels_first(x, out):
    """Bring the pixels of a channel together, as users pass them and affine's weights count them:
    ``out[n, c, p] = x[n, p, c]``.

    Parameters
    ----------
    x : ndarray, shape (N, P, C)
    out : ndarray, shape (N, C, P)
        Written.
    """
    out[...] = x.transpose(0, 2, 1)


def add(x, y, out):
    """``out = x + y``, for residual connections.

    Arrays have one shape. `out` may be `x` or `y`.
    """
    out[...] = x + y
