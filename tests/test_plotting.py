"""Images of weights, each pixel computed here by hand."""

import numpy as np

import numbanet
from numbanet import plotting


def small(image, times):
    """The image before each pixel became a square of `times` pixels."""
    whole = image[::times, ::times]
    np.testing.assert_array_equal(image, whole.repeat(times, axis=0).repeat(times, axis=1))
    return whole


def test_the_filters_of_an_affine_layer_are_its_columns():
    """On 2 x 3 pixels: unit 1 sees 0 to 5, in fifths; unit 2 the same backwards; unit 3 one pixel; unit 4 all alike."""
    rising = np.arange(6.0)
    weights = np.stack([10 * rising - 7, -rising, np.eye(6)[4], np.full(6, 3.0)], axis=1)
    fifths = np.array([[0, 51, 102], [153, 204, 255]])
    expected = np.empty((5, 7, 3), int)
    expected[:] = plotting.BETWEEN
    for top, left, grey in (
        (0, 0, fifths),
        (0, 4, 255 - fifths),
        (3, 0, [[0, 0, 0], [0, 255, 0]]),
        (3, 4, np.zeros((2, 3))),
    ):
        expected[top : top + 2, left : left + 3] = np.asarray(grey)[..., None]
    flat = numbanet.FullyConnectedNet([4], 6, 3, dtype=np.float64, seed=0)
    flat.params["W1"][...] = weights
    images = numbanet.Sequential([numbanet.Affine(4), numbanet.ReLU(), numbanet.Affine(3)], (1, 2, 3), seed=0)
    images.params["W1"][...] = weights
    times = plotting.SIDE // 7
    for drawn in (plotting.filters(flat, (2, 3)), plotting.filters(flat, (1, 2, 3)), plotting.filters(images)):
        np.testing.assert_array_equal(small(drawn, times), expected)


def test_the_filters_of_an_affine_layer_on_colours():
    """One unit that sees images of 3 colours, 1 x 2 pixels: colours are the planes of the input, scaled together."""
    net = numbanet.FullyConnectedNet([1], 6, 3, dtype=np.float64, seed=0)
    net.params["W1"][:, 0] = [0, 1, 2, 3, 4, 5]  # red, red, green, green, blue, blue
    drawn = small(plotting.filters(net, (3, 1, 2)), plotting.SIDE // 2)
    np.testing.assert_array_equal(drawn, [[[0, 102, 204], [51, 153, 255]]])


def test_the_filters_of_a_convolution():
    """Two filters of 1 x 3 on one channel side by side; on two channels, a row for each filter."""
    net = numbanet.Sequential(
        [numbanet.Conv(2, (1, 3), padding="same"), numbanet.Flatten(), numbanet.Affine(2)], (1, 1, 3)
    )
    net.params["W1"][...] = np.array([[0, 5, 10], [4, 2, 0]]).reshape(2, 1, 1, 3)
    drawn = small(plotting.filters(net), plotting.SIDE // 7)[..., 0]
    np.testing.assert_array_equal(drawn, [[0, 128, 255, plotting.BETWEEN[0], 255, 128, 0]])
    net = numbanet.Sequential(
        [numbanet.Conv(3, (1, 3), padding="same"), numbanet.Flatten(), numbanet.Affine(2)], (2, 1, 3)
    )
    filters = [[[0, 5, 10], [4, 2, 0]], [[1, 1, 3], [0, 0, 1]], [[0, 1, 0], [1, 0, 0]]]
    net.params["W1"][...] = np.array(filters).reshape(3, 2, 1, 3)
    drawn = small(plotting.filters(net), plotting.SIDE // 7)[..., 0]
    between = plotting.BETWEEN[0]
    rows = [[0, 128, 255, between, 255, 128, 0], [0, 0, 255, between, 0, 0, 255], [0, 255, 0, between, 255, 0, 0]]
    np.testing.assert_array_equal(drawn[::2], rows)
    np.testing.assert_array_equal(drawn[1::2], np.full((2, 7), between))
