"""The estimators for scikit-learn."""

from tests.mutants import Mutant

PARITY = "tests/test_sklearn.py::test_learns_what_theirs_learns"
TOOLS = "tests/test_sklearn_tools.py"


def _mutant(what, file, old, new, test):
    return Mutant(what, f"numbanet/sklearn/{file}.py", old, new, test)


MUTANTS = [
    _mutant("alpha is not scaled with the loss", "_mlp", "self.alpha / scale.gradient", "self.alpha", PARITY),
    _mutant("no loss's penalty is divided", "_network", "l2_divided=True, ", "", PARITY),
    _mutant("SGD's rate is not scaled", "_training", "rate * scale.gradient}", "rate}", PARITY),
    _mutant(
        "biases are 0 at first",
        "_network",
        "intercept[...] = rng.uniform(-bound, bound, intercept.shape)",
        "pass",
        PARITY,
    ),
    _mutant("the logistic function draws as others do", "_network", "factor = 2.0 if", "factor = 6.0 if", PARITY),
    _mutant(
        "every epoch begins with the order of the rows",
        "_training",
        "self._rows[self._rng.permutation(count)]",
        "self._rng.permutation(count)",
        PARITY,
    ),
    _mutant("the split is not stratified", "_mlp", "stratify=stratify)", "stratify=None)", f"{PARITY}[two-early-]"),
    _mutant(
        "the last weights are kept",
        "_stopping",
        "if self._best is not None:",
        "if False:",
        "tests/test_sklearn.py::test_validation_data_of_ones_own_decide",
    ),
    _mutant(
        "training stops an epoch early",
        "_stopping",
        "_no_improvement_count > estimator",
        "_no_improvement_count >= estimator",
        "tests/test_sklearn.py::test_adaptive_learning_rate_stops_as_theirs_does",
    ),
    _mutant(
        "a step of a network waits for other threads",
        "_threads",
        "        return alone()\n    return prediction",
        "        pass\n    return prediction",
        f"{TOOLS}::test_a_fit_in_another_thread_has_one_thread",
    ),
    _mutant(
        "one wide regressor is flattened",
        "_onnx",
        "desired_shape=(-1, estimator.n_outputs_)",
        "desired_shape=(-1, 1)",
        f"{TOOLS}::TestOnnx::test_regressor",
    ),
    _mutant(
        "callbacks get the network that is trained on",
        "_monitoring",
        "copy.deepcopy(network)",
        "self._estimator._network.__class__",
        f"{TOOLS}::test_callbacks_of_scikit_learn",
    ),
    _mutant(
        "examples that are kept are not replaced",
        "_training",
        "        self._X[...] = X\n",
        "",
        "tests/test_sklearn.py::test_partial_fit_with_and_without_a_kept_place_for_the_examples",
    ),
    _mutant(
        "pickles hold the momentum's rate alone",
        "_training",
        "            self.solver._update.state = estimator._optimizer.state\n",
        "            pass\n",
        "tests/test_sklearn.py::test_partial_fit_goes_on_where_theirs_does",
    ),
    _mutant(
        "weights of classes do not multiply",
        "_labels",
        "by_class if sample_weight is None else by_class * sample_weight",
        "sample_weight",
        "tests/test_sklearn.py::test_weights_of_classes_are_those_of_their_examples",
    ),
]
