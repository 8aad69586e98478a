"""Convolution.

N images of H x W pixels with C channels, F filters of KH x KW taps in G groups; x (N, H, W, C), out (N, HO, WO, F), w
(F, C/G, KH, KW). Forward is parallel over strips of the images, each of which is written by one thread; so is the input
gradient, a convolution of dout with the filters rotated by 180 degrees. The gradient of the filters is parallel over
blocks of channels and, where it is small, over parts of the images, which are as many for any number of threads and are
added up in order. The workspace holds the packed filters or those parts, and behind them scratch for each thread.
"""

import math

import numpy as np
from numba import prange, types

from ..runtime.compiling import inlined, serial
from ..runtime.dispatch import kernel, workers
from ._gemm import MULTIPLY_ADD_NS
from ._sums import part_of
from .conv.direct import (
    GRADIENT_CHANNELS,
    GRADIENT_PIXELS,
    PIXELS,
    add_up,
    blocks_of_gradient,
    correlate_strip,
    gradient_of_filters,
    is_depthwise,
    pack_filters,
    packed_size,
    pixel_tables,
    put_gradients,
)
from .conv.few_filters import few_filters, gradient_of_few_filters
from .conv.planes import PIXELS as PLANE_PIXELS
from .conv.planes import (
    correlate_planes,
    fill_vector_tables,
    fit_planes,
    pack_few_filters,
    planes_size,
    suits_planes,
    term_table,
    vector_tables,
)
from .conv.tiling import (
    Target,
    Window,
    copy_size,
    cut_into_strips,
    fill_tables,
    from_line,
    in_lines,
    parts_of,
    tasks_at_once,
    whole,
)
from .conv.winograd import (
    ELEMENTS,
    FILTERS,
    SQUARE_CHANNELS,
    pack_transformed_filters,
    put_transformed_gradients,
    scratch_of_squares,
    squares_of,
    squares_of_strip,
    suits_winograd,
    window_of_square,
    winograd_gradient,
    winograd_strip,
)
from .simd.micro_kernel import NR_VECTORS
from .simd.scratch import shared_array

TOGETHER = 16  # channels that one thread packs, filters whose gradients it puts in place
SUMS = 1024  # that one thread adds up

one_flag = shared_array((1,), types.boolean)


def _nanoseconds(dout, w):
    return MULTIPLY_ADD_NS * dout.size * w[0].size


@inlined
def _forward_window(w, stride, padding, dilation):
    return Window(w.shape[2], w.shape[3], stride[0], stride[1], dilation[0], dilation[1], -padding[0], -padding[1])


@serial
def _phase(phase, kernel_size, stride, padding, dilation):
    """Of the pixels ``phase + stride t`` of dx along one axis: the first tap that meets them, and every how many one
    does; how many do, how far apart in dout, and where the last of them meets dout for t = 0.
    """
    common = math.gcd(stride, dilation)
    every, apart = stride // common, dilation // common
    first = 0
    while first < kernel_size and (phase + padding - first * dilation) % stride:
        first += 1
    count = (kernel_size - first + every - 1) // every
    return first, every, count, apart, (phase + padding - first * dilation) // stride - max(0, count - 1) * apart


@inlined
def _correlate_directly(source, w, bias, out, target, floor, groups, window, transposed, workspace, wanted):
    """``out = max(bias + Σ source w, floor)``; `transposed`: w is (C, F) in groups, as the input gradient has it.

    Where it is not `wanted`, its loops are empty: all threads go through all of them.
    """
    strips = cut_into_strips(source, source.shape[3], target, window, PIXELS)
    channels, filters = source.shape[3] // groups, target.filters // groups
    depthwise = is_depthwise(channels, filters, groups)
    if depthwise:
        groups, filters = 1, target.filters
    tables = pixel_tables(out)
    if wanted:
        fill_tables(window, strips, target, tables[0], tables[1])
    size = packed_size(filters, window.kernel_y * window.kernel_x * channels, out)
    packed, all_scratch = workspace[: groups * size], workspace[in_lines(groups * size) :]
    scratch_size = copy_size(strips)
    blocks = (channels + TOGETHER - 1) // TOGETHER
    for number in prange(groups * blocks if wanted else 0):
        task = np.int64(number)  # in parallel `prange` counts in unsigned numbers: pieces would be compiled for both
        group, start = task // blocks, task % blocks * TOGETHER
        stop = min(start + TOGETHER, channels)
        by_channel, most = transposed and not depthwise, 1 if depthwise else NR_VECTORS
        rows = channels if by_channel else filters
        pack_filters(w[group * rows : (group + 1) * rows], by_channel, packed[group * size :], start, stop, most)
    count = strips.deep * strips.down * strips.across
    at_once = tasks_at_once(count, workers(), all_scratch, scratch_size)
    for number in prange(at_once if wanted else 0):
        worker = np.int64(number)
        scratch = all_scratch[worker * scratch_size : (worker + 1) * scratch_size]
        for strip in part_of(count, worker, at_once):
            correlate_strip(
                source, packed, bias, out, target, floor, groups, window, strips, tables, strip, depthwise, scratch
            )


