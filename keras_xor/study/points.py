"""The points that a study trains on, and when they are learned."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_xor.checks import KerasXorError
from keras_xor.data import TRUTH_TABLE, labels_of
from keras_xor.signature import call, gives_logits, input_structure, loss_name, model_inputs


class Points:
    """Points in the form that a model takes, their labels, and which predictions are right.

    Args:
        model: A compiled `keras.Model`.
        x: Its inputs at the points, in the structure that it takes; or all of them as the columns
            of one array. Defaults to `None`: (0, 0), (0, 1), (1, 0) and (1, 1).
        y: Their labels, in the structure of its outputs, or as the columns of one array. Defaults
            to `None`: `labels`; one-hot for two outputs, unless the loss is sparse.
        labels: The labels of the four points if `y` is left out, such as "0110".

    Attributes:
        x: The inputs, of shape `(points, features)` and dtype float32.
        y: The labels, of shape `(points, labels)` and dtype float32.
        names: A name for each prediction of a run, such as "y_01".
    """

    def __init__(self, model, x=None, y=None, labels="0110"):
        if (x is None) != (y is None):
            raise KerasXorError("x and y belong together: give both, or neither")
        x = model_inputs(model, *TRUTH_TABLE) if x is None else x
        self._inputs = input_structure(model) if hasattr(model, "inputs") else x
        self.x = _columns(x, self._inputs, "x")
        self._outputs = call(model, self.inputs(self.x))
        self._logits, self._sparse = gives_logits(model), "sparse" in loss_name(model)
        if self._sparse:  # One label for all outputs of a layer
            self._labels = keras.tree.map_structure(lambda output: output[..., :1], self._outputs)
        else:
            self._labels = self._outputs
        y = self._from_truth_table(labels_of(labels)) if y is None else y
        self.y = _columns(y, self._labels, "y")
        if len(self.x) != len(self.y):
            raise KerasXorError(f"x has {len(self.x)} points, y has {len(self.y)}")
        one_hot = self.y.shape[1] > 1 and np.isin(self.y, (0, 1)).all() and self.y.sum(1) == 1
        self._is_choice = self._sparse or bool(np.all(one_hot))
        self.names = self._names()

    def _from_truth_table(self, labels):
        size = sum(map(_size, keras.tree.flatten(self._labels)))
        if size > 2:
            raise KerasXorError("model has more than two outputs: give x and y")
        return labels[:, None] if size == 1 else np.eye(2)[labels]

    def inputs(self, x):
        """Points of shape `(batch, features)` in the structure that the model takes."""
        return _structured(x, self._inputs)

    def labels(self, y):
        """Labels of shape `(batch, labels)` in the structure of the outputs."""
        return _structured(y, self._labels)

    def flat(self, outputs):
        """The outputs of the model as a tensor of shape `(batch, numbers)`."""
        leaves = keras.tree.flatten(outputs)
        return tf.concat([tf.reshape(leaf, (-1, _size(leaf))) for leaf in leaves], axis=1)

    def all_right(self, flat):
        """Whether the outputs at all points are right.

        Of the outputs of a classifier, the largest counts. Otherwise, each is nearest to its
        label: 0.5 separates 0 and 1, or 0 if they are logits.
        """
        if self._is_choice:
            right = tf.argmax(flat, axis=1) == self._classes()
            return tf.reduce_all(right) & tf.reduce_all(tf.math.is_finite(flat))
        levels = np.unique(self.y)
        middles = (levels[1:] + levels[:-1]) / 2 - (0.5 if self._logits else 0)
        ends = np.float32([-np.inf, *middles, np.inf])
        place = np.searchsorted(levels, self.y)
        return tf.reduce_all((flat > ends[place]) & (flat <= ends[place + 1]))

    def predictions(self, flat):
        """The outputs as one prediction for each of `names`; logits become probabilities."""
        if self._logits:
            flat = tf.nn.softmax(flat) if self._is_choice else tf.sigmoid(flat)
        return tf.reshape(flat[:, 1:] if self._is_pair(flat) else flat, (-1,))

    def _is_pair(self, flat):
        """Whether there are the probabilities of two classes, of which the second tells all."""
        return self._is_choice and flat.shape[1] == 2

    def _names(self):
        texts = ["".join(f"{value:g}" for value in point) for point in self.x]
        if len({*texts}) < len(texts) or not np.isin(self.x, range(10)).all():
            texts = [f"{number}" for number in range(1, 1 + len(texts))]
        flat = self.flat(self._outputs)
        if flat.shape[1] == 1 or self._is_pair(flat):
            return [f"y_{text}" for text in texts]
        return [f"y_{text}_{output}" for text in texts for output in range(flat.shape[1])]

    def texts(self):
        """A text for each point and its labels, or its class, such as "(0, 1) -> 1"."""
        labels = self._classes()[:, None] if self._is_choice else self.y
        return [f"{_text(x)} -> {_text(y)}" for x, y in zip(self.x, labels, strict=True)]

    def _classes(self):
        return (self.y[:, 0] if self._sparse else np.argmax(self.y, axis=1)).astype(np.int64)


def read_points(file, model):
    """The inputs of a model and their labels, as columns, from a CSV file with a header.

    Raises:
        KerasXorError: the file is not such a table.
    """
    try:
        table = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2)
    except (OSError, ValueError) as error:
        raise KerasXorError(f"cannot read {file}: {error}") from error
    return np.split(table, [sum(map(_size, model.inputs))], axis=1)


def _columns(values, structure, name):
    """Values in a structure as the columns of one array."""
    leaves = keras.tree.flatten(values)
    if not keras.tree.is_nested(structure) or not np.ndim(leaves[0]):
        leaves = [values]
    leaves = [np.asarray(leaf, np.float32) for leaf in leaves]
    columns = np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)
    sizes = sum(map(_size, keras.tree.flatten(structure)))
    if columns.shape[1] != sizes:
        raise KerasXorError(f"{name} must have {sizes} numbers a point, not {columns.shape[1]}")
    return columns


def _structured(columns, structure):
    """The columns of a tensor in a structure of tensors, with their shapes and dtypes."""
    leaves = keras.tree.flatten(structure)
    columns = tf.split(columns, [*map(_size, leaves)], axis=1)
    shaped = [
        tf.cast(tf.reshape(column, (-1, *leaf.shape[1:])), leaf.dtype)
        for column, leaf in zip(columns, leaves, strict=True)
    ]
    return keras.tree.pack_sequence_as(structure, shaped)


def _size(leaf):
    return math.prod(leaf.shape[1:])


def _text(numbers):
    texts = ", ".join(f"{number:g}" for number in numbers)
    return texts if len(numbers) == 1 else f"({texts})"
