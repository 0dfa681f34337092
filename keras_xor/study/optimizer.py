"""Keras's optimizers on tensors that stack the weights of many runs."""

import keras
import numpy as np
from keras.src.backend.tensorflow.optimizer import TFOptimizer
from keras.src.optimizers.base_optimizer import BaseOptimizer

from keras_xor.checks import KerasXorError

_TOLERANCE = 1e-4  # Relative, of weights in float32


class _OnTensors(TFOptimizer):
    """Has `stateless_apply` on TensorFlow, where Keras's own optimizers update variables alone."""

    assign = BaseOptimizer.assign
    assign_add = BaseOptimizer.assign_add
    assign_sub = BaseOptimizer.assign_sub
    stateless_apply = BaseOptimizer.stateless_apply
    _apply_weight_decay = BaseOptimizer._apply_weight_decay
    _backend_update_step = BaseOptimizer._backend_update_step
    _var_key = BaseOptimizer._var_key


def stateless_optimizer(optimizer, weights):
    """An untrained optimizer like `optimizer`, for `stateless_apply` to weights like `weights`."""
    kind = type(optimizer)
    kind = type(kind.__name__, (kind, _OnTensors), {})
    return _built(kind, optimizer, _variables(weights))


def _built(kind, optimizer, variables):
    new = kind.from_config(optimizer.get_config())
    new.build(variables)
    return new


def _variables(weights):
    return [keras.Variable(weight, dtype="float32") for weight in weights]


def check_optimizer(optimizer, weights):
    """Raise `KerasXorError` unless many runs may share an optimizer that is applied once.

    Args:
        optimizer: The optimizer of a model.
        weights: Arrays like the weights that it trains.
    """
    advice = "use another, such as adam"
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if scaled or optimizer.loss_scale_factor:
        raise KerasXorError(f"a study cannot use an optimizer that scales the loss: {advice}")
    if optimizer.use_ema or optimizer.gradient_accumulation_steps:
        raise KerasXorError(
            f"a study cannot use an optimizer with use_ema or gradient_accumulation_steps: {advice}"
        )
    excluded = "_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"
    if any(getattr(optimizer, name, None) for name in excluded):
        raise KerasXorError(
            f"a study cannot use an optimizer that excludes weights from its decay: {advice}"
        )
    if optimizer.clipnorm is not None or optimizer.global_clipnorm is not None:
        raise KerasXorError(
            "a study cannot use an optimizer with clipnorm or global_clipnorm, which look at a "
            "weight as a whole: use clipvalue"
        )
    if not _trains_runs_as_each_alone(optimizer, weights):
        kind = type(optimizer).__name__
        raise KerasXorError(
            f"a study cannot use {kind} as it is set, because many runs that share it are not "
            f"trained as each would be alone: {advice}"
        )


def _trains_runs_as_each_alone(optimizer, weights):
    rng = np.random.default_rng(0)
    start = [rng.normal(size=(2, *weight.shape)).astype("float32") for weight in weights]
    steps = [
        [rng.normal(size=weight.shape, scale=scale).astype("float32") for weight in start]
        for scale in (0.1, 1, 10)
    ]
    sizes = np.array([[0.01, 1, 10], [10, 0.01, 1]], "float32")  # Of the gradients, by run

    together = stateless_optimizer(optimizer, start)
    trained, state = start, [variable.value for variable in together.variables]
    for step, size in zip(steps, sizes.T, strict=True):
        gradients = [size.reshape(-1, *[1] * (g.ndim - 1)) * g for g in step]
        trained, state = together.stateless_apply(state, gradients, trained)
    for run in range(2):
        alone = _variables(weight[run] for weight in start)
        one = _built(type(optimizer), optimizer, alone)
        for step, size in zip(steps, sizes[run], strict=True):
            gradients = [size * gradient[run] for gradient in step]
            one.apply_gradients(zip(gradients, alone, strict=True))
        for stacked, weight in zip(trained, alone, strict=True):
            if not np.allclose(stacked[run], weight, _TOLERANCE, _TOLERANCE, equal_nan=True):
                return False
    return True