@inlined
def _correlate_in_planes(source, w, bias, out, target, floor, groups, window, transposed, workspace, strips):
    """`_correlate_directly` for few filters; see `conv.planes`."""
    channels, filters = source.shape[3] // groups, target.filters // groups
    size = packed_size(filters, window.kernel_y * window.kernel_x * channels, out)
    packed, all_scratch = workspace[: groups * size], workspace[in_lines(groups * size) :]
    blocks, rows = (channels + TOGETHER - 1) // TOGETHER, channels if transposed else filters
    for number in prange(groups * blocks):
        task = np.int64(number)
        group, start = task // blocks, task % blocks * TOGETHER
        its_w, its_packed = w[group * rows : (group + 1) * rows], packed[group * size :]
        pack_few_filters(its_w, transposed, its_packed, start, min(start + TOGETHER, channels))
    tables, terms = vector_tables(out), term_table(out)
    fill_vector_tables(window, strips, target, channels, out, tables, terms)
    scratch_size, count = planes_size(strips, channels, out), strips.deep * strips.down * strips.across
    at_once = tasks_at_once(count, workers(), all_scratch, scratch_size)
    for number in prange(at_once):
        worker = np.int64(number)
        scratch = all_scratch[worker * scratch_size : (worker + 1) * scratch_size]
        for strip in part_of(count, worker, at_once):
            correlate_planes(
                source, packed, size, bias, out, target, floor, groups, window, strips, tables, terms, strip, scratch
            )


