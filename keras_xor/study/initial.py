"""The initial values of the runs of a study."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_xor.model import draw_seeds


class InitialValues:
    """Draws the initial values of a model's variables for many runs.

    If each weight that is trained has an initializer of Keras, kept by its layer under the
    weight's name, these draw: the k-th that takes a seed gets the k-th that Keras draws after
    `keras.utils.set_random_seed(seed)`. Otherwise, a run gets the weights of
    `keras.models.clone_model` after `keras.utils.set_random_seed(seed)`.

    What is not trained keeps the model's values, except moving averages, which start anew, and the
    seeds of layers such as Dropout, which differ between runs.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._layers = {id(v): layer for layer in _list_layers(model) for v in layer.weights}
        self._drawn = [(v, self._find_initializer(v)) for v in model.trainable_variables]
        self._are_known = all(_is_from_keras(initializer) for _, initializer in self._drawn)
        self._seeded = sum(_takes_seed(initializer) for _, initializer in self._drawn)
        seeds = tf.TensorSpec((self._seeded, None, 2), tf.int64)
        self._draw_all = tf.function(self._draw, autograph=False).get_concrete_function(seeds)

    def __call__(self, seeds: Sequence[int]) -> tuple[list, list]:
        """Two lists of arrays `(runs, *shape)`: for `trainable_variables`, and for the others."""
        trained = self._draw_values(seeds) if self._are_known else self._clone_values(seeds)
        kept = enumerate(self._model.non_trainable_variables)
        return trained, [self._keep_value(place, variable, seeds) for place, variable in kept]

    def _draw_values(self, seeds: Sequence[int]) -> list:
        words = np.array([draw_seeds(seed, self._seeded) for seed in seeds], np.int64)
        drawn = iter(
            self._draw_all(tf.constant(np.stack([words, 0 * words], axis=-1).swapaxes(0, 1)))
        )
        return [
            next(drawn).numpy()
            if _takes_seed(initializer)
            else _repeat(initializer(tuple(v.shape), dtype=v.dtype), len(seeds))
            for v, initializer in self._drawn
        ]

    def _draw(self, seeds: tf.Tensor) -> list:
        seeds = iter(tf.unstack(seeds))
        return [
            tf.map_fn(_make_draw(v, initializer), next(seeds), fn_output_signature=v.dtype)
            for v, initializer in self._drawn
            if _takes_seed(initializer)
        ]

    def _clone_values(self, seeds: Sequence[int]) -> list:
        places = {id(v): place for place, v in enumerate(self._model.weights)}
        trained = [places[id(v)] for v in self._model.trainable_variables]
        states, runs = (random.getstate(), np.random.get_state()), []
        compiled, self._model.compiled = self._model.compiled, False
        try:  # Keras would also compile each clone, and cannot find a loss that is not its own.
            for seed in seeds:
                keras.utils.set_random_seed(seed)
                weights = keras.models.clone_model(self._model).get_weights()
                runs.append([weights[place] for place in trained])
        finally:
            self._model.compiled = compiled
        random.setstate(states[0])
        np.random.set_state(states[1])
        return [np.stack(values) for values in zip(*runs, strict=True)]

    def _keep_value(self, place: int, variable: Any, seeds: Sequence[int]) -> Any:
        if variable.name == "seed_generator_state":
            words = [np.random.SeedSequence(seed, spawn_key=(place,)) for seed in seeds]
            size = variable.shape[0]
            return np.array([word.generate_state(size) for word in words], variable.dtype)
        value, initializer = variable.value, self._find_initializer(variable)
        if initializer and self._layers[id(variable)].trainable:
            value = initializer(tuple(variable.shape), dtype=variable.dtype)
        return _repeat(value, len(seeds))

    def _find_initializer(self, variable: Any) -> Any:
        return getattr(self._layers.get(id(variable)), f"{variable.name}_initializer", None)


class _Given(keras.random.SeedGenerator):
    """A seed that is a tensor, where Keras takes a number or a generator."""

    def __init__(self, seed: tf.Tensor) -> None:
        self._seed = seed

    def next(self, ordered: bool = True) -> tf.Tensor:
        return self._seed


def _make_draw(variable: Any, initializer: Any) -> Callable:
    def draw(seed: tf.Tensor) -> tf.Tensor:
        config = initializer.get_config() | {"seed": _Given(seed)}
        return type(initializer).from_config(config)(variable.shape, dtype=variable.dtype)

    return draw


def _list_layers(model: keras.Model) -> Iterator[keras.Layer]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _list_layers(layer)


def _is_from_keras(initializer: Any) -> bool:
    kind = type(initializer)
    return getattr(keras.initializers, kind.__name__, None) is kind


def _takes_seed(initializer: Any) -> bool:
    return isinstance(initializer, keras.Initializer) and "seed" in initializer.get_config()


def _repeat(value: Any, runs: int) -> np.ndarray:
    return np.repeat(np.asarray(value)[None], runs, axis=0)
