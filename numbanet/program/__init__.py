"""A network lowered for one batch size: its buffers, and the list of operations bound to them.

Lowering happens once (`build`). A step is then a walk down the list (`run`, and `steps` for whole steps of training):
nothing is checked, chosen or allocated. Arrays that are never needed at the same time lie in the same memory
(`memory`), which all programs of a network share. `diagnose` says what a program holds, and where a number went wrong.
"""

from .build import PLAIN, Form, Lowering, form_of
from .run import Program
from .steps import TrainingSteps, training_steps

__all__ = ["PLAIN", "Form", "Lowering", "Program", "TrainingSteps", "form_of", "training_steps"]
