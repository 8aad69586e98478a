"""Conversion to ONNX by skl2onnx, which asks a model for its converter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from sklearn.base import is_classifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Convertible:
    """What skl2onnx asks of an MLP; its own converters read the attributes that are called as scikit-learn's."""

    def onnx_parser(self) -> None:
        """Called first: tells skl2onnx which options there are. Probabilities are an array, whatever `zipmap` says."""
        from skl2onnx import update_registered_converter

        options = {"zipmap": [True, False], "nocl": [True, False]} if is_classifier(self) else None
        update_registered_converter(
            type(self),
            f"Numbanet{type(self).__name__}",
            self.onnx_shape_calculator(),
            self.onnx_converter(),
            parser=_parsed,
            options=options,
        )

    def onnx_converter(self) -> Callable[..., None]:
        """What writes the estimator as ONNX: a function of (scope, operator, container)."""
        _check(self)
        if not is_classifier(self):
            return _converted
        from skl2onnx.operator_converters.multilayer_perceptron import convert_sklearn_mlp_classifier

        return convert_sklearn_mlp_classifier

    def onnx_shape_calculator(self) -> Callable[..., None]:
        """What tells the shapes of its outputs: a function of the operator."""
        if is_classifier(self):
            from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

            return calculate_linear_classifier_output_shapes
        return _shapes


def _check(estimator: Any) -> None:
    """NotImplementedError for what skl2onnx has no words for."""
    known = ("identity", "logistic", "tanh", "relu")
    if estimator.normalization is not None:
        raise NotImplementedError(f"normalization={estimator.normalization!r} cannot be converted to ONNX")
    if estimator.activation not in known:
        raise NotImplementedError(f"activation={estimator.activation!r} cannot be converted to ONNX, only {known}")
    if is_classifier(estimator) and estimator.out_activation_ == "identity":
        raise NotImplementedError(f"loss={estimator.loss!r} gives no probabilities to convert to ONNX")


def _parsed(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    from skl2onnx._parse import _parse_sklearn_simple_model

    return _parse_sklearn_simple_model(scope, model, inputs, custom_parsers)


def _converted(scope: Any, operator: Any, container: Any) -> None:
    """A regressor, with as many outputs as it has."""
    from skl2onnx.common._apply_operation import apply_exp, apply_reshape
    from skl2onnx.common.data_types import guess_proto_type
    from skl2onnx.operator_converters.multilayer_perceptron import _predict
    from skl2onnx.proto import onnx_proto

    estimator = operator.raw_operator
    names = ("n_layers_", "coefs_", "intercepts_", "activation")
    linear = SimpleNamespace(out_activation_="identity", **{name: getattr(estimator, name) for name in names})
    kind, types = guess_proto_type(operator.inputs[0].type), onnx_proto.TensorProto
    kind = kind if kind == types.DOUBLE else types.FLOAT
    values = _predict(scope, operator.inputs[0].full_name, container, linear, kind)
    if estimator.out_activation_ == "exp":
        scores, values = values, scope.get_unique_variable_name("exp")
        apply_exp(scope, scores, values, container)
    apply_reshape(scope, values, operator.output_full_names, container, desired_shape=(-1, estimator.n_outputs_))


def _shapes(operator: Any) -> None:
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type.shape = [rows, operator.raw_operator.n_outputs_]
