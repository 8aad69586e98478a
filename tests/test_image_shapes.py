"""The checks of windows over images that convolution and pooling share."""

import numpy as np
import pytest

from numbanet._image_shapes import pair, pooling, windows


@pytest.mark.parametrize(
    ("value", "expected"), [(3, (3, 3)), (np.int64(2), (2, 2)), ((1, 2), (1, 2)), ([4, np.uint8(5)], (4, 5))]
)
def test_an_integer_or_two(value, expected):
    got = pair("stride", value, 1)
    assert got == expected
    assert all(type(number) is int for number in got)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, r"stride: expected an integer of at least 1, got 0"),
        ((2, 0), ValueError, r"stride\[1\]: expected an integer of at least 1, got 0"),
        ((1, 2, 3), ValueError, r"stride: expected an integer or a pair \(rows, columns\), got tuple \(1, 2, 3\)"),
        ([], ValueError, r"stride: expected an integer or a pair \(rows, columns\), got list \[\]"),
        (2.0, TypeError, r"stride: expected an integer, got float 2.0"),
        ((1, None), TypeError, r"stride\[1\]: expected an integer, got NoneType None"),
        ("12", TypeError, r"stride: expected an integer, got str '12'"),
        (True, TypeError, r"stride: expected an integer, got bool True"),
    ],
)
def test_what_is_no_pair(value, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        pair("stride", value, 1)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (((32, 32), (2, 2), (2, 2), (0, 0)), (16, 16)),
        (((7, 9), (3, 3), (2, 1), (1, 0)), (4, 7)),
        (((5, 5), (3, 1), (1, 1), (0, 0), (2, 7)), (1, 5)),  # a window of one column has nothing to spread
        (((2, 3), (4, 5), (9, 9), (1, 1)), (1, 1)),  # as large as the padded image
    ],
)
def test_how_many_windows_fit(arguments, expected):
    assert windows("x", *arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((2, 5), (3, 3), (1, 1), (0, 0)), "x: a window of 3 x 3 does not fit into an image of 2 x 5"),
        (
            ((5, 2), (3, 5), (1, 1), (1, 1)),
            "x: a window of 3 x 5 does not fit into an image of 7 x 4 (5 x 2 with padding 1 x 1)",
        ),
        (
            ((5, 4), (3, 3), (1, 1), (0, 0), (1, 2)),
            "x: a window of 3 x 5 (3 x 3 at dilation 1 x 2) does not fit into an image of 5 x 4",
        ),
    ],
)
def test_a_window_larger_than_the_image(arguments, message):
    with pytest.raises(ValueError, match="^x: ") as refused:
        windows("x", *arguments)
    assert str(refused.value) == message


def test_arguments_of_pooling():
    assert pooling(2) == ((2, 2), (2, 2), (0, 0))
    assert pooling((3, 2), 1, (1, 0)) == ((3, 2), (1, 1), (1, 0))
    for padding in (2, (0, 2)):
        with pytest.raises(ValueError, match="^padding: expected at most half of kernel_size, 3 x 3, got "):
            pooling(3, padding=padding)
    with pytest.raises(ValueError, match="^stride: "):
        pooling(2, stride=0)
