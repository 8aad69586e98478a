"""Faults in what several threads share, and in who computes where."""

from tests.mutants import Mutant

MUTANTS = [
    Mutant(
        "two calls get one workspace",
        "numbanet/workspaces.py",
        "        return self._after_training(workspace) if self.trainer else workspace\n",
        "        self.homes[workspace.alone].append(workspace)\n        return workspace\n",
        "tests/test_concurrency.py::test_predictions_at_once_are_those_made_alone",
    ),
    Mutant(
        "predictions do not wait for the end of a step",
        "numbanet/workspaces.py",
        "return self._after_training(workspace) if self.trainer else workspace",
        "return workspace",
        "tests/test_concurrency.py::test_training_is_not_touched_and_predictions_are_of_whole_steps",
    ),
    Mutant(
        "training does not wait for predictions that are under way",
        "numbanet/workspaces.py",
        "if len(self._mains) + len(self._others) >= len(self._made):",
        "if True:",
        "tests/test_concurrency.py::test_training_is_not_touched_and_predictions_are_of_whole_steps",
    ),
    Mutant(
        "a second Solver may train the same network",
        "numbanet/workspaces.py",
        'if self._claims.setdefault("by", who) is not who:',
        "if False:",
        "tests/test_concurrency.py::test_two_trainings_of_one_network_are_refused",
    ),
    Mutant(
        "a compiled loop of steps does not look whether others wait",
        "numbanet/program/steps.py",
        "self._cells, history, wanted)",
        "self._cells, history, np.zeros(1, np.int64))",
        "tests/test_concurrency.py::test_a_loop_of_steps_pauses_for_who_waits",
    ),
    Mutant(
        "setting a standardizer leaves programs bound to the old one",
        "numbanet/models.py",
        "        setattr(self, name, value)\n        self.workspaces.forget()",
        "        setattr(self, name, value)",
        "tests/test_concurrency.py tests/test_models.py::test_a_network_that_standardises_takes_examples_as_they_come "
        "tests/test_checkpoint.py",
    ),
    Mutant(
        "a program keeps its network",
        "numbanet/program/run.py",
        "self._model, self.batch, self.training = weakref.ref(model), batch, training",
        "self._model, self.batch, self.training = (lambda: model), batch, training",
        "tests/test_concurrency.py::test_a_network_that_was_used_goes_with_its_last_name",
    ),
    Mutant(
        "an operation is shared for any gain",
        "numbanet/runtime/sharing.py",
        "SAVED * meeting_nanoseconds(count)",
        "meeting_nanoseconds(count)",
        "tests/test_threads.py::test_an_operation_is_shared_where_that_saves_twice_what_a_meeting_costs",
    ),
]
