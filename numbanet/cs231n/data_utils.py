"""The course's ``data_utils.py``: CIFAR-10."""

import os
from pathlib import Path

import numpy as np

from numbanet import data
from numbanet._checks import integer
from numbanet.errors import DataError

__all__ = ["get_CIFAR10_data", "load_CIFAR10", "load_CIFAR_batch"]

COURSE_FOLDER = Path("cs231n/datasets/cifar-10-batches-py")
VARIABLE = "NUMBANET_DATA"


def load_CIFAR_batch(filename):
    """Read one batch, such as ``data_batch_1``.

    Parameters
    ----------
    filename : str or path

    Returns
    -------
    X : ndarray of float64, shape (N, 32, 32, 3)
        From 0 to 255.
    Y : ndarray of int64, shape (N,)

    Raises
    ------
    DataError
        For a file that is missing, damaged or something else.
    """
    X, Y = data.read_batch(filename)
    return _channels_last(X), Y


def load_CIFAR10(ROOT):
    """Read all batches of a folder: Xtr, Ytr, Xte, Yte, as `load_CIFAR_batch` gives them.

    Raises
    ------
    DataError
        Where the folder or a batch is missing or damaged.
    """
    train, test = data.load_cifar10(ROOT)
    return _channels_last(train.X), train.y, _channels_last(test.X), test.y


def get_CIFAR10_data(num_training=49000, num_validation=1000, num_test=1000, subtract_mean=True):
    """CIFAR-10 as the notebooks use it.

    The files are looked for in ``cs231n/datasets/cifar-10-batches-py`` below the working directory, then in the folder
    named by the environment variable NUMBANET_DATA or in ``cifar-10-batches-py`` inside it.

    Parameters
    ----------
    num_training, num_validation, num_test : int
        How many images; those for validation follow those for training.
    subtract_mean : bool
        Subtract the mean of the training images from all.

    Returns
    -------
    dict
        ``X_train``, ``X_val``, ``X_test``: float64, shape (N, 3, 32, 32); ``y_train``, ``y_val``, ``y_test``: int64.

    Raises
    ------
    DataError
        Where the files are not found, or damaged.
    ValueError
        Where there are fewer images than asked for.
    """
    train, test = data.load_cifar10(_folder())
    first = integer("num_training", num_training, 1, len(train))
    last = first + integer("num_validation", num_validation, 0, len(train) - first)
    num_test = integer("num_test", num_test, 0, len(test))
    parts = {"train": (train, slice(first)), "val": (train, slice(first, last)), "test": (test, slice(num_test))}
    result = {}
    for name, (dataset, rows) in parts.items():
        result[f"X_{name}"] = dataset.X[rows].astype(np.float64)
        result[f"y_{name}"] = dataset.y[rows]
    if subtract_mean:
        mean = result["X_train"].mean(axis=0)
        for name in parts:
            result[f"X_{name}"] -= mean
    return result


def _channels_last(X):
    return X.transpose(0, 2, 3, 1).astype(np.float64)


def _folder():
    named = os.environ.get(VARIABLE)
    if COURSE_FOLDER.is_dir():
        return COURSE_FOLDER
    if named and Path(named).is_dir():
        return named
    raise DataError(
        f"CIFAR-10: found neither {COURSE_FOLDER.absolute()} nor the folder named by the environment variable "
        f"{VARIABLE}, which is {named or 'not set'}; see https://www.cs.toronto.edu/~kriz/cifar.html"
    )
