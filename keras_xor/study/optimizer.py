"""Keras's optimizers on tensors that stack the weights of many runs."""

import keras
import numpy as np
from keras.src.backend.tensorflow.optimizer import TFOptimizer
from keras.src.optimizers.base_optimizer import BaseOptimizer

from keras_xor.checks import KerasXorError

_TOLERANCE = 1e-4  # Relative, of weights in float32
_RATE = 0.1  # At which the updates of any optimizer show
_ADVICE = "use another, such as adam"
_PLAIN = bool, int, float, str
_WITH_MOMENTUM = keras.optimizers.SGD, keras.optimizers.RMSprop


class _OnTensors(TFOptimizer):
    """Has `stateless_apply` on TensorFlow, where Keras's own optimizers update variables alone."""

    assign = BaseOptimizer.assign
    assign_add = BaseOptimizer.assign_add
    assign_sub = BaseOptimizer.assign_sub
    stateless_apply = BaseOptimizer.stateless_apply
    _apply_weight_decay = BaseOptimizer._apply_weight_decay
    _backend_update_step = BaseOptimizer._backend_update_step
    _var_key = BaseOptimizer._var_key


class _Momentum(keras.Variable):
    """A momentum that may change. Keras asks whether it is 0, which it never is."""

    __hash__ = keras.Variable.__hash__

    def __ne__(self, other):
        return True

    __gt__ = __ne__


def stateless_optimizer(optimizer, values, weights, **options):
    """An untrained copy of an optimizer, for `stateless_apply` to tensors.

    Its learning rate and its momentum are among its variables.

    Args:
        optimizer: The optimizer of a model.
        values: Arrays like these tensors.
        weights: The variables of the model that the tensors stand for.
        **options: What to change in the optimizer's config.
    """
    kind = type(optimizer)
    new = copied(optimizer, type(kind.__name__, (kind, _OnTensors), {}), **options)
    variables = _variables(values)
    new.build(variables)
    for variable, weight in zip(variables, weights, strict=True):
        variable._name = weight.value.name  # An optimizer may look at it.
    if kind in _WITH_MOMENTUM and new.momentum:
        new.momentum = _Momentum(new.momentum, dtype="float32", name="momentum")
        new._track_variable(new.momentum)
    return new


def _variables(values):
    return [keras.Variable(value, dtype="float32") for value in values]


def copied(thing, kind=None, **options):
    """A new Keras object with the config of `thing`.

    Args:
        thing: An optimizer or initializer.
        kind: The class of the copy. Defaults to that of `thing`.
        **options: What to change in the config.

    Raises:
        KerasXorError: the config is not all that the object is made from.
    """
    new = (kind or type(thing)).from_config(thing.get_config() | options)
    for name, value in vars(thing).items():
        public = not name.startswith("_") and name not in {"built", *options}
        if public and isinstance(value, _PLAIN) and vars(new).get(name) != value:
            raise KerasXorError(
                f"a study cannot copy {type(thing).__name__}, because its get_config does not "
                f"contain its {name}: add it there"
            )
    return new


def check_settings(optimizer):
    """Raise `KerasXorError` if an optimizer is set to look at more than one number at a time."""
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if scaled or optimizer.loss_scale_factor:
        raise KerasXorError(f"a study cannot use an optimizer that scales the loss: {_ADVICE}")
    if optimizer.use_ema or optimizer.gradient_accumulation_steps:
        raise KerasXorError(
            "a study cannot use an optimizer with use_ema or gradient_accumulation_steps: "
            f"{_ADVICE}"
        )
    excluded = "_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"
    if any(getattr(optimizer, name, None) for name in excluded):
        raise KerasXorError(
            f"a study cannot use an optimizer that excludes weights from its decay: {_ADVICE}"
        )
    if optimizer.clipnorm is not None or optimizer.global_clipnorm is not None:
        raise KerasXorError(
            "a study cannot use an optimizer with clipnorm or global_clipnorm, which look at a "
            "weight as a whole: use clipvalue"
        )


def check_optimizer(optimizer, weights):
    """Raise `KerasXorError` unless many runs may share an optimizer that is applied once.

    Args:
        optimizer: The optimizer of a model, which `check_settings` accepts.
        weights: The variables that it trains.
    """
    if not _trains_runs_as_each_alone(optimizer, weights):
        kind = type(optimizer).__name__
        raise KerasXorError(
            f"a study cannot use {kind} as it is set, because many runs that share it are not "
            f"trained as each would be alone: {_ADVICE}"
        )


def _trains_runs_as_each_alone(optimizer, weights):
    rng = np.random.default_rng(0)
    start = [rng.normal(size=(2, *weight.shape)).astype("float32") for weight in weights]
    steps = [
        [rng.normal(size=weight.shape, scale=scale).astype("float32") for weight in start]
        for scale in (0.1, 1, 10)
    ]
    sizes = np.array([[0.01, 1, 10], [10, 0.01, 1]], "float32")  # Of the gradients, by run

    together = stateless_optimizer(optimizer, start, weights, learning_rate=_RATE)
    trained, state = start, [variable.value for variable in together.variables]
    for step, size in zip(steps, sizes.T, strict=True):
        gradients = [size.reshape(-1, *[1] * (g.ndim - 1)) * g for g in step]
        trained, state = together.stateless_apply(state, gradients, trained)
    for run in range(2):
        alone = _variables(weight[run] for weight in start)
        one = copied(optimizer, learning_rate=_RATE)
        one.build(alone)
        for step, size in zip(steps, sizes[run], strict=True):
            gradients = [size * gradient[run] for gradient in step]
            one.apply_gradients(zip(gradients, alone, strict=True))
        for stacked, weight in zip(trained, alone, strict=True):
            if not np.allclose(stacked[run], weight, _TOLERANCE, _TOLERANCE, equal_nan=True):
                return False
    return True
