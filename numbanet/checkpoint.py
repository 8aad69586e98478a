"""Networks in files (`_archive`): what is stored of them, and how they are set up again; also of states of training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import _archive
from ._checks import mapping
from ._declarations import described
from ._exclusive import exclusively
from .data import Standardizer, TargetScaler
from .errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ._types import Array, ArrayLike, FloatArray, StrPath
    from .models import Sequential
    from .tabular import TableModel


MODEL, TABLE, STATE = "model", "table model", "state of training"  # the kinds of files
RUN_MODEL = "model.npz"  # the network in the folder of a run
METHODS = ("loss", "train_batch", "predict", "predict_proba", "score", "evaluate")  # that decide what a network gives
AVERAGE = "optimizer/average"  # of the parameters, in a state of training
SCALERS: Any = {"standardizer": Standardizer, "target_scaler": TargetScaler}  # by attribute


def describe_model(model: Sequential) -> dict[str, Any]:
    """What it takes to build a network again, besides its arrays; initializers are left out: values are stored.

    Raises
    ------
    TypeError
        For layers and losses of a user's own with options that no file can hold.
    """
    return {
        "layers": [described(layer) for layer in model.layers],
        "input_shape": list(model.input_shape),
        "loss": described(model.training_loss),
        "l2": model.l2,
        **({"l2_divided": True} if model.l2_divided else {}),
        "dtype": model.dtype.name,
        "seed": model.seed,
        **({"own methods": own} if (own := [name for name in METHODS if model.overrides(name)]) else {}),
    }


def save_model(
    path: StrPath,
    model: Sequential,
    extra: Mapping[str, Any] | None = None,
    extra_arrays: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write a network; see `numbanet.Sequential.save`."""
    arrays = {**_copies(model), **_extra_arrays(extra_arrays)}
    _archive.write(path, MODEL, {"model": describe_model(model), "extra": _named(model, extra)}, arrays)


def save_table_model(
    path: StrPath,
    model: TableModel,
    extra: Mapping[str, Any] | None = None,
    extra_arrays: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write a model of a table; see `numbanet.tabular.TableModel.save`."""
    preprocessor, learnt = model.preprocessor.to_state()
    arrays = {f"preprocessor/{name}": array for name, array in learnt.items()}
    for place, network in enumerate(model.networks):
        arrays.update((f"{place}/{name}", array) for name, array in _copies(network).items())
    header = {
        "preprocessor": preprocessor,
        "networks": [describe_model(network) for network in model.networks],
        "recipe": None if model.recipe is None else model.recipe.description,
        "extra": _named(model, extra),
    }
    _archive.write(path, TABLE, header, {**arrays, **_extra_arrays(extra_arrays)})


def _named(model: Sequential | TableModel, extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """What else belongs to a model, the names of its classes and features among it."""
    names = {"class_names": model.class_names, "feature_names": model.feature_names}
    return {**{name: list(value) for name, value in names.items() if value is not None}, **(extra or {})}


def _extra_arrays(arrays: Mapping[str, ArrayLike] | None) -> dict[str, Any]:
    return {f"extra/{name}": array for name, array in (arrays or {}).items()}


@exclusively
def _copies(model: Sequential) -> Any:
    """Copies of a network's arrays, all of the same moment between two steps of training, and those of its scalers."""
    return {**{name: array.copy() for name, array in network_arrays(model).items()}, **scaler_arrays(model)}


def network_arrays(model: Sequential) -> dict[str, Array]:
    """The arrays that make up a network, by the names they have in files."""
    arrays = {f"param/{name}": view for name, view in model.params.items()}
    arrays.update((f"state/{name}", view) for name, view in model.state.items())
    arrays["random_keys"] = model.random_keys
    return arrays


def scaler_arrays(model: Sequential, *names: str) -> dict[str, FloatArray]:
    """The arrays of a network's scalers, or of those of these names, by the names they have in files."""
    scalers = {name: getattr(model, name) for name in names or SCALERS}
    return {
        f"{name}/{part}": array
        for name, scaler in scalers.items()
        if scaler is not None
        for part, array in scaler.to_arrays().items()
    }


def take_scalers(model: Sequential, arrays: Mapping[str, Array]) -> None:
    """Give a network the scalers that are in a file; ValueError or TypeError where one is damaged."""
    for name, kind in SCALERS.items():
        parts = {each.removeprefix(f"{name}/"): array for each, array in arrays.items() if each.startswith(f"{name}/")}
        setattr(model, name, kind.from_arrays(parts) if parts else None)


def model_file(path: StrPath) -> Path:
    """The file of a network: `path` itself, or the one in the folder of a run."""
    path = Path(path)
    if not path.is_dir():
        return path
    if not (path / RUN_MODEL).is_file():
        raise CheckpointError(f"{path}: a folder without {RUN_MODEL}; expected a file, or a folder of numbanet train")
    return path / RUN_MODEL


def stored_network(
    header: Mapping[str, Any], arrays: Mapping[str, Array], path: StrPath
) -> tuple[dict[str, Any], Mapping[str, Any], Mapping[str, Array]]:
    """What a file of either kind says of a network: (description, extra, arrays by their names in a model's file).

    Of a state of training it is the network that was best so far, or the last where none had been measured, and of that
    the average where one is kept.
    """
    if header["kind"] == MODEL:
        return header["model"], mapping("extra", header["extra"], "what was saved with the network"), arrays
    identity = header["identity"]
    for scaler in SCALERS:
        if identity.get(scaler, "None") != "None" and not any(name.startswith(f"{scaler}/") for name in arrays):
            raise CheckpointError(
                f"{path}: a state of training without its {scaler}; use Solver.restore on the model and data it is of"
            )
    best = {name.removeprefix("best/"): array for name, array in arrays.items() if name.startswith("best/")}
    places = {name: f"param/{name}" if f"param/{name}" in arrays else f"state/{name}" for name in best}
    if best or header.get("exchanged") or not header.get("t"):  # or there is no average yet
        arrays = {name: array for name, array in arrays.items() if name != AVERAGE}
    return identity["model"], {}, {**arrays, **{places[name]: array for name, array in best.items()}}


def stored_names(extra: Mapping[str, Any], name: str, count: int | None = None) -> tuple[str, ...] | None:
    """Names that were saved with a network, as a tuple; None where there are none, or not `count`."""
    names: Any = extra.get(name)
    fits = isinstance(names, list) and all(isinstance(each, str) for each in names)
    return tuple(names) if fits and count in (None, len(names)) else None


def fill(targets: Mapping[str, Array], arrays: Mapping[str, Array], path: StrPath) -> None:
    """Copy the arrays of a file into those of the same names, all of which must be there; nothing is left half done."""
    check_arrays(targets, arrays, path)
    for name, target in targets.items():
        target[...] = arrays[name]


def check_arrays(targets: Mapping[str, Array], arrays: Mapping[str, Array], path: StrPath) -> None:
    """Ask that the arrays of a file have the names, shapes and dtypes of `targets`."""
    for name, target in targets.items():
        if name not in arrays or arrays[name].shape != target.shape or arrays[name].dtype != target.dtype:
            found = "nothing" if name not in arrays else f"{arrays[name].dtype} of shape {arrays[name].shape}"
            raise CheckpointError(f"{path}: {name}: expected {target.dtype} of shape {target.shape}, found {found}")
