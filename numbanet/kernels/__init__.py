"""The kernels: every operation as explicit loops, compiled by numba when first called.

Each has a twin of the same name and signature in `numbanet.reference`, which says what it computes. Arrays are
C-contiguous, of one floating dtype, and element-wise operations take them flat; nothing is checked here.
"""

from .. import runtime  # noqa: F401  before anything imports numba
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
from .convolution import conv_backward, conv_forward, conv_relu_forward
from .dropout import dropout_backward, dropout_forward
from .group_normalization import groupnorm_backward, groupnorm_forward
from .layout import add, channels_first, channels_last
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
    "add",
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
    "channels_first",
    "channels_last",
    "conv_backward",
    "conv_forward",
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
    "groupnorm_backward",
    "groupnorm_forward",
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
    "squared_error_loss",
    "svm_loss",
    "tanh_backward",
    "tanh_forward",
]
