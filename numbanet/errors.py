"""The exceptions numbanet adds to Python's own; each is also the built-in a caller would expect to catch."""


class DataError(ValueError):
    """A data file or data set that cannot be used: missing, truncated, corrupt, or not what it claims to be."""


class CheckpointError(ValueError):
    """A saved model or training state that cannot be read: missing, corrupt, or written by something else."""


class SettingError(RuntimeError):
    """An environment variable, such as NUMBA_THREADING_LAYER, asks for what cannot be, or numba will not do."""


class MissingExtraError(ImportError):
    """A library that numbanet has as an optional extra is not installed. The message names the extra."""


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite. The message names the step, the layer and the learning rate."""
