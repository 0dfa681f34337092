"""The points that a study trains on, and when they are learned."""

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_xor.data import TRUTH_TABLE
from keras_xor.signature import (
    call_model,
    get_input_structure,
    get_loss_name,
    make_inputs,
    outputs_logits,
)
from keras_xor.values import KerasXorError


class Points:
    """Points in the form that a model takes, their labels, and which predictions are right.

    Args:
        model: A compiled model.
        x: Its inputs at the points, in the structure that it takes, or as the columns of one array.
            The default is (0, 0), (0, 1), (1, 0) and (1, 1).
        y: Their labels, in the structure of its outputs, or as the columns of one array. The
            default is `labels`; one-hot for two outputs, unless the loss is sparse.
        labels: The labels of the four points, such as "0110".

    Attributes:
        x: The inputs, of shape `(points, features)` and dtype float32.
        y: The labels, of shape `(points, labels)` and dtype float32.
        names: A name for each prediction of a run, such as "y_01".
    """

    def __init__(
        self, model: keras.Model, x: Any = None, y: Any = None, labels: str = "0110"
    ) -> None:
        if (x is None) != (y is None):
            raise KerasXorError("x and y belong together: give both, or neither")
        x = make_inputs(model, *TRUTH_TABLE) if x is None else x
        self._inputs = get_input_structure(model) if hasattr(model, "inputs") else x
        self.x = _to_columns(x, self._inputs, "x")
        self._outputs = call_model(model, self.shape_inputs(self.x))
        self._logits, self._sparse = outputs_logits(model), "sparse" in get_loss_name(model)
        if self._sparse:  # One label for all outputs of a layer
            self._labels = keras.tree.map_structure(lambda output: output[..., :1], self._outputs)
        else:
            self._labels = self._outputs
        y = self._label_truth_table(labels) if y is None else y
        self.y = _to_columns(y, self._labels, "y")
        if len(self.x) != len(self.y):
            raise KerasXorError(f"x has {len(self.x)} points, y has {len(self.y)}")
        one_hot = self.y.shape[1] > 1 and np.isin(self.y, (0, 1)).all() and self.y.sum(1) == 1
        self._is_choice = self._sparse or bool(np.all(one_hot))
        self.names = self._make_names()

    def _label_truth_table(self, labels: str) -> np.ndarray:
        size = sum(map(_count, keras.tree.flatten(self._labels)))
        if size > 2:
            raise KerasXorError("model has more than two outputs: give x and y")
        classes = np.array([*map(int, labels)])
        return classes[:, None] if size == 1 else np.eye(2)[classes]

    def shape_inputs(self, x: Any) -> Any:
        """Points of shape `(batch, features)` in the structure that the model takes."""
        return _to_structure(x, self._inputs)

    def shape_labels(self, y: Any) -> Any:
        """Labels of shape `(batch, labels)` in the structure of the outputs."""
        return _to_structure(y, self._labels)

    def flatten(self, outputs: Any) -> tf.Tensor:
        """The outputs of the model as a tensor of shape `(batch, numbers)`."""
        leaves = keras.tree.flatten(outputs)
        return tf.concat([tf.reshape(leaf, (-1, _count(leaf))) for leaf in leaves], axis=1)

    def are_right(self, flat: tf.Tensor) -> tf.Tensor:
        """Whether the outputs at all points are right.

        Of the outputs of a classifier, the largest counts. Otherwise, each is nearest to its
        label: 0.5 separates 0 and 1, or 0 if they are logits.
        """
        if self._is_choice:
            right = tf.argmax(flat, axis=1) == self._find_classes()
            return tf.reduce_all(right) & tf.reduce_all(tf.math.is_finite(flat))
        levels = np.unique(self.y)
        middles = (levels[1:] + levels[:-1]) / 2 - (0.5 if self._logits else 0)
        ends = np.array([-np.inf, *middles, np.inf], np.float32)
        place = np.searchsorted(levels, self.y)
        return tf.reduce_all((flat > ends[place]) & (flat <= ends[place + 1]))

    def to_predictions(self, flat: tf.Tensor) -> tf.Tensor:
        """The outputs as one prediction for each of `names`; logits become probabilities."""
        if self._logits:
            flat = tf.nn.softmax(flat) if self._is_choice else tf.sigmoid(flat)
        return tf.reshape(flat[:, 1:] if self._is_pair(flat) else flat, (-1,))

    def _is_pair(self, flat: tf.Tensor) -> bool:
        """Whether there are the probabilities of two classes, of which the second tells all."""
        return self._is_choice and flat.shape[1] == 2

    def _make_names(self) -> list[str]:
        texts = ["".join(f"{value:g}" for value in point) for point in self.x]
        if len({*texts}) < len(texts) or not np.isin(self.x, range(10)).all():
            texts = [f"{number}" for number in range(1, 1 + len(texts))]
        flat = self.flatten(self._outputs)
        if flat.shape[1] == 1 or self._is_pair(flat):
            return [f"y_{text}" for text in texts]
        return [f"y_{text}_{output}" for text in texts for output in range(flat.shape[1])]

    def list_texts(self) -> list[str]:
        """A text for each point and its labels, or its class, such as "(0, 1) -> 1"."""
        labels = self._find_classes()[:, None] if self._is_choice else self.y
        return [f"{_to_text(x)} -> {_to_text(y)}" for x, y in zip(self.x, labels, strict=True)]

    def _find_classes(self) -> np.ndarray:
        return (self.y[:, 0] if self._sparse else np.argmax(self.y, axis=1)).astype(np.int64)


def read_points(file: str | Path, model: keras.Model) -> list[np.ndarray]:
    """The inputs of a model and their labels, as columns, from a CSV file with a header.

    Raises:
        KerasXorError: the file is not such a table.
    """
    try:
        table = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2)
    except (OSError, ValueError) as error:
        raise KerasXorError(f"cannot read {file}: {error}") from error
    return np.split(table, [sum(map(_count, model.inputs))], axis=1)


def _to_columns(values: Any, structure: Any, name: str) -> np.ndarray:
    """Values in a structure as the columns of one array."""
    leaves = keras.tree.flatten(values)
    if not keras.tree.is_nested(structure) or not np.ndim(leaves[0]):
        leaves = [values]
    leaves = [np.asarray(leaf, np.float32) for leaf in leaves]
    columns = np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)
    sizes = sum(map(_count, keras.tree.flatten(structure)))
    if columns.shape[1] != sizes:
        raise KerasXorError(f"{name} must have {sizes} numbers a point, not {columns.shape[1]}")
    return columns


def _to_structure(columns: Any, structure: Any) -> Any:
    """The columns of a tensor in a structure of tensors, with their shapes and dtypes."""
    leaves = keras.tree.flatten(structure)
    columns = tf.split(columns, [*map(_count, leaves)], axis=1)
    shaped = [
        tf.cast(tf.reshape(column, (-1, *leaf.shape[1:])), leaf.dtype)
        for column, leaf in zip(columns, leaves, strict=True)
    ]
    return keras.tree.pack_sequence_as(structure, shaped)


def _count(leaf: Any) -> int:
    return math.prod(leaf.shape[1:])


def _to_text(numbers: np.ndarray) -> str:
    texts = ", ".join(f"{number:g}" for number in numbers)
    return texts if len(numbers) == 1 else f"({texts})"
