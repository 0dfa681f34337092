"""Check the contents of a model file before Keras loads it.

`keras.saving.load_model(safe_mode=True)` runs no untrusted code, but it allocates as much memory
as the file asks for.
"""

import io
import json
import math
import zipfile
from typing import NamedTuple

import h5py

from keras_xor.checks import ACTIVATIONS, LOSSES, MOST_HIDDEN_UNITS, KerasXorError

MOST_MODEL_BYTES = 2**22  # Per file, which takes some 25 kB for the guide's network

_MEMBERS = ["config.json", "metadata.json", "model.weights.h5"]
_MOST_CONFIG_BYTES = 2**14  # The guide's network takes some 4 kB
_LARGEST_IN_LAYERS = MOST_HIDDEN_UNITS  # With the limits above, some 40 MiB of weights
_LARGEST_ELSEWHERE = 2**10  # Such as the thresholds of a metric
_LARGEST_SHAPE = 2**16  # The product of its sides
_MOST_ITERATIONS = 100  # In a step of Muon
_UNLIMITED = {"learning_rate", "seed", "shared_object_id", "steps_per_execution"}


class Kinds(NamedTuple):
    """Which networks and layers a configuration may have."""

    networks: tuple
    layers: tuple


_FUNCTIONAL = ("keras.src.models.functional", "Functional")
OURS = Kinds((_FUNCTIONAL,), ("InputLayer", "Concatenate", "Dense"))
SMALL = Kinds(
    (_FUNCTIONAL, ("keras", "Sequential")),
    (*OURS.layers, "Activation", "ELU", "LeakyReLU", "PReLU", "ReLU"),
)

_FUNCTION = "builtins", "function"
_FUNCTIONS = {*ACTIVATIONS, *LOSSES}
_CLASSES = {(None, "__keras_tensor__"), ("keras", "DTypePolicy"), _FUNCTION}
_OPTIMIZERS = {"keras.optimizers", "keras.optimizers.schedules"}  # Their numbers allocate nothing.
_MODULES = _OPTIMIZERS | {
    *("keras.constraints", "keras.initializers", "keras.losses"),
    *("keras.metrics", "keras.regularizers"),
}


def read_model(content):
    """Read a model file, if it is safe to load with Keras.

    Args:
        content: The bytes of the file.

    Returns:
        Its configuration, a dict, and its weights, an HDF5 file as bytes.

    Raises:
        KerasXorError: the file is not safe to load. Damaged files may raise other errors.
    """
    config, weights = _members(content)
    _check_weights(weights)
    return read_config(config), weights


def read_network(content):
    """Read the configuration of a small model from its file; returns and raises as `read_config`.

    Args:
        content: The bytes of the file.
    """
    config, _ = _members(content)
    return read_config(config, SMALL)


def _members(content):
    """The configuration and the weights in a model file, as bytes."""
    if len(content) > MOST_MODEL_BYTES:
        raise KerasXorError(f"it is larger than {MOST_MODEL_BYTES >> 20} MiB")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if sorted(member.filename for member in members) != _MEMBERS:
            raise KerasXorError(f"it does not contain exactly {', '.join(_MEMBERS)}")
        check_stored(members)
        return archive.read("config.json"), archive.read("model.weights.h5")


def check_stored(members):
    # Uncompressed members cannot grow when they are unpacked.
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise KerasXorError("its members are compressed, unlike those of Keras and this package")


def read_config(content, kinds=OURS):
    """Read a model's configuration, if it is safe to build; returns and raises as `read_model`.

    Args:
        content: The configuration as JSON.
        kinds: The `Kinds` of networks and layers to accept. Defaults to this package's.
    """
    if len(content) > _MOST_CONFIG_BYTES:
        raise KerasXorError(f"its config.json is larger than {_MOST_CONFIG_BYTES >> 10} KiB")
    config = json.loads(content)
    if _class(config) not in kinds.networks:
        names = " or ".join(name.replace("F", "f") for _, name in kinds.networks)
        kind = config.get("class_name")
        raise KerasXorError(f"it is not a {names} model, but a {kind!r:.40}")
    _check_layers(config["config"]["layers"])
    for key, value in config.items():
        largest = _LARGEST_IN_LAYERS if key == "config" else _LARGEST_ELSEWHERE
        _check_value(value, key, largest, kinds.layers)
    return config


def _check_layers(layers):
    # Repeated concatenation could double the weights every time.
    concatenations = sum(_class(layer)[1] == "Concatenate" for layer in layers)
    if concatenations > 1 or any(len(layer.get("inbound_nodes", ())) > 1 for layer in layers):
        raise KerasXorError("it concatenates or uses a layer more than once")


def _check_value(value, key, largest, layers):
    if isinstance(value, dict):
        module, name = _class(value)
        _check_class(module, name, layers)
        if name is not None:
            largest = math.inf if module in _OPTIMIZERS else min(largest, _LARGEST_ELSEWHERE)
        if (module, name) == _FUNCTION and value.get("config") not in _FUNCTIONS:
            raise KerasXorError(f"it contains a function {value.get('config')!r:.40}")
        for key, item in value.items():
            _check_value(item, key, largest, layers)
    elif isinstance(value, list):
        if math.prod(item for item in value if type(item) is int and item > 1) > _LARGEST_SHAPE:
            raise KerasXorError(f"its {key!r:.40} is too large")
        for item in value:
            _check_value(item, key, largest, layers)
    elif key == "ns_steps" and value not in range(_MOST_ITERATIONS):
        raise KerasXorError(f"its 'ns_steps' is not below {_MOST_ITERATIONS}")
    elif key == "num_classes" and value != 2:  # It sets both sides of a matrix.
        raise KerasXorError("its 'num_classes' is not 2")
    elif isinstance(value, int | float) and key not in _UNLIMITED and abs(value) > largest:
        raise KerasXorError(f"its {key!r:.40} is larger than {largest}")


def _class(value):
    return value.get("module"), value.get("class_name")


def _check_class(module, name, layers):
    is_layer = module == "keras.layers" and name in layers
    known = name is None or is_layer or module in _MODULES or (module, name) in _CLASSES
    if not known:
        names = " and ".join(layers)
        raise KerasXorError(
            f"it contains a {name!r:.40}, but only the layers {names} and Keras's own losses, "
            "metrics and optimizers are supported"
        )


def _check_weights(content):
    with h5py.File(io.BytesIO(content)) as weights:

        def complaint(name, link):  # An error raised in a visit would be lost in h5py.
            if not isinstance(link, h5py.HardLink):
                return f"its weight {name!r:.40} is a link"
            weight = weights[name]
            if not isinstance(weight, h5py.Dataset):
                return None
            if weight.external or weight.is_virtual:
                return f"its weight {name!r:.40} is in another file"
            if weight.chunks:
                return f"its weight {name!r:.40} is chunked, unlike those of Keras"
            if weight.nbytes > len(content):
                return f"its weight {name!r:.40} is larger than the file"
            return None

        if first := weights.visititems_links(complaint):
            raise KerasXorError(first)
