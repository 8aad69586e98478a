"""The functions of `numbanet.cs231n.fast_layers`, for the modules that call them without a look at the clock."""

from numbanet import functional
from numbanet.cs231n._params import convolution, pooling
from numbanet.functional import conv_backward, max_pool_backward

__all__ = ["conv_backward_fast", "conv_forward_fast", "max_pool_backward_fast", "max_pool_forward_fast"]

conv_backward_fast = conv_backward
max_pool_backward_fast = max_pool_backward


def conv_forward_fast(x, w, b, conv_param):
    """Convolution; see `numbanet.cs231n.layers.conv_forward_naive`."""
    return functional.conv_forward(x, w, b, **convolution(conv_param))


def max_pool_forward_fast(x, pool_param):
    """Max pooling; see `numbanet.cs231n.layers.max_pool_forward_naive`."""
    return functional.max_pool_forward(x, **pooling(pool_param))
