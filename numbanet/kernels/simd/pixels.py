"""Passes over the pixels of an image (H, W, C): each is written once, the sum of what its windows give it, in order.

Of windows and strides see `windows`. A pass replaces

    for y in range(start, stop):
        for z in range(W):
            for i, j in windows that reach to (y, z):
                for c in range(C):
                    dx[y, z, c] = update(dout[i, j, c], dx[y, z, c])

and is 5 times faster for windows of 3 x 3 at stride 2 and 32 channels, more than 100 times for 2 x 2 and one channel,
where the loop goes over single numbers. There are three ways along a row of pixels, from the fastest:

- One or three channels, windows 2 or 3 wide at stride 2: vectors hold the channels of several windows. What these give
  to the pixels in even columns and to those in odd ones is computed apart, and put together where it is written.
- Windows 3 wide at stride 2: two pixels at a time, with what was loaded of a window in registers for the next two.
- Else a pixel at a time, with loops over the windows that it is in.
"""

import itertools

from llvmlite import ir

from .vectors import INT32
from .windows import along_channels, array_pass, integers, load, rectangle, resized, window_size

INTERLEAVED_CHANNELS, INTERLEAVED_WIDTHS, STRIDE = (
    (1, 3),
    (2, 3),
    2,
)  # channels and widths of windows of the first way, and everyone's stride
KEPT_WIDTH, KEPT_ROWS = 3, (1, 2)  # width of windows, and rows of them that reach to a pixel, of the second way
UNROLLED_COUNTS = (1, 2, 3)  # windows down and across that the third way's loops are written out for


@array_pass
def from_largest(emit, dout, where, start, stop, rows, columns, dx):
    """(dout, where, start, stop, rows, columns, dx): rows of `dx`, from the windows whose maximum was there.

    The rows are those from `start` to `stop`; `dout` and `where` are an image's, (rows and columns of windows, C).
    ``dx[y, z, c] += dout[i, j, c] if where[i, j, c] == number else 0``: 5.2 and 136.
    """
    builder, numbers = emit.builder, integers(emit, where.dtype.bitwidth)

    def loaded(element, mask):
        return load(emit, dout, [element], mask) + load(numbers, where, [element], mask)

    def add(total, window, number):
        gradient, taken = window
        here = builder.icmp_unsigned("==", taken, numbers.broadcast(resized(builder, number, numbers.element)))
        return builder.select(here, builder.fadd(total, gradient), total)

    _Rows(emit, dout, rows, columns, dx, loaded, add, lambda total: total).go(start, stop)


@array_pass
def from_mean(emit, dout, start, stop, rows, columns, dx):
    """(dout, start, stop, rows, columns, dx): rows of `dx`, an even share of each window that they are in.

    ``dx[y, z, c] += dout[i, j, c]``, then ``dx[y, z, c] /= size``: 5.2 and 187.
    """
    size = window_size(emit, rows, columns)

    def loaded(element, mask):
        return load(emit, dout, [element], mask)

    def add(total, window, number):
        return emit.builder.fadd(total, *window)

    _Rows(emit, dout, rows, columns, dx, loaded, add, lambda total: emit.builder.fdiv(total, size)).go(start, stop)


