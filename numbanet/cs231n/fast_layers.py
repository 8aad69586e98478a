"""The course's ``fast_layers.py``: convolution and max pooling by numbanet's kernels, which need no ``im2col``.

Inputs and results are those of the functions in `numbanet.cs231n.layers` that end in ``_naive`` and run the NumPy
references; caches of the ones serve the others too.

The notebooks time the first call that they make. So importing this module makes the kernels ready that it takes, in
float64 as there: they are read from the cache, or compiled once per machine, which a line on standard error says.
"""

import sys

from numbanet import _warmup
from numbanet.cs231n._fast import conv_backward_fast, conv_forward_fast, max_pool_backward_fast, max_pool_forward_fast

__all__ = ["conv_backward_fast", "conv_forward_fast", "max_pool_backward_fast", "max_pool_forward_fast"]

KERNELS = ("conv_forward", "conv_backward", "max_pool_forward", "max_pool_backward", "channels_first", "channels_last")


def _say():
    print("numbanet: compiling convolution and pooling, once per machine; this can take a minute ...", file=sys.stderr)


_warmup.prepare(KERNELS, "float64", _say)
