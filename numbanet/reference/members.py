"""Members of an ensemble, trained as one network: the specification.

N examples of K members with D features each: (N, K D), the members of an example side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import Array


def members_forward(x: Array, r: Array, out: Array) -> None:
    """Copies of each example for all members, which each scale it: ``out[n, k] = x[n] * r[k]``.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    r : ndarray, shape (K, D)
    out : ndarray, shape (N, K D)
        Written.

    Notes
    -----
    Source: TabM (Gorishniy, Kotelnikov and Babenko, arXiv:2410.24210, section 3.3), after BatchEnsemble (Wen, Tran and
    Ba, arXiv:2002.06715, eq. 5).
    """
    out[...] = (x[:, None] * r).reshape(out.shape)


def members_backward(dout: Array, x: Array, r: Array, dx: Array, dr: Array) -> None:
    """Gradients of `members_forward`: ``dx[n] = Σₖ dout[n, k] * r[k]``, ``dr[k] = Σₙ dout[n, k] * x[n]``.

    Parameters
    ----------
    dout : ndarray, shape (N, K D)
    x : ndarray, shape (N, D)
    r : ndarray, shape (K, D)
    dx : ndarray, shape (N, D), or (0, D)
        Written; the empty one says that the input gradient is not wanted.
    dr : ndarray, shape (K, D)
        Written.
    """
    dout = dout.reshape(len(x), *r.shape)
    dr[...] = (dout * x[:, None]).sum(axis=0)
    if len(dx):
        dx[...] = (dout * r).sum(axis=1)


def member_affine_forward(x: Array, w: Array, b: Array, out: Array) -> None:
    """A linear map and biases for each member: ``out[n, k] = x[n, k] w[k] + b[k]``.

    Parameters
    ----------
    x : ndarray, shape (N, K D)
    w : ndarray, shape (K, D, M)
    b : ndarray, shape (K, M)
    out : ndarray, shape (N, K M)
        Written.
    """
    k, d, _ = w.shape
    out[...] = (np.einsum("nkd,kdm->nkm", x.reshape(-1, k, d), w) + b).reshape(out.shape)


def member_affine_backward(dout: Array, x: Array, w: Array, dx: Array, dw: Array, db: Array) -> None:
    """Gradients of `member_affine_forward`: for each member those of `affine_forward`.

    Parameters
    ----------
    dout : ndarray, shape (N, K M)
    x : ndarray, shape (N, K D)
    w : ndarray, shape (K, D, M)
    dx : ndarray, shape (N, K D), or (0, K D)
        Written; the empty one says that the input gradient is not wanted.
    dw, db : ndarray, shape (K, D, M) and (K, M)
        Written.
    """
    k, d, m = w.shape
    dout, x = dout.reshape(-1, k, m), x.reshape(-1, k, d)
    dw[...] = np.einsum("nkd,nkm->kdm", x, dout)
    db[...] = dout.sum(axis=0)
    if len(dx):
        dx[...] = np.einsum("nkm,kdm->nkd", dout, w).reshape(dx.shape)
