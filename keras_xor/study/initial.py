"""The initial weights of the runs of a study."""

import keras
import numpy as np
import tensorflow as tf

from keras_xor.checks import KerasXorError
from keras_xor.study.optimizer import copied

_MANY = 64  # Draws: if all are the same, the seed has no effect.


class InitialWeights:
    """Draws the initial weights of many runs, each by its layer's own initializer.

    Args:
        model: A model that `keras_xor.study.network.check_network` accepts.

    Raises:
        KerasXorError: a weight has no initializer, or one that cannot be given a seed.
    """

    def __init__(self, model):
        self._weights = [(_initializer(model, w), tuple(w.shape)) for w in model.weights]
        self._seeded = [_takes_seed(initializer) for initializer, _ in self._weights]
        seeds = tf.TensorSpec((sum(self._seeded), None, 2), tf.int64)
        self._program = tf.function(self._draw, autograph=False).get_concrete_function(seeds)
        self._check()

    def __call__(self, seeds):
        """The weights of runs, as arrays `(runs, *shape)` in the order of `model.weights`."""
        # As in `keras_xor.model`: a word of 32 bits for each initializer that takes a seed.
        words = np.array(
            [np.random.SeedSequence(seed).generate_state(sum(self._seeded)) for seed in seeds]
        )
        seeds = np.stack([words, np.zeros_like(words)], axis=-1).astype("int64")
        drawn = iter(self._program(tf.constant(np.moveaxis(seeds, 1, 0))))
        return [
            next(drawn).numpy()
            if seeded
            else np.stack([np.asarray(initializer(shape, dtype="float32"))] * len(words))
            for seeded, (initializer, shape) in zip(self._seeded, self._weights, strict=True)
        ]

    def _draw(self, seeds):
        seeds = iter(tf.unstack(seeds))
        return [
            tf.map_fn(
                lambda seed, initializer=initializer, shape=shape: _with_seed(initializer, seed)(
                    shape, dtype="float32"
                ),
                next(seeds),
                fn_output_signature=tf.float32,
            )
            for seeded, (initializer, shape) in zip(self._seeded, self._weights, strict=True)
            if seeded
        ]

    def _check(self):
        for (initializer, _), drawn in zip(self._weights, self(range(_MANY)), strict=True):
            if not _is_of_keras(initializer) and np.all(drawn == drawn[0]):
                raise KerasXorError(
                    f"a study cannot draw weights by {_name(initializer)}, which does not depend "
                    'on a "seed" in its get_config: use an initializer of Keras'
                )


class _Given(keras.random.SeedGenerator):
    """A seed that is a tensor, where Keras takes a number or a generator."""

    def __init__(self, seed):
        self._seed = seed

    def next(self, ordered=True):
        return self._seed


def _initializer(model, weight):
    """The initializer of a weight, which its layer keeps under the weight's name."""
    for layer in model._flatten_layers():
        own = [*layer._trainable_variables, *layer._non_trainable_variables]
        if any(variable is weight for variable in own):
            initializer = getattr(layer, f"{weight.name}_initializer", None)
            if callable(initializer):
                return initializer
    raise KerasXorError(
        f"a study cannot draw the weight {weight.path}, because its layer keeps no initializer of "
        f"it as {weight.name}_initializer: leave out that layer"
    )


def _takes_seed(initializer):
    return isinstance(initializer, keras.Initializer) and "seed" in initializer.get_config()


def _with_seed(initializer, seed):
    return copied(initializer, seed=_Given(seed))


def _is_of_keras(initializer):
    return getattr(keras.initializers, _name(initializer), None) is type(initializer)


def _name(initializer):
    return getattr(initializer, "__name__", type(initializer).__name__)
