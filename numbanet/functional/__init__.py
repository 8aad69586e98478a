"""Every operation as a pure function with checks: arrays in, new arrays out.

The names are those of `numbanet.reference` and `numbanet.kernels`; hyper-parameters are keywords. A layer is a pair::

    out, cache = affine_forward(x, w, b)
    dx, dw, db = affine_backward(dout, cache)

- Arrays may have any layout and byte order, and be lists, integers, booleans or half floats. A call computes in float32
  where all its arrays are float32 or half, and in float64 otherwise; backward computes in what forward did.
- Nothing that is passed in is changed. A cache holds the caller's own arrays where these needed no conversion.
- What cannot be computed is refused with a TypeError or a ValueError that names the argument: arrays of complex
  numbers, long doubles, strings or objects, masked ones, empty ones, shapes and labels that do not fit, numbers out of
  range, the cache of another function. NaN and infinity in arrays go through.
- ``ops=numbanet.reference`` runs the NumPy twin of an operation, here and in the backward pass that follows.
"""

from .activations import (
    elu_backward,
    elu_forward,
    gelu_backward,
    gelu_forward,
    gelu_tanh_backward,
    gelu_tanh_forward,
    leaky_relu_backward,
    leaky_relu_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    silu_backward,
    silu_forward,
    tanh_backward,
    tanh_forward,
)
from .affine import affine_backward, affine_forward, affine_relu_backward, affine_relu_forward
from .augmentation import augment
from .convolution import conv_backward, conv_forward, conv_relu_backward, conv_relu_forward
from .dropout import dropout_backward, dropout_forward
from .group_normalization import spatial_groupnorm_backward, spatial_groupnorm_forward
from .losses import (
    binary_cross_entropy_loss,
    l2_penalty,
    softmax_forward,
    softmax_loss,
    squared_error_loss,
    svm_loss,
)
from .normalization import (
    batchnorm_backward,
    batchnorm_forward,
    batchnorm_inference,
    layernorm_backward,
    layernorm_forward,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
    spatial_batchnorm_inference,
)
from .pooling import (
    avg_pool_backward,
    avg_pool_forward,
    global_avg_pool_backward,
    global_avg_pool_forward,
    max_pool_backward,
    max_pool_forward,
)
from .updates import adam_update, momentum_update, nesterov_update, rmsprop_update, sgd_update

__all__ = [
    "adam_update",
    "affine_backward",
    "affine_forward",
    "affine_relu_backward",
    "affine_relu_forward",
    "augment",
    "avg_pool_backward",
    "avg_pool_forward",
    "batchnorm_backward",
    "batchnorm_forward",
    "batchnorm_inference",
    "binary_cross_entropy_loss",
    "conv_backward",
    "conv_forward",
    "conv_relu_backward",
    "conv_relu_forward",
    "dropout_backward",
    "dropout_forward",
    "elu_backward",
    "elu_forward",
    "gelu_backward",
    "gelu_forward",
    "gelu_tanh_backward",
    "gelu_tanh_forward",
    "global_avg_pool_backward",
    "global_avg_pool_forward",
    "l2_penalty",
    "layernorm_backward",
    "layernorm_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "max_pool_backward",
    "max_pool_forward",
    "momentum_update",
    "nesterov_update",
    "relu_backward",
    "relu_forward",
    "rmsprop_update",
    "sgd_update",
    "sigmoid_backward",
    "sigmoid_forward",
    "silu_backward",
    "silu_forward",
    "softmax_forward",
    "softmax_loss",
    "spatial_batchnorm_backward",
    "spatial_batchnorm_forward",
    "spatial_batchnorm_inference",
    "spatial_groupnorm_backward",
    "spatial_groupnorm_forward",
    "squared_error_loss",
    "svm_loss",
    "tanh_backward",
    "tanh_forward",
]