class _Rows:
    """Rows of pixels of one image.

    Parameters
    ----------
    dout, dx : array
        Of the windows, and of the pixels, which are written.
    rows, columns : tuple
        (kernel_size, stride, padding).
    load : callable
        ``load(element, mask)`` is all that is needed of a vector of a window's channels, as a list of vectors;
        `element` is where these are in an array of the shape of `dout`.
    add : callable
        ``add(total, loaded, number)`` is the sum with what the window gives to its pixel of that number.
    finish : callable
        From a sum to what is written.
    """

    def __init__(self, emit, dout, rows, columns, dx, load, add, finish):
        self.emit, self.builder = emit, emit.builder
        self.rows, self.columns, self.dx = rows, columns, dx
        (self.height, self.count, self.channels), self.width = dout.shape, dx.shape[1]
        self.load, self.add, self.finish = load, add, finish
        self.zero = ir.Constant(emit.vector, None)

    def go(self, start, stop):
        """Through the rows from `start` to `stop`."""
        builder = self.builder
        done = builder.append_basic_block("rows_done")
        for channels, width in itertools.product(INTERLEAVED_CHANNELS, INTERLEAVED_WIDTHS):
            windows = [
                (length, number)
                for size, stride, _ in (self.rows, self.columns)
                for length, number in ((size, width), (stride, STRIDE))
            ]
            with builder.if_then(self._same((self.channels, channels), *windows)):
                self._interleaved(channels, width, start, stop)
                builder.branch(done)
        self.emit.loop(builder.sub(stop, start), 1, lambda r, _: self._row(builder.add(start, r)))
        builder.branch(done)
        builder.position_at_end(done)

    def _row(self, r):
        emit, builder = self.emit, self.builder
        size, stride, padding = self.columns
        one = emit.constant(1)
        self.r = r
        self.first, last = self._reaching(r, self.rows, self.height)
        self.down = builder.sub(last, self.first)
        # Pairs of pixels from column `left` to `right`, whose windows are all there.
        first = self._half(builder.add(padding, one))
        first = builder.select(builder.icmp_signed(">", first, one), first, one)
        last = self._half(builder.add(self.width, padding))
        last = builder.select(builder.icmp_signed("<", last, self.count), last, self.count)
        pairs = builder.sub(last, first)
        kept = builder.and_(
            self._same((size, KEPT_WIDTH), (stride, STRIDE)), builder.icmp_signed(">", pairs, emit.constant(0))
        )
        kept = builder.and_(kept, builder.or_(*(self._same((self.down, count)) for count in KEPT_ROWS)))
        pairs = builder.select(kept, pairs, emit.constant(0))
        for count in KEPT_ROWS:
            with builder.if_then(self._same((self.down, count))):
                self._in_pairs(first, pairs, count)
        left, right = (builder.select(kept, self._begin(j, self.columns), self.width) for j in (first, last))

        def rest(side, _):
            is_left = builder.icmp_signed("==", side, emit.constant(0))
            begin = builder.select(is_left, emit.constant(0), right)
            self._one_by_one(begin, builder.select(is_left, left, self.width))

        emit.loop(emit.constant(2), 1, rest)

    def _same(self, *pairs):
        same = [self.builder.icmp_signed("==", value, self.emit.constant(number)) for value, number in pairs]
        result = same[0]
        for condition in same[1:]:
            result = self.builder.and_(result, condition)
        return result

    def _half(self, value):
        return self.builder.ashr(value, self.emit.constant(1))

    def _begin(self, window, along):
        """Where a window of stride 2 begins."""
        return self.builder.sub(self.builder.mul(window, self.emit.constant(STRIDE)), along[2])

    def _reaching(self, pixel, along, count):
        """Which of `count` windows along an axis reach to `pixel`: the first, and the one after the last."""
        builder, (size, stride, padding) = self.builder, along
        position, one = builder.add(pixel, padding), self.emit.constant(1)
        first = builder.sdiv(builder.add(builder.sub(position, size), stride), stride)
        first = builder.select(builder.icmp_signed(">", first, self.emit.constant(0)), first, self.emit.constant(0))
        last = builder.add(builder.sdiv(position, stride), one)
        return first, builder.select(builder.icmp_signed("<", last, count), last, count)

    def _number(self, i, column):
        """Of this row's pixel in that column of a window of row `i`."""
        builder, (_, stride, padding) = self.builder, self.rows
        row = builder.sub(builder.add(self.r, padding), builder.mul(i, stride))
        return builder.add(builder.mul(row, self.columns[0]), column)

    def _element(self, i, j):
        """Where the channels of window (i, j) are."""
        builder = self.builder
        return builder.mul(builder.add(builder.mul(i, self.count), j), self.channels)

    def _store(self, total, column, channel, mask):
        builder, emit = self.builder, self.emit
        pixel = builder.add(builder.mul(self.r, self.width), column)
        element = builder.add(builder.mul(pixel, self.channels), channel)
        emit.store(self.finish(total), emit.moved(self.dx.data, emit.elements(element)), mask)

    def _one_by_one(self, start, stop):
        builder, emit = self.builder, self.emit
        size, stride, padding = self.columns
        reached = self._reaching(start, self.columns, self.count)

        def pixel(offset, vectors, mask, reached):
            column, (begun, ahead) = builder.add(start, offset), reached

            def visit(i, j, sums):
                i, j = builder.add(self.first, i), builder.add(begun, j)
                number = self._number(i, builder.sub(builder.add(column, padding), builder.mul(j, stride)))
                element = self._element(i, j)
                windows = [self.load(builder.add(element, channel), mask) for channel in vectors]
                sums = sums or [self.zero] * len(vectors)
                return [self.add(total, window, number) for total, window in zip(sums, windows, strict=True)]

            across = builder.sub(ahead, begun)
            sums = rectangle(emit, self.down, across, UNROLLED_COUNTS, visit, [self.zero] * len(vectors))
            for channel, total in zip(vectors, sums, strict=True):
                self._store(total, column, channel, mask)
            # Of the next pixel: whether the first window ends here, and whether one more begins.
            following = builder.add(builder.add(column, padding), emit.constant(1))
            ends = builder.icmp_signed("<=", builder.add(builder.mul(begun, stride), size), following)
            begins = builder.icmp_signed("<=", builder.mul(ahead, stride), following)
            begins = builder.and_(begins, builder.icmp_signed("<", ahead, self.count))
            return [builder.add(n, builder.zext(more, emit.index)) for n, more in ((begun, ends), (ahead, begins))]

        along_channels(emit, self.channels, builder.sub(stop, start), pixel, lambda vectors, mask: reached)

    def _in_pairs(self, first, pairs, down):
        """Windows 3 wide at stride 2, of which each gives to its own two pixels and to the first of the next two."""
        builder, emit = self.builder, self.emit
        rows = [builder.add(self.first, emit.constant(i)) for i in range(down)]
        numbers = [[self._number(i, emit.constant(column)) for column in range(KEPT_WIDTH)] for i in rows]

        def windows(j, vectors, mask):
            return [
                part
                for channel in vectors
                for i in rows
                for part in self.load(builder.add(self._element(i, j), channel), mask)
            ]

        def pair(offset, vectors, mask, before):
            j = builder.add(first, offset)
            column, here = self._begin(j, self.columns), windows(j, vectors, mask)
            parts = len(here) // (len(vectors) * down)
            for v, channel in enumerate(vectors):
                even, odd = self.zero, self.zero
                for i in range(down):
                    own = slice((v * down + i) * parts, (v * down + i + 1) * parts)
                    even = self.add(even, before[own], numbers[i][2])
                    even = self.add(even, here[own], numbers[i][0])
                    odd = self.add(odd, here[own], numbers[i][1])
                self._store(even, column, channel, mask)
                self._store(odd, builder.add(column, emit.constant(1)), channel, mask)
            return here

        def begin(vectors, mask):
            return windows(builder.sub(first, emit.constant(1)), vectors, mask)

        along_channels(emit, self.channels, pairs, pair, begin)

    def _interleaved(self, channels, width, start, stop):
        """So many channels, windows so wide and high at stride 2: two rows and two columns of pixels for each."""
        builder, emit = self.builder, self.emit
        together = emit.lanes // channels  # windows in a vector
        lanes = together * channels
        behind = range((width + 1) // STRIDE - 1, -1, -1)  # windows before a pixel's own that also reach to it
        row_of_windows, row_of_pixels = (
            builder.mul(length, emit.constant(channels)) for length in (self.count, self.width)
        )

        def only_where(inside, count):
            return builder.select(inside, count, emit.constant(0))

        def some(i, j):
            window = builder.mul(j, emit.constant(channels))  # the element that the first begins at
            sums = [[self.zero] * STRIDE for _ in range(STRIDE)]
            for above in behind:
                row = builder.sub(i, emit.constant(above))
                count = only_where(builder.icmp_unsigned("<", row, self.height), row_of_windows)
                for before in behind:
                    element = builder.sub(window, emit.constant(before * channels))
                    mask = emit.mask_within(element, count, lanes)
                    loaded = self.load(builder.add(builder.mul(row, row_of_windows), element), mask)
                    for r, c in itertools.product(range(STRIDE), repeat=2):
                        down, across = above * STRIDE + r, before * STRIDE + c
                        if down < width and across < width:
                            sums[r][c] = self.add(sums[r][c], loaded, emit.constant(down * width + across))
            pixel = builder.mul(self._begin(j, self.columns), emit.constant(channels))
            for r, totals in enumerate(sums):
                row = builder.add(self._begin(i, self.rows), emit.constant(r))
                ours = builder.and_(builder.icmp_signed(">=", row, start), builder.icmp_signed("<", row, stop))
                count, totals = only_where(ours, row_of_pixels), [self.finish(total) for total in totals]
                for v in range(STRIDE):
                    element = builder.add(pixel, emit.constant(v * emit.lanes))
                    mask = emit.mask_within(element, count, min(emit.lanes, STRIDE * lanes - v * emit.lanes))
                    vector = builder.shuffle_vector(
                        *totals, _interleaved_lanes(v * emit.lanes, emit.lanes, channels, together)
                    )
                    element = builder.add(builder.mul(row, row_of_pixels), element)
                    emit.store(vector, emit.moved(self.dx.data, emit.elements(element)), mask)

        first = self._half(builder.add(start, self.rows[2]))
        last = self._half(builder.add(builder.add(stop, self.rows[2]), emit.constant(1)))
        across = self._half(builder.add(builder.add(self.width, self.columns[2]), emit.constant(1)))

        def row(i, _):
            emit.loop(across, together, lambda j, _: some(builder.add(first, i), j))

        emit.loop(builder.sub(last, first), 1, row)


def _interleaved_lanes(first, lanes, channels, together):
    """Where the elements of pixels, from `first` on, are in two vectors: of `together` even pixels, and of odd ones."""
    chosen = []
    for element in range(first, first + lanes):
        column, channel = divmod(element, channels)
        window, parity = divmod(column, STRIDE)
        chosen.append(parity * lanes + window * channels + channel if window < together else 0)
    return ir.Constant(ir.VectorType(INT32, lanes), chosen)
