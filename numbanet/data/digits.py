"""The data set that comes with the package: see digits.README.md beside this file for where it is from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from numbanet.data.dataset import Dataset


def load_digits() -> Dataset:
    """The 1,797 handwritten digits of the UCI "Optical Recognition of Handwritten Digits" test set.

    Returns
    -------
    Dataset
        X uint8 of shape (1797, 8, 8) with values from 0 to 16; y the digit, 0 to 9.
    """
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as arrays:
        return Dataset(arrays["X"], arrays["y"], class_names=tuple("0123456789"), name="digits")
