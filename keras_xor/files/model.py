"""The trained model as a Keras archive, read as untrusted."""

import io

import h5py
import keras
import numpy as np

from keras_xor import checks
from keras_xor.checks import KerasXorError
from keras_xor.data import TRUTH_TABLE
from keras_xor.files.archives import MOST_MODEL_BYTES, read_model, read_network
from keras_xor.files.reading import ADVICE, opening
from keras_xor.files.writing import mark_archive, replacing
from keras_xor.model import MAPPING, build_optimizer, check_model, is_of_xor
from keras_xor.runtime.quiet import no_warnings


def save_model(model, path):
    """Write `model` as a Keras archive, for `load_model` and `keras.saving.load_model`.

    The file opens in Keras 3.15 and later, with or without this package. Keras 3.5 to 3.14 do
    not know all of its fields: build the model there, and call `model.load_weights`.

    Args:
        model: The `keras.Model` to write, with its compilation and optimizer state.
        path: Name of the file, ending in .keras. Folders are created as needed; an
            existing file of this package is replaced once the new one is complete.

    Raises:
        KerasXorError: `path` does not end in .keras or cannot be written, a weight is not
            finite, or `load_model` would not read it: `model.save` writes any model.
    """
    path = checks.model_file(path, "path")
    check_model(model)
    with replacing(path) as new:
        write_model(model, new)


def write_model(model, file, note=""):
    """Write `model` to `file`, a `Path`, with a note in its comment."""
    if not finite(model.get_weights()):
        raise KerasXorError(
            "training diverged and left weights that are not finite: lower the learning rate"
        )
    build_optimizer(model)  # Otherwise, Keras warns on loading.
    model.save(file)
    try:
        _read(file.read_bytes())
    except KerasXorError as refusal:
        raise KerasXorError(
            f"this model cannot be saved because {refusal}: use model.save"
        ) from None
    except Exception as error:  # For example, for a dtype that HDF5 does not support.
        raise KerasXorError(
            "this model cannot be saved because it could not be read back: use model.save"
        ) from error
    mark_archive(file, note)


def load_model(path):
    """Load a model that `save_model` wrote, compiled.

    The file may be untrusted: its bytes are read once and checked, and the model is built from
    them with `safe_mode=True` and without custom objects.

    Args:
        path: Name of the file, ending in .keras.

    Returns:
        A `keras.Model` from `{"x1": x1, "x2": x2}` to a probability, like `build_model`.
        It may have other layers of the kinds that `build_model` uses.

    Raises:
        KerasXorError: there is no such file, it is not a small and simple Keras model
            like this package's, its inputs and output are not those of
            `build_model`, or a weight is not finite.
    """
    return _loaded(path, _read)


def load_network(path):
    """Load the network of a small model that any `model.save` wrote, compiled if it was.

    Its weights are not read. As with `load_model`, the file may be untrusted.

    Args:
        path: Name of the file, ending in .keras.

    Returns:
        A functional or Sequential `keras.Model` with new weights, for `keras_xor.seed_study`.

    Raises:
        KerasXorError: there is no such file, or it is not a Keras model of at most 4 MiB with
            Keras's own dense, concatenation and activation layers, losses and optimizers.
    """
    advice = "choose a small model that model.save wrote"
    return _loaded(path, lambda content: built(read_network(content)), advice)


def _loaded(path, read, advice=ADVICE):
    path = checks.model_file(path, "path")
    with opening(path, "model") as file:
        content = file.read(MOST_MODEL_BYTES + 1)
    try:
        return read(content)
    except KerasXorError as refusal:
        raise KerasXorError(f"{path} cannot be used because {refusal}: {advice}") from None
    except Exception as error:  # An untrusted file may fail anywhere in Keras.
        raise KerasXorError(f"{path} is not a Keras model, or damaged: {advice}") from error


def _read(content):
    """Build a model from the bytes of a file, checked before and after."""
    config, weights = read_model(content)
    model = built(config)
    with h5py.File(io.BytesIO(weights)) as file:
        for number, layer in enumerate(layer for layer in model.layers if layer.weights):
            name = f"dense_{number}" if number else "dense"  # As Keras counts them.
            layer.load_own_variables(file[f"layers/{name}/vars"])
        if model.compiled:
            _load_optimizer(model.optimizer, file.get("optimizer/vars", {}))
    check_network(model)
    return model


def built(config):
    with no_warnings():  # A malformed file may cause any of them.
        return keras.saving.deserialize_keras_object(config, safe_mode=True)


def _load_optimizer(optimizer, state):
    """Restore the state of `optimizer`, which may be missing if it had not trained."""
    untrained = type(optimizer).from_config(optimizer.get_config())
    if len(state) == len(optimizer.variables):
        optimizer.load_own_variables(state)
    elif len(state) != len(untrained.variables):
        raise KerasXorError("its optimizer state is incomplete")


def check_network(model):
    """Raise `KerasXorError` unless `model` gives a probability for `x1` and `x2`."""
    if not is_of_xor(model):
        raise KerasXorError(f"it does not map {MAPPING}")
    if model.layers[-1].get_config().get("activation") != "sigmoid":
        raise KerasXorError("its output activation is not a sigmoid")
    x1, x2 = np.array(TRUTH_TABLE, np.float32).reshape(2, -1, 1)
    if not finite([*model.get_weights(), model({"x1": x1, "x2": x2})]):
        raise KerasXorError("its weights are not finite, or too large")


def finite(arrays):
    return all(np.isfinite(array).all() for array in arrays)
