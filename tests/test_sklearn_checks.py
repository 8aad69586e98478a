"""scikit-learn's checks of estimators: ours fail none, as its own MLPs with the same settings."""

import pytest

pytest.importorskip("sklearn", "1.6")

from sklearn import neural_network as theirs
from sklearn.utils.estimator_checks import check_estimator

from numbanet.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor

pytestmark = pytest.mark.filterwarnings("default")

OURS = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}
FAST = {"optimizer_options": {"learning_rate": 0.01}, "epochs": 60}  # of networks, which train for 4,000 steps else


def failures(estimator):
    """Names of the checks that fail."""
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert len(results) > 50
    return {result["check_name"] for result in results if result["status"] not in ("passed", "skipped")}


ROUNDED = "check_classifiers_multilabel_output_format_predict_proba"  # wants them below 1
SETTINGS = [  # and the checks that scikit-learn's own MLP fails with them
    ("MLPClassifier", {"max_iter": 100}, set()),  # as scikit-learn has it for these checks
    ("MLPRegressor", {"max_iter": 100}, set()),
    ("MLPClassifier", {"solver": "lbfgs"}, {ROUNDED}),  # as it runs the check of weights
    ("MLPRegressor", {"solver": "sgd", "tol": 1e-2, "random_state": 42, "max_iter": 100}, {"check_regressors_train"}),
]


@pytest.mark.parametrize(("name", "settings", "expected"), SETTINGS)
def test_ours_fail_no_check_that_theirs_do_not(name, settings, expected):
    assert failures(getattr(theirs, name)(**settings)) == expected
    assert failures(OURS[name](**settings)) <= expected


@pytest.mark.parametrize("estimator", [NetClassifier(**FAST), NetRegressor(**FAST)], ids=str)
def test_networks_fail_no_check(estimator):
    assert failures(estimator) == set()


def test_with_options_of_our_own():
    options = {"dropout": 0.1, "normalization": "layernorm", "random_state": 0}
    failed = failures(MLPClassifier(max_iter=60, learning_rate_init=0.01, **options))
    # A repeated example has another mask than one that counts twice.
    assert failed == {f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, NetClassifier, NetRegressor])
def test_defaults_fail_no_check(kind):
    assert failures(kind()) == set()
