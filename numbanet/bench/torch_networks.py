"""The networks of `networks.py` in PyTorch."""

import torch
from torch import nn
from torch.nn import functional as F

from .networks import ImageNetwork


class _Residual(nn.Module):
    def __init__(self, branch, shortcut):
        super().__init__()
        self.branch, self.shortcut = nn.Sequential(*branch), nn.Sequential(*shortcut)

    def forward(self, x):
        return F.relu(self.branch(x) + self.shortcut(x))


def _conv3(inputs, width, stride=1):
    return [nn.Conv2d(inputs, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)]


def _le_net(widths):
    convolutions = nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)
    dense = nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
    return nn.Sequential(*convolutions, nn.Flatten(), *dense)


def _three_layers(widths):
    head = nn.Flatten(), nn.Linear(32 * 16 * 16, 100), nn.ReLU(), nn.Linear(100, 10)
    return nn.Sequential(nn.Conv2d(3, 32, 7, padding=3), nn.ReLU(), nn.MaxPool2d(2), *head)


def _vgg(widths):
    layers, inputs = [], 3
    for width in widths:
        layers += [*_conv3(inputs, width), nn.MaxPool2d(2), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * inputs, 10))


def _resnet(widths):
    inputs = widths[0]
    layers = [*_conv3(3, inputs), nn.ReLU()]
    for stage, width in enumerate(widths):
        for block in range(2):
            stride = 2 if stage > 0 and block == 0 else 1
            branch = *_conv3(inputs, width, stride), nn.ReLU(), *_conv3(width, width)
            shortcut = [nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width)] if stride == 2 else []
            layers.append(_Residual(branch, shortcut))
            inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


_IMAGE_MODELS = {"LeNet5": _le_net, "ThreeLayerConvNet": _three_layers, "SmallVGG": _vgg, "SmallResNet": _resnet}
_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


def build(net, seed=0):
    """A network of `ALL_NETWORKS` in torch, its weights from the seed, as is what follows from torch's generator."""
    torch.manual_seed(seed)
    if isinstance(net, ImageNetwork):
        return _IMAGE_MODELS[net.name](net.widths)
    layers, activation = [], _ACTIVATIONS[net.activation]
    for inputs, outputs in zip(net.widths[:-2], net.widths[1:-1], strict=True):
        layers += [nn.Linear(inputs, outputs), *([nn.BatchNorm1d(outputs)] * net.batchnorm), activation()]
    return nn.Sequential(*layers, nn.Linear(*net.widths[-2:]))
