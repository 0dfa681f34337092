"""What the runs of a study start with."""

import random

import keras
import numpy as np
import tensorflow as tf


class InitialValues:
    """Draws the first values of a model's variables for many runs.

    If each weight that is trained has an initializer of Keras, kept by its layer under the
    weight's name, these draw: the k-th that takes a seed gets the k-th 32-bit word of
    `numpy.random.SeedSequence(seed)`. Otherwise, a run gets the weights of
    `keras.models.clone_model` after `keras.utils.set_random_seed(seed % 2**32)`.

    What is not trained keeps the model's values, except moving averages, which start anew, and the
    seeds of layers such as Dropout, which differ between runs.
    """

    def __init__(self, model):
        self._model = model
        self._layers = {id(v): layer for layer in _all_layers(model) for v in layer.weights}
        self._drawn = [(v, self._initializer(v)) for v in model.trainable_variables]
        self._by_layers = all(_is_of_keras(initializer) for _, initializer in self._drawn)
        self._seeded = sum(_takes_seed(initializer) for _, initializer in self._drawn)
        seeds = tf.TensorSpec((self._seeded, None, 2), tf.int64)
        self._draw = tf.function(self._draw, autograph=False).get_concrete_function(seeds)

    def __call__(self, seeds):
        """Two lists of arrays `(runs, *shape)`: for `trainable_variables`, and for the others."""
        trained = self._by_initializers(seeds) if self._by_layers else self._by_clones(seeds)
        kept = enumerate(self._model.non_trainable_variables)
        return trained, [self._kept(place, variable, seeds) for place, variable in kept]

    def _by_initializers(self, seeds):
        words = np.array([_words(seed, self._seeded) for seed in seeds], np.int64)
        drawn = iter(self._draw(tf.constant(np.stack([words, 0 * words], axis=-1).swapaxes(0, 1))))
        return [
            next(drawn).numpy()
            if _takes_seed(initializer)
            else _repeated(initializer(tuple(v.shape), dtype=v.dtype), len(seeds))
            for v, initializer in self._drawn
        ]

    def _draw(self, seeds):
        seeds = iter(tf.unstack(seeds))
        return [
            tf.map_fn(_drawing(v, initializer), next(seeds), fn_output_signature=v.dtype)
            for v, initializer in self._drawn
            if _takes_seed(initializer)
        ]

    def _by_clones(self, seeds):
        places = {id(v): place for place, v in enumerate(self._model.weights)}
        trained = [places[id(v)] for v in self._model.trainable_variables]
        states, runs = (random.getstate(), np.random.get_state()), []
        for seed in seeds:
            keras.utils.set_random_seed(seed % 2**32)
            weights = keras.models.clone_model(self._model).get_weights()
            runs.append([weights[place] for place in trained])
        random.setstate(states[0])
        np.random.set_state(states[1])
        return [np.stack(values) for values in zip(*runs, strict=True)]

    def _kept(self, place, variable, seeds):
        if variable.name == "seed_generator_state":
            words = [_words(seed, variable.shape[0], place) for seed in seeds]
            return np.array(words, variable.dtype)
        value, initializer = variable.value, self._initializer(variable)
        if initializer and self._layers[id(variable)].trainable:
            value = initializer(tuple(variable.shape), dtype=variable.dtype)
        return _repeated(value, len(seeds))

    def _initializer(self, variable):
        return getattr(self._layers.get(id(variable)), f"{variable.name}_initializer", None)


class _Given(keras.random.SeedGenerator):
    """A seed that is a tensor, where Keras takes a number or a generator."""

    def __init__(self, seed):
        self._seed = seed

    def next(self, ordered=True):
        return self._seed


def _drawing(variable, initializer):
    def draw(seed):
        config = initializer.get_config() | {"seed": _Given(seed)}
        return type(initializer).from_config(config)(variable.shape, dtype=variable.dtype)

    return draw


def _all_layers(model):
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer)


def _is_of_keras(initializer):
    kind = type(initializer)
    return getattr(keras.initializers, kind.__name__, None) is kind


def _takes_seed(initializer):
    return isinstance(initializer, keras.Initializer) and "seed" in initializer.get_config()


def _words(seed, count, *spawn_key):
    return np.random.SeedSequence(seed, spawn_key=spawn_key).generate_state(count)


def _repeated(value, runs):
    return np.repeat(np.asarray(value)[None], runs, axis=0)
