"""Images of what a network for images has learnt, as PNG files, which need no other library."""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from ._checks import float_array
from ._files import write
from .layers import ACTIVATIONS, Affine, Conv, Flatten
from .models import Sequential

if TYPE_CHECKING:
    from ._types import Array, ArrayLike, ByteArray, FloatArray, Shape, StrPath


ACROSS = 16  # images in a row of feature maps
SHOWN = 32  # feature maps of a layer
SIDE = 1100  # pixels that small images are enlarged to
BETWEEN = 70, 90, 140  # colour between images, which neither the lowest value has nor the highest


def scaled(images: Array) -> FloatArray:
    """Images (N, H, W, C), each made to go from 0 to 1; one of a single value becomes 0."""
    low, high = images.min(axis=(1, 2, 3), keepdims=True), images.max(axis=(1, 2, 3), keepdims=True)
    return (images - low) / np.where(high > low, high - low, 1)


def grid(
    images: Array, columns: int | None = None, rows: int | None = None, padding: int = 1, background: ArrayLike = 0
) -> Array:
    """Put images side by side.

    Parameters
    ----------
    images : ndarray, shape (N, H, W, C)
    columns, rows : int, optional
        How many stand side by side, by default the root of N, rounded up; and one below the other, by default as many
        as it takes.
    padding : int
        Pixels between images.
    background : number, or sequence of C numbers
        The colour of these pixels, and of places that are left over.

    Returns
    -------
    ndarray, shape (rows * (H + padding) - padding, columns * (W + padding) - padding, C)
    """
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = rows or -(-count // columns)
    # Every cell has padding below and to the right of its image; the last one's is cut off.
    cells = np.full((rows * columns, height + padding, width + padding, channels), background, images.dtype)
    cells[:count, :height, :width] = images
    cells = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    whole = cells.reshape(rows * (height + padding), columns * (width + padding), channels)
    return whole[: whole.shape[0] - padding, : whole.shape[1] - padding]


def filters(model: Sequential, input_shape: Shape | None = None) -> ByteArray:
    """The weights of a network's first layer as one image.

    Parameters
    ----------
    model : Sequential
        One that begins with a `Conv`, or with an `Affine`.
    input_shape : tuple of int, optional
        (C, H, W) or (H, W): of the images that an `Affine` sees, where the network takes them flat.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        Filters on one channel are grey and those on three in colour, in a square. Those on other numbers of channels
        have a row each, with the channels side by side. Each is scaled from black, its lowest weight, to white.

    Raises
    ------
    ValueError
        For a network that begins with another layer, or does not see images.
    """
    first = model.layers[0]
    shape = _image_shape(model.input_shape if len(model.input_shape) > 1 else input_shape)
    if not isinstance(first, (Conv, Affine)) or (isinstance(first, Affine) and shape is None):
        raise ValueError(
            f"model: expected a network whose first layer is a convolution or sees images; it begins with {first!r} "
            f"on examples of shape {model.input_shape}"
        )
    weights = model.params["W1"]
    if shape is not None and isinstance(first, Affine):
        weights = weights.T.reshape(-1, *shape)
    channels = weights.shape[1]
    if channels in (1, 3):
        return _enlarged(_tiles(scaled(weights.transpose(0, 2, 3, 1))))
    return _enlarged(_tiles(scaled(weights.reshape(-1, *weights.shape[2:], 1)), columns=channels))


def features(model: Sequential, image: ArrayLike) -> ByteArray:
    """What a network makes of an image: the image, and below it the maps of each layer of activations.

    Parameters
    ----------
    model : Sequential
        For images, of shape (C, H, W).
    image : array_like, shape (C, H, W)
        As the network takes it.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        The first 32 maps of each activation, in rows of 16, enlarged to the size of the image. Those of a layer are
        scaled together from black, their lowest value, to white. A wider gap separates layers.

    Raises
    ------
    TypeError, ValueError
        For a network that has no maps, or an image of another shape.
    """
    image = float_array("image", image, model.dtype)
    if len(model.input_shape) != 3 or image.shape != model.input_shape:
        raise ValueError(
            f"image: expected a network for images, and one that it takes, {model.input_shape}; got {image.shape}"
        )
    bands = [_maps(model, stop, image) for stop in _activations(model)]
    if not bands:
        raise ValueError(f"model: expected activations that are images; {type(model).__name__} has none")
    _, height, width = image.shape
    colours = image if len(image) == 3 else image[:1]
    shown = [_tiles(scaled(colours.transpose(1, 2, 0)[None]))]
    for maps in bands:
        (whole,) = scaled(maps[None, :SHOWN])
        large = whole.repeat(-(-height // maps.shape[1]), axis=1).repeat(-(-width // maps.shape[2]), axis=2)
        shown.append(_tiles(large[..., None], columns=min(ACROSS, len(large))))
    gap, wide = max(2, height // 8), max(band.shape[1] for band in shown)
    whole = np.full((sum(len(band) + gap for band in shown) - gap, wide, 3), BETWEEN, np.uint8)
    top = 0
    for band in shown:
        whole[top : top + len(band), : band.shape[1]] = band
        top += len(band) + gap
    return _enlarged(whole)


def write_png(path: StrPath, image: Array) -> None:
    """Write an image to a file.

    Parameters
    ----------
    path : str or path-like
    image : ndarray of uint8, shape (H, W), (H, W, 1) or (H, W, 3)
        Grey, or red, green and blue.

    Raises
    ------
    OSError
        Where the file cannot be written; one that was there is left as it was.

    Notes
    -----
    Source: ISO/IEC 15948, Portable Network Graphics, sections 5.3 and 11.2.
    """
    image = np.ascontiguousarray(image, np.uint8)
    height, width = image.shape[:2]
    lines = np.zeros((height, 1 + image.size // height), np.uint8)  # each begins with 0: no filter
    lines[:, 1:] = image.reshape(height, -1)
    colour_type = 2 if image.shape[2:] == (3,) else 0
    header = struct.pack(">2I5B", width, height, 8, colour_type, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    write(path, content)


def _image_shape(shape: Shape | None) -> Shape | None:
    """(C, H, W) of a shape that may lack the channels; None where it is no image's."""
    if shape is None or len(shape) not in (2, 3):
        return None
    return tuple(shape) if len(shape) == 3 else (1, *shape)


def _activations(model: Sequential) -> list[int]:
    """For each activation whose output is images, how many layers it takes to get there."""
    kinds, shape, found = tuple(ACTIVATIONS.values()), model.input_shape, []
    for index, layer in enumerate(model.layers):
        shape = layer.output_shape(shape)
        if isinstance(layer, kinds) and len(shape) == 3:
            found.append(index + 1)
    return found


def _maps(model: Sequential, stop: int, image: FloatArray) -> FloatArray:
    """What comes out of the first `stop` layers: shape (C, H, W)."""
    layers, shape = model.layers[:stop], model.input_shape
    for layer in layers:
        shape = layer.output_shape(shape)
    front = Sequential([*layers, Flatten()], model.input_shape, dtype=model.dtype, ops=model.ops)
    front.standardizer = model.standardizer
    for mine, whole in ((front.params, model.params), (front.state, model.state)):
        for name in mine:
            mine[name] = whole[name]  # names count the layers from the front, so they are the same
    return front.loss(image[None])[0].reshape(shape)


def _tiles(images: Array, columns: int | None = None) -> ByteArray:
    """Images (N, H, W, 1 or 3) with values from 0 to 1 side by side, in colour."""
    colours = np.round(255 * np.broadcast_to(images, (*images.shape[:3], 3))).astype(np.uint8)
    return grid(colours, columns, background=BETWEEN)


def _enlarged(image: ByteArray) -> ByteArray:
    """Each pixel as a square, so that the longer side is about `SIDE`."""
    times = max(1, SIDE // max(image.shape[:2]))
    return image.repeat(times, axis=0).repeat(times, axis=1)
