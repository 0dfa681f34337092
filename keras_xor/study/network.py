"""What a study trains: a model, its points, and the programs that train many runs of it."""

import contextlib
import dataclasses
import functools
import pickle

import keras
import numpy as np
import tensorflow as tf

from keras_xor.checks import KerasXorError
from keras_xor.model import build_model
from keras_xor.recipe import GUIDE
from keras_xor.runtime import silence
from keras_xor.study.initial import InitialValues
from keras_xor.study.points import Points
from keras_xor.study.program import Program, State, map_in_turn
from keras_xor.study.step import stateless_optimizer, treats_examples_alone

_NOT_IN_PROGRAM = "learning_rate", "batch_size", "steps_per_epoch", "epochs", "data", "noise"


class Network:
    """A model that is trained on points. When it is pickled, the model is pickled once.

    Args:
        model: A compiled `keras.Model`, which is not changed.
        x: See `Points`.
        y: See `Points`.
        labels: See `Points`.

    Attributes:
        recipe: The `Recipe` whose network it is, or `None`.
        points: The `Points`.
        parameters: The number of the model's weights.
        weighs: Whether the points, weighted by how often each is in a batch, stand for the batch.

    Raises:
        KerasXorError: it is not such a model, or Keras cannot train it on the points.
    """

    def __init__(self, model, x=None, y=None, labels=GUIDE.labels):
        _check(model)
        self.recipe, self._model, self._arguments = None, model, (x, y, labels)
        with _explaining():
            self.points = Points(model, x, y, labels)
            self.weighs = treats_examples_alone(model)
            self._initial = InitialValues(model)
            self._optimizer = stateless_optimizer(model)
        self.parameters = model.count_params()
        self._programs = {}

    def start(self, seeds, learning_rate=None):
        """The `State` of runs before training.

        Args:
            seeds: Their seeds.
            learning_rate: What to use in place of the optimizer's own. Defaults to `None`.
        """
        runs = len(seeds)
        trained, kept = self._initial(seeds)
        optimizer = [
            tf.constant(learning_rate, v.dtype)
            if learning_rate is not None and v.name == "learning_rate"
            else tf.convert_to_tensor(v.value)
            for v in self._optimizer.variables
        ]
        return State(
            trained=[*map(tf.constant, trained)],
            kept=[*map(tf.constant, kept)],
            optimizer=[tf.repeat(value[None], runs, axis=0) for value in optimizer],
            step=tf.constant(0, tf.int64),
            last_wrong=tf.zeros(runs, tf.int64),
            losses=tf.zeros(runs),
            loss=tf.fill(runs, np.float32("nan")),
            diverged=tf.zeros(runs, tf.bool),
        )

    def program(self, state, batches):
        """A function like `Program.__call__`, compiled by XLA for arguments of these shapes."""
        arguments = _tensors(state, batches, 0, 1, 1)
        specs = tf.nest.map_structure(tf.type_spec_from_value, arguments)
        key = state.step.device, f"{specs}"
        if key not in self._programs:
            with _explaining(), silence():  # Of what the map cannot express
                try:
                    compiled = self._compiled(keras.ops.vectorized_map, specs, arguments)
                except Exception:  # TensorFlow, Keras and XLA have no common one.
                    compiled = self._compiled(map_in_turn, specs, arguments)
            self._programs[key] = compiled
        compiled = self._programs[key]
        return lambda *arguments: compiled(*_tensors(*arguments))

    def _compiled(self, map_runs, specs, arguments):
        program = Program(self._model, self._optimizer, self.points, map_runs)
        program = tf.function(program.__call__, jit_compile=True, autograph=False)
        program = program.get_concrete_function(*specs)
        program(*arguments)  # XLA compiles it here.
        return program

    @functools.cached_property
    def _pickled(self):
        return pickle.dumps((self._model, *self._arguments))

    def __reduce__(self):
        return (_recipe_network, (self.recipe,)) if self.recipe else (_unpickled, (self._pickled,))


@functools.lru_cache(maxsize=8)
def _unpickled(pickled):
    return Network(*pickle.loads(pickled))


def recipe_network(recipe):
    """The `Network` of a recipe, made once for all that share its program."""
    values = {name: getattr(GUIDE, name) for name in _NOT_IN_PROGRAM}
    return _recipe_network(dataclasses.replace(recipe, **values))


@functools.lru_cache(maxsize=32)
def _recipe_network(recipe):
    network = Network(build_model(recipe), labels=recipe.labels)
    network.recipe = recipe
    return network


def _tensors(state, batches, *numbers):
    batches = {name: tf.constant(array) for name, array in batches.items()}
    return state, batches, *(tf.constant(number, tf.int64) for number in numbers)


def _check(model):
    if not isinstance(model, keras.Model):
        raise KerasXorError(f"model must be a keras.Model, not {model!r:.80}")
    if not model.compiled or not model.optimizer or model.loss is None:
        raise KerasXorError("model must be compiled, with a loss: call model.compile first")
    if getattr(model.train_step, "__func__", None) is not keras.Model.train_step:
        raise KerasXorError("a study cannot train a model with a train_step of its own")
    if any(isinstance(layer, keras.layers.Embedding) for layer in model.layers):
        raise KerasXorError("a study cannot train layers with sparse gradients, such as Embedding")


@contextlib.contextmanager
def _explaining():
    """Say in one line what Keras says of a model that somebody made."""
    try:
        yield
    except KerasXorError:
        raise
    except Exception as error:  # A model may fail in any way.
        kind = type(error).__name__
        raise KerasXorError(f"a study cannot train this model, {kind}: {error}") from error
