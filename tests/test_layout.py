"""Changes of layout and sums of two: examples by hand, which tests/test_known_values.py tries."""

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
    # two channels of three pixels
    ("channels_last", [[[[1, 2, 3], [10, 20, 30]]]], {"out": [[[1, 10], [2, 20], [3, 30]]]}),
    ("channels_first", [[[[1, 10], [2, 20], [3, 30]]]], {"out": [[[1, 2, 3], [10, 20, 30]]]}),
    ("add", [[1, -2], [10, 20]], {"out": [11, 18]}),
]