@inlined
def _correlate(source, w, bias, out, target, floor, groups, window, transposed, workspace):
    """By Winograd's algorithm where that suits, else, and where it gives numbers that are not finite, directly."""
    channels, infinite, directly = source.shape[3], one_flag(out), True
    if suits_winograd(window, channels, target.filters, groups, out):
        squares, square_window = squares_of(target), window_of_square(window)
        strips = cut_into_strips(source, channels, squares, square_window, squares_of_strip(channels, out))
        tables = pixel_tables(out)
        fill_tables(square_window, strips, squares, tables[0], tables[1])
        for block in prange((channels + TOGETHER - 1) // TOGETHER):
            start = np.int64(block) * TOGETHER
            pack_transformed_filters(w, transposed, workspace, start, min(start + TOGETHER, channels))
            if start == 0:
                infinite[0] = False
        all_scratch = workspace[packed_size(target.filters, ELEMENTS * channels, out) :]
        scratch_size, count = scratch_of_squares(strips, channels, out), strips.deep * strips.down * strips.across
        at_once = tasks_at_once(count, workers(), all_scratch, scratch_size)
        for number in prange(at_once):
            worker = np.int64(number)
            scratch = all_scratch[worker * scratch_size : (worker + 1) * scratch_size]
            for strip in part_of(count, worker, at_once):
                if not winograd_strip(
                    source, workspace, bias, out, target, floor, squares, square_window, strips, tables, strip, scratch
                ):
                    infinite[0] = True
        directly = infinite[0]
    depth, few = channels // groups, target.filters // groups
    planes = cut_into_strips(source, depth, target, window, PLANE_PIXELS, True)
    if suits_planes(window, depth, few, groups, target.width, out) and fit_planes(planes, depth, out):
        _correlate_in_planes(source, w, bias, out, target, floor, groups, window, transposed, workspace, planes)
    else:
        _correlate_directly(source, w, bias, out, target, floor, groups, window, transposed, workspace, directly)


@inlined
def _add_up(sums, wanted):
    size = sums.shape[1]
    for part in prange(-(-size // SUMS) if wanted and len(sums) > 1 else 0):
        start = np.int64(part) * SUMS
        add_up(sums, start, min(start + SUMS, size))


@inlined
def _gradients_directly(dout, x, window, groups, workspace, dw, db, wanted):
    channels, filters = x.shape[3] // groups, dout.shape[3]
    depthwise = is_depthwise(channels, filters // groups, groups)
    parts, together = (1, x.shape[3]) if depthwise else (groups, channels)
    strips = cut_into_strips(x, min(together, GRADIENT_CHANNELS), whole(dout), window, GRADIENT_PIXELS)
    size = dw.size + 2 * filters
    chunks = parts_of(size, strips.deep * strips.down * strips.across)
    sums, all_scratch = workspace[: chunks * size].reshape(chunks, size), workspace[in_lines(chunks * size) :]
    few = few_filters(window, channels, filters, groups, dw)
    blocks, scratch_size = 1 if few else blocks_of_gradient(window, parts, together, depthwise), copy_size(strips)
    at_once = tasks_at_once(chunks * blocks, workers(), all_scratch, scratch_size)
    for number in prange(at_once if wanted else 0):
        worker = np.int64(number)
        scratch = all_scratch[worker * scratch_size : (worker + 1) * scratch_size]
        for task in part_of(chunks * blocks, worker, at_once):
            chunk, block = task // blocks, task % blocks
            if few:
                gradient_of_few_filters(dout, x, window, strips, sums[chunk], chunk, chunks, scratch)
                continue
            gradient_of_filters(dout, x, window, strips, parts, sums[chunk], chunk, chunks, block, depthwise, scratch)
    _add_up(sums, wanted)
    for part in prange((filters + TOGETHER - 1) // TOGETHER if wanted else 0):
        start = np.int64(part) * TOGETHER
        put_gradients(sums[0], start, min(start + TOGETHER, filters), dw, db)


@inlined
def _gradients(dout, x, window, groups, workspace, dw, db):
    """Of filters and bias; as `conv.direct`."""
    channels, filters, infinite, directly = x.shape[3], dout.shape[3], one_flag(dw), True
    if suits_winograd(window, channels, filters, groups, dw):
        squares, square_window = squares_of(whole(dout)), window_of_square(window)
        together = min(channels, SQUARE_CHANNELS)
        strips = cut_into_strips(x, together, squares, square_window, squares_of_strip(together, dw))
        tables = pixel_tables(dw)
        fill_tables(square_window, strips, squares, tables[0], tables[1])
        size = ELEMENTS * channels * filters + 2 * filters
        chunks = parts_of(size, strips.deep * strips.down * strips.across)
        sums, all_scratch = workspace[: chunks * size].reshape(chunks, size), workspace[in_lines(chunks * size) :]
        blocks, scratch_size = -(-channels // together), scratch_of_squares(strips, together, dw)
        at_once = tasks_at_once(chunks * blocks, workers(), all_scratch, scratch_size)
        for number in prange(at_once):
            worker = np.int64(number)
            scratch = all_scratch[worker * scratch_size : (worker + 1) * scratch_size]
            for task in part_of(chunks * blocks, worker, at_once):
                chunk, block = task // blocks, task % blocks
                winograd_gradient(
                    dout, x, squares, square_window, strips, tables, sums[chunk], chunk, chunks, block, scratch
                )
            if worker == 0:
                infinite[0] = False
        _add_up(sums, True)
        for part in prange((filters + FILTERS - 1) // FILTERS):
            start = np.int64(part) * FILTERS
            if not put_transformed_gradients(sums[0], start, min(start + FILTERS, filters), dw, db):
                infinite[0] = True
        directly = infinite[0]
    _gradients_directly(dout, x, window, groups, workspace, dw, db, directly)


@kernel(lambda x, w, b, stride, padding, dilation, groups, workspace, out: _nanoseconds(out, w))
def conv_forward(x, w, b, stride, padding, dilation, groups, workspace, out):
    window = _forward_window(w, stride, padding, dilation)
    _correlate(x, w, b, out.reshape(out.size), whole(out), -np.inf, groups, window, False, from_line(workspace))


@kernel(lambda x, w, b, stride, padding, dilation, groups, workspace, out: _nanoseconds(out, w))
def conv_relu_forward(x, w, b, stride, padding, dilation, groups, workspace, out):
    window = _forward_window(w, stride, padding, dilation)
    _correlate(x, w, b, out.reshape(out.size), whole(out), 0.0, groups, window, False, from_line(workspace))


@kernel(lambda dout, x, w, *rest: _nanoseconds(dout, w) * (2 if len(rest[-3]) else 1))
def conv_backward(dout, x, w, stride, padding, dilation, groups, workspace, dx, dw, db):
    aligned = from_line(workspace)
    _gradients(dout, x, _forward_window(w, stride, padding, dilation), groups, aligned, dw, db)
    if len(dx):
        n, height, width, depth = dx.shape
        flat = dx.reshape(dx.size)
        for y in range(min(stride[0], height)):
            for z in range(min(stride[1], width)):
                r, every_y, kernel_y, dilation_y, top = _phase(y, w.shape[2], stride[0], padding[0], dilation[0])
                s, every_x, kernel_x, dilation_x, left = _phase(z, w.shape[3], stride[1], padding[1], dilation[1])
                phase_window = Window(kernel_y, kernel_x, 1, 1, dilation_y, dilation_x, top, left)
                high, wide = -(-(height - y) // stride[0]), -(-(width - z) // stride[1])
                pixel, row, image = stride[1] * depth, stride[0] * width * depth, height * width * depth
                target = Target(n, high, wide, depth, pixel, row, image)
                rotated = w[:, :, r::every_y, s::every_x][:, :, ::-1, ::-1]
                begin = flat[(y * width + z) * depth :]
                _correlate(dout, rotated, db[:0], begin, target, -np.inf, groups, phase_window, True, aligned)
