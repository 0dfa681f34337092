"""One training step of Keras as a pure function."""

from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.tensorflow.optimizer import TFOptimizer
from keras.src.optimizers.base_optimizer import BaseOptimizer

from keras_xor.signature import call_model
from keras_xor.values import KerasXorError


class _OnTensors(TFOptimizer):
    """Has `stateless_apply`, which Keras's optimizers lack on TensorFlow for distributed training.

    These methods are private, and those of Keras's other backends.
    """

    assign, assign_add = BaseOptimizer.assign, BaseOptimizer.assign_add
    assign_sub, stateless_apply = BaseOptimizer.assign_sub, BaseOptimizer.stateless_apply
    _apply_weight_decay = BaseOptimizer._apply_weight_decay
    _backend_update_step, _var_key = BaseOptimizer._backend_update_step, BaseOptimizer._var_key


def make_stateless_optimizer(model: keras.Model) -> keras.optimizers.Optimizer:
    """An untrained copy of the optimizer of a model, with a `stateless_apply` that works."""
    optimizer: Any = model.optimizer
    kind = type(optimizer)
    # On TensorFlow, Keras runs the first in another order than elsewhere.
    cannot = issubclass(kind, keras.optimizers.ScheduleFreeAdamW)
    if cannot or optimizer.gradient_accumulation_steps or optimizer.use_ema:
        raise KerasXorError(
            "a study cannot use ScheduleFreeAdamW, gradient_accumulation_steps or use_ema: use "
            "another optimizer, such as adamw"
        )
    new_kind: Any = type(kind.__name__, (kind, _OnTensors), {})
    new = new_kind.from_config(optimizer.get_config())
    new.build(model.trainable_variables)
    return new


def apply_training_step(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    trained: list,
    kept: list,
    state: list,
    x: Any,
    y: Any,
    sample_weight: tf.Tensor | None = None,
) -> tuple[list, list, list, tf.Tensor, Any]:
    """Keras's training step, from values of variables to new ones, which leaves the model as it is.

    Args:
        model: A compiled model.
        optimizer: Its optimizer, from `make_stateless_optimizer`.
        trained: Values of the model's `trainable_variables`.
        kept: Values of its `non_trainable_variables`.
        state: Values of the optimizer's variables.
        x: A batch of inputs.
        y: Their labels.
        sample_weight: Weights of the examples.

    Returns:
        The new values of the three, the loss of the batch, and the outputs.
    """
    with tf.GradientTape() as tape:
        tape.watch(trained)
        with _use_values(model, trained, kept, collect_losses=True) as scope:
            outputs = call_model(model, x, training=True)
            loss = model.compute_loss(x, y, outputs, sample_weight, training=True)
            scaled = optimizer.scale_loss(loss)
    kept = [tf.convert_to_tensor(scope.get_current_value(v)) for v in model.non_trainable_variables]
    gradients = tape.gradient(scaled, trained, unconnected_gradients="zero")
    trained, state = optimizer.stateless_apply(state, gradients, trained)
    return [*trained], kept, [*map(tf.convert_to_tensor, state)], tf.cast(loss, "float32"), outputs


def apply_model(model: keras.Model, trained: list, kept: list, x: Any) -> Any:
    """The outputs of a model with these values of its variables."""
    with _use_values(model, trained, kept):
        return call_model(model, x)


def _use_values(
    model: keras.Model, trained: list, kept: list, **options: Any
) -> keras.StatelessScope:
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    mapping = [*zip(variables, [*trained, *kept], strict=True)]
    return keras.StatelessScope(state_mapping=mapping, **options)


# Layers that treat each example by itself, and in the same way at each call
_PLAIN_LAYERS = (
    *(keras.layers.InputLayer, keras.layers.Dense, keras.layers.Activation, keras.layers.PReLU),
    *(keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU, keras.layers.Softmax),
    *(keras.layers.Concatenate, keras.layers.Add, keras.layers.Subtract, keras.layers.Multiply),
    *(keras.layers.Flatten, keras.layers.Reshape, keras.layers.Rescaling),
)
# Losses that are, by default, a mean over the examples
_PLAIN_LOSSES = (
    *(keras.losses.BinaryCrossentropy, keras.losses.BinaryFocalCrossentropy, keras.losses.Hinge),
    *(keras.losses.CategoricalCrossentropy, keras.losses.SparseCategoricalCrossentropy),
    *(keras.losses.MeanSquaredError, keras.losses.MeanAbsoluteError, keras.losses.Huber),
    *(keras.losses.MeanSquaredLogarithmicError, keras.losses.LogCosh, keras.losses.KLDivergence),
    *(keras.losses.SquaredHinge, keras.losses.Poisson),
)


def can_weigh_examples(model: keras.Model) -> bool:
    """Whether the loss of a batch is plainly the mean of the losses of its examples alone."""
    functional = type(keras.Model(one := keras.Input(()), one))
    own_loss = getattr(model.compute_loss, "__func__", None) is not keras.Model.compute_loss
    if type(model) not in (keras.Sequential, functional) or own_loss:
        return False
    plain = all(map(_is_plain, model.layers))
    return plain and not isinstance(model.loss, list | dict) and _is_mean(model.loss)


def _is_plain(layer: keras.Layer) -> bool:
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", "")
    own = activation is not None and getattr(keras.activations, name, None) is not activation
    regularized = getattr(layer, "activity_regularizer", None)
    return type(layer) in _PLAIN_LAYERS and not own and not regularized


def _is_mean(loss: Any) -> bool:
    loss = keras.losses.get(loss)
    if type(loss) in _PLAIN_LOSSES:
        return loss.reduction == "sum_over_batch_size"
    return loss in [kind().fn for kind in _PLAIN_LOSSES]
