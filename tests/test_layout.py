"""Changes of layout and sums of two: examples by hand, which tests/test_known_values.py tries."""

import numpy as np

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
    # two channels of three pixels
    ("channels_last", [[[[1, 2, 3], [10, 20, 30]]]], {"out": [[[1, 10], [2, 20], [3, 30]]]}),
    ("channels_first", [[[[1, 10], [2, 20], [3, 30]]]], {"out": [[[1, 2, 3], [10, 20, 30]]]}),
    (
        "copy_columns",
        [[[1, 2, 3], [10, 20, 30]], 1, 2, [[7, 8, 9, 0], [7, 8, 9, 0]], 0],
        {"out": [[2, 3, 9, 0], [20, 30, 9, 0]]},
    ),
    ("copy_columns", [[[1, 2, 3], [10, 20, 30]], 0, 1, [[7, 8], [7, 8]], 1], {"out": [[7, 1], [7, 10]]}),
    ("repeat_rows", [[[1, 2], [3, 4]]], {"out": [[1, 2], [1, 2], [1, 2], [3, 4], [3, 4], [3, 4]]}),
    ("repeat_labels", [np.array([5, 7])], {"out": np.array([5, 5, 7, 7])}),
    ("add", [[1, -2], [10, 20]], {"out": [11, 18]}),
]
