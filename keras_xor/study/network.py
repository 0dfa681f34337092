"""What a study trains: a model, its points, and the programs that train many runs of it."""

import contextlib
import dataclasses
import functools
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_xor.model import build_model
from keras_xor.recipe import DEFAULT, Recipe
from keras_xor.runtime import silence
from keras_xor.study.initial import InitialValues
from keras_xor.study.points import Points
from keras_xor.study.program import Program, State, map_in_turn
from keras_xor.study.step import can_weigh_examples, make_stateless_optimizer
from keras_xor.values import KerasXorError

_NOT_IN_PROGRAM = "learning_rate", "batch_size", "steps_per_epoch", "epochs", "data", "noise"


class Network:
    """A model that is trained on points. When it is pickled, the model is pickled once.

    Attributes:
        recipe: The `Recipe` whose network it is, or `None`.
        points: The `Points`.
        parameters: The number of the model's weights.
        weighs: Whether the points, weighted by how often each is in a batch, stand for the batch.

    Raises:
        KerasXorError: it is not such a model, or Keras cannot train it on the points.
    """

    def __init__(
        self, model: keras.Model, x: Any = None, y: Any = None, labels: str = DEFAULT.labels
    ) -> None:
        _check_model(model)
        self.recipe: Recipe | None = None
        self._model, self._arguments = model, (x, y, labels)
        with _explaining():
            self.points = Points(model, x, y, labels)
            self.weighs = can_weigh_examples(model)
            self._initial = InitialValues(model)
            self._optimizer = make_stateless_optimizer(model)
        self.parameters = model.count_params()
        self._programs: dict[tuple, Callable] = {}

    def start(self, seeds: list[int], learning_rate: float | None = None) -> State:
        """The state of runs before training, with the learning rate of the model or another."""
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

    def program(self, state: State, batches: dict) -> Callable:
        """`Program.__call__`, compiled by XLA for arguments of these shapes."""
        arguments = _to_tensors(state, batches, 0, 1, 1)
        specs = tf.nest.map_structure(tf.type_spec_from_value, arguments)
        key = state.step.device, f"{specs}"
        if key not in self._programs:
            with _explaining(), silence():  # Of what the map cannot express
                try:
                    compiled = self._compile(keras.ops.vectorized_map, specs, arguments)
                except Exception:  # TensorFlow, Keras and XLA have no common one.
                    compiled = self._compile(map_in_turn, specs, arguments)
            self._programs[key] = compiled
        compiled = self._programs[key]
        return lambda *arguments: compiled(*_to_tensors(*arguments))

    def _compile(self, map_runs: Callable, specs: tuple, arguments: tuple) -> Callable:
        program = Program(self._model, self._optimizer, self.points, map_runs)
        program = tf.function(program.__call__, jit_compile=True, autograph=False)
        program = program.get_concrete_function(*specs)
        program(*arguments)  # XLA compiles it here.
        return program

    @functools.cached_property
    def _pickled(self) -> bytes:
        return pickle.dumps((self._model, *self._arguments))

    def __reduce__(self) -> tuple:
        return (
            (_make_recipe_network, (self.recipe,)) if self.recipe else (_unpickle, (self._pickled,))
        )


@functools.lru_cache(maxsize=8)
def _unpickle(pickled: bytes) -> Network:
    return Network(*pickle.loads(pickled))


def get_recipe_network(recipe: Recipe) -> Network:
    """The network of a recipe, made once for all that share its program."""
    values = {name: getattr(DEFAULT, name) for name in _NOT_IN_PROGRAM}
    return _make_recipe_network(dataclasses.replace(recipe, **values))


@functools.lru_cache(maxsize=32)
def _make_recipe_network(recipe: Recipe) -> Network:
    network = Network(build_model(recipe), labels=recipe.labels)
    network.recipe = recipe
    return network


def _to_tensors(state: State, batches: dict, *numbers: int) -> tuple:
    batches = {name: tf.constant(array) for name, array in batches.items()}
    return state, batches, *(tf.constant(number, tf.int64) for number in numbers)


def _check_model(model: keras.Model) -> None:
    if not isinstance(model, keras.Model):
        raise KerasXorError(f"model must be a keras.Model, not {model!r:.80}")
    if not model.compiled or not model.optimizer or model.loss is None:
        raise KerasXorError("model must be compiled, with a loss: call model.compile first")
    if getattr(model.train_step, "__func__", None) is not keras.Model.train_step:
        raise KerasXorError("a study cannot train a model with a train_step of its own")
    if any(isinstance(layer, keras.layers.Embedding) for layer in model.layers):
        raise KerasXorError("a study cannot train layers with sparse gradients, such as Embedding")


@contextlib.contextmanager
def _explaining() -> Iterator[None]:
    """Report in one line what is wrong with a model that somebody made."""
    try:
        yield
    except KerasXorError:
        raise
    except Exception as error:  # A model may fail in any way.
        kind = type(error).__name__
        raise KerasXorError(f"a study cannot train this model, {kind}: {error}") from error
