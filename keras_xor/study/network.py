"""The network that a study trains: what it must be like, and the initial weights of its runs."""

import copy
import itertools

import keras
import numpy as np
import tensorflow as tf

from keras_xor.checks import KerasXorError, shown
from keras_xor.data import TRUTH_TABLE, examples, point_counts, random_source, random_words
from keras_xor.study.optimizer import check_optimizer

POINTS = [np.array(values)[:, None] for values in TRUTH_TABLE]  # Columns of x1 and x2
LABELS = POINTS[0] ^ POINTS[1]

_TOLERANCE = 1e-4  # Relative, of losses in float32


def check_training(model):
    """Raise `KerasXorError` unless a study can train `model`, which `check_network` accepts.

    A study computes the loss of a batch from the four points and how often each is in it, and it
    applies the optimizer to the weights of many runs as if they were one. Whether that is right
    for `model` is tried out.
    """
    check_optimizer(model.optimizer, model.trainable_weights)
    for weight in model.weights:
        _initializer(model, weight)
    if not _loss_is_that_of_counts(model):
        raise KerasXorError(
            "a study cannot train this model: its loss of a batch is not the mean of its examples' "
            "losses, each the same at each call. Leave out layers such as BatchNormalization and "
            "Dropout, activity regularizers, and a loss with another reduction"
        )


def check_network(model):
    """Raise `KerasXorError` unless `model` is compiled and maps x1 and x2 to one output."""
    if not isinstance(model, keras.Model):
        raise KerasXorError(f"model must be a keras.Model, not {shown(model)}")
    if not model.built or not hasattr(model, "inputs"):
        raise KerasXorError("model must be functional or Sequential, with a keras.Input")
    inputs = {tensor.name: tuple(tensor.shape) for tensor in model.inputs}
    if inputs != {"x1": (None, 1), "x2": (None, 1)} and [*inputs.values()] != [(None, 2)]:
        raise KerasXorError(
            "model must have the inputs x1 and x2 of shape (None, 1), or one of shape (None, 2)"
        )
    if [tuple(tensor.shape) for tensor in model.outputs] != [(None, 1)]:
        raise KerasXorError("model must have one output of shape (None, 1)")
    if not model.compiled or not model.optimizer or model.loss is None:
        raise KerasXorError("model must be compiled, with a loss: call model.compile first")
    if type(model).train_step is not keras.Model.train_step:
        raise KerasXorError("a study cannot train a model with its own train_step")
    if {weight.dtype for weight in model.weights} != {"float32"}:
        raise KerasXorError("model must have weights, all of them float32")


def _loss_is_that_of_counts(model):
    """Whether four weighted points have the loss of batches, and the answers are repeatable."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=weight.shape).astype("float32") for weight in model.weights]
    points = inputs_of(model, *POINTS)
    for size in (1, 3, 64):
        words = random_words(random_source(size), 1, size)
        x, y = examples(words, size)
        batch = inputs_of(model, x["x1"][0], x["x2"][0])
        loss, _ = loss_and_answers(model, weights, batch, y[0])
        sample_weight = (4 * point_counts(words, size)[:, 0] / size).astype("float32")
        weighted, answers = loss_and_answers(model, weights, points, LABELS, sample_weight)
        again = answers_of(model, weights, points)
        if not np.allclose(loss, weighted, rtol=_TOLERANCE) or not np.allclose(answers, again):
            return False
    return True


def inputs_of(model, x1, x2):
    """Columns of x1 and x2 as float32, in the structure that `model` takes."""
    columns = {"x1": np.asarray(x1, "float32"), "x2": np.asarray(x2, "float32")}
    if len(model.inputs) == 1:
        return np.concatenate([*columns.values()], axis=1)
    return keras.tree.map_structure(lambda tensor: columns[tensor.name], model.input)


def loss_and_answers(model, weights, x, y, sample_weight=None):
    """The loss of a batch under `weights`, in the order of `model.weights`, and the outputs."""
    mapping = [*zip(model.weights, weights, strict=True)]
    with keras.StatelessScope(state_mapping=mapping, collect_losses=True):
        outputs = model(x, training=True)
        loss = model.compute_loss(x, y, outputs, sample_weight=sample_weight, training=True)
        return tf.cast(loss, tf.float32), outputs[:, 0]


def answers_of(model, weights, x):
    """The outputs for a batch under `weights`, in the order of `model.weights`."""
    with keras.StatelessScope(state_mapping=[*zip(model.weights, weights, strict=True)]):
        return model(x, training=False)[:, 0]


def gives_logits(model):
    """Whether 0 rather than 0.5 is where an output of `model` changes its class."""
    return bool(getattr(model.loss, "from_logits", False))


class InitialWeights:
    """Draws the initial weights of many runs, each by its layer's own initializer.

    Args:
        model: A model that `check_network` accepts.
    """

    def __init__(self, model):
        self._weights = [(_initializer(model, w), tuple(w.shape)) for w in model.weights]
        self._seeded = [hasattr(initializer, "seed") for initializer, _ in self._weights]
        seeds = tf.TensorSpec((sum(self._seeded), None, 2), tf.int64)
        self._program = tf.function(self._draw, autograph=False).get_concrete_function(seeds)

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
        seeded = itertools.compress(self._weights, self._seeded)
        return [
            tf.map_fn(
                lambda seed, initializer=initializer, shape=shape: _with_seed(initializer, seed)(
                    shape, dtype="float32"
                ),
                column,
                fn_output_signature=tf.float32,
            )
            for (initializer, shape), column in zip(seeded, tf.unstack(seeds), strict=True)
        ]


class _Given(keras.random.SeedGenerator):
    """A seed that is a tensor, where Keras takes a number or a generator."""

    def __init__(self, seed):
        self._seed = seed

    def next(self, ordered=True):
        return self._seed


def _with_seed(initializer, seed):
    initializer = copy.copy(initializer)
    initializer.seed = _Given(seed)
    return initializer


def _initializer(model, weight):
    """The initializer of a weight, which its layer keeps under the weight's name."""
    for layer in _layers(model):
        if any(own is weight for own in layer.weights):
            initializer = getattr(layer, f"{weight.name}_initializer", None)
            if initializer is not None:
                return initializer
    raise KerasXorError(
        f"a study cannot draw the weight {weight.path}, whose layer names no initializer of it: "
        "leave out that layer"
    )


def _layers(model):
    """The layers of `model` and of the models within it."""
    for layer in model.layers:
        yield from _layers(layer) if hasattr(layer, "layers") else [layer]
