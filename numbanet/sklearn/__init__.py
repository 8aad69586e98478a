"""Estimators for scikit-learn: its MLP, trained by numbanet, and any network of numbanet's.

`TabularClassifier` and `TabularRegressor` take tables as they are; `MLPClassifier` and `MLPRegressor` take the place of
scikit-learn's, by name, parameters and attributes; `NetClassifier` and `NetRegressor` train any list of layers. Needs
scikit-learn 1.6 or later, the extra `sklearn`.
"""

from importlib.util import find_spec

from ..errors import MissingExtraError

if find_spec("sklearn") is None:
    raise MissingExtraError("numbanet.sklearn needs scikit-learn 1.6 or later; it comes with the extra 'sklearn'")

from ._classifier import MLPClassifier
from ._nets import NetClassifier, NetRegressor
from ._regressor import MLPRegressor
from ._tables import TabularClassifier, TabularRegressor

__all__ = [
    "MLPClassifier",
    "MLPRegressor",
    "NetClassifier",
    "NetRegressor",
    "TabularClassifier",
    "TabularRegressor",
]
