"""The weights of a model before training and after every epoch."""

import json

import keras
import numpy as np

from keras_xor import checks
from keras_xor.checks import KerasXorError
from keras_xor.files.archives import read_config
from keras_xor.files.arrays import MOST_BYTES, read_arrays, write_arrays
from keras_xor.files.model import built, check_network, finite, load_model
from keras_xor.files.reading import model_beside, opening


class Recorder(keras.callbacks.Callback):
    """Records the weights before training and after every epoch.

    Attributes:
        weights: List with one float32 array per weight of the model, each of shape
            `(1 + epochs, *shape)`. To continue a record, set it before training.
    """

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_train_begin(self, logs=None):
        epochs = self.params["epochs"]
        if 4 * self.model.count_params() * (1 + epochs) > MOST_BYTES:
            raise KerasXorError(
                f"a record of {epochs} epochs of this model would be larger than "
                f"{MOST_BYTES >> 20} MiB: train fewer epochs, or without a record"
            )
        if not self.weights:
            self._states.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self._states.append(self.model.get_weights())

    @property
    def weights(self):
        if self._states:
            new = [np.stack(states) for states in zip(*self._states, strict=True)]
            earlier = self._earlier or [weight[:0] for weight in new]
            self.weights = [np.concatenate(pair) for pair in zip(earlier, new, strict=True)]
        return self._earlier

    @weights.setter
    def weights(self, weights):
        self._earlier, self._states = weights, []


def write_record(model, weights, file):
    """Write `Recorder.weights` and their model's configuration to `file`, a `Path`."""
    config = keras.saving.serialize_keras_object(model) | {"compile_config": None}
    arrays = {str(n): weight for n, weight in enumerate(weights)}
    write_arrays(file, arrays | {"model": np.array(json.dumps(config))})


def load_record(path):
    """Read the record that `save_run` wrote.

    Args:
        path: Name of the file, ending in .npz.

    Returns:
        A `Recorder` as it was after training, with an uncompiled `model` like
        the one that was trained.

    Raises:
        KerasXorError: there is no such file, or it is not such a record.
    """
    path = checks.record_file(path, "path")
    with opening(path, "record", made_by="train.py --record") as file:
        try:
            return _recorder(read_arrays(file))
        except Exception as error:  # An untrusted file may fail anywhere in NumPy and Keras.
            raise KerasXorError(
                f"{path} is not a training record: choose a file written by train.py --record"
            ) from error


def _recorder(arrays):
    config = read_config(str(arrays.pop("model")))
    model = built(config | {"compile_config": None})
    check_network(model)
    weights = list(arrays.values())
    states = len(weights[0])
    if [weight.shape for weight in weights] != [(states, *w.shape) for w in model.get_weights()]:
        raise KerasXorError("its weights are not those of its model")
    if not states or any(weight.dtype.kind != "f" for weight in weights) or not finite(weights):
        raise KerasXorError("its weights are missing or not finite")
    recorder = Recorder()
    recorder.set_model(model)
    recorder.weights = weights
    return recorder


def is_record_of_another(record, path):
    """Whether a record does not end with the weights of the model next to it.

    Args:
        record: The `Recorder` that `load_record` returned.
        path: Name of its file, ending in .npz. The model has the same name with .keras.
    """
    try:
        model = load_model(model_beside(path))
        pairs = zip(record.weights, model.get_weights(), strict=True)
        return not all(np.array_equal(states[-1], weight) for states, weight in pairs)
    except ValueError:  # There is no such model, or it has other layers.
        return model_beside(path).exists()


def evenly(length, count):
    """`count` evenly spaced indices of a sequence, including the first and the last."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(int).tolist()
