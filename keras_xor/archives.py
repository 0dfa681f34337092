"""What a model file may hold, looked at before Keras builds anything from it.

`keras.saving.load_model(safe_mode=True)` runs no code of a stranger's, but it does allocate what
a file asks for, however much.
"""

import io
import json
import os
import zipfile

import h5py

from keras_xor.checks import MOST_HIDDEN_UNITS, KerasXorError

_MEMBERS = ["config.json", "metadata.json", "model.weights.h5"]
_MOST_BYTES = 2**22  # of the file, which is some 25 kB for the guide's network
_MOST_CONFIG_BYTES = 2**14  # of some 4 kB
_LARGEST_NUMBER = MOST_HIDDEN_UNITS  # With the limits above, some 40 MiB of weights
_UNLIMITED = {"learning_rate", "seed", "shared_object_id"}

_NETWORK = ("keras.src.models.functional", "Functional")
_LAYERS = ("InputLayer", "Concatenate", "Dense")
_CLASSES = {
    *(("keras.layers", name) for name in _LAYERS),
    (None, "__keras_tensor__"),
    ("keras", "DTypePolicy"),
}
_MODULES = {
    *("keras.constraints", "keras.initializers", "keras.losses"),
    *("keras.metrics", "keras.optimizers", "keras.regularizers"),
}


def check_archive(file):
    """Raise unless Keras may read `file`: `KerasXorError`, or what damage makes a reader raise.

    Args:
        file: The model file, open for reading in binary.
    """
    if os.fstat(file.fileno()).st_size > _MOST_BYTES:
        raise KerasXorError(f"it is larger than {_MOST_BYTES >> 20} MiB")
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if sorted(member.filename for member in members) != _MEMBERS:
            raise KerasXorError(f"it does not hold just {', '.join(_MEMBERS)}")
        # Keras stores; what is not compressed cannot unpack to more than there is.
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise KerasXorError("its members are compressed, which Keras does not do")
        _check_config(archive.read("config.json"))
        _check_weights(archive.read("model.weights.h5"))


def _check_config(content):
    if len(content) > _MOST_CONFIG_BYTES:
        raise KerasXorError(f"its config.json is larger than {_MOST_CONFIG_BYTES >> 10} KiB")
    config = json.loads(content)
    if _class(config) != _NETWORK:
        raise KerasXorError("it is not a functional model")
    _check_layers(config["config"]["layers"])
    for key, value in config.items():
        _check_value(value, key)


def _check_layers(layers):
    # Concatenation upon concatenation would double the weights every time.
    concatenations = sum(_class(layer)[1] == "Concatenate" for layer in layers)
    if concatenations > 1 or any(len(layer["inbound_nodes"]) > 1 for layer in layers):
        raise KerasXorError("it concatenates or uses a layer more than once")


def _check_value(value, key):
    if isinstance(value, dict):
        _check_class(*_class(value))
        for key, item in value.items():
            _check_value(item, key)
    elif isinstance(value, list):
        for item in value:
            _check_value(item, key)
    elif isinstance(value, int | float) and key not in _UNLIMITED and abs(value) > _LARGEST_NUMBER:
        raise KerasXorError(f"its {key!r:.40} is larger than {_LARGEST_NUMBER}")


def _class(value):
    return value.get("module"), value.get("class_name")


def _check_class(module, name):
    if name is not None and module not in _MODULES and (module, name) not in _CLASSES:
        layers = " and ".join(_LAYERS)
        raise KerasXorError(f"it holds a {name!r:.40}, and of layers only {layers} are read")


def _check_weights(content):
    with h5py.File(io.BytesIO(content)) as weights:

        def complaint(name, link):  # Raised in a visit, an error would not get through h5py.
            if not isinstance(link, h5py.HardLink):
                return f"its weight {name!r:.40} is a link"
            weight = weights[name]
            if isinstance(weight, h5py.Dataset) and weight.nbytes > len(content):
                return f"its weight {name!r:.40} is larger than the file"
            return None

        if first := weights.visititems_links(complaint):
            raise KerasXorError(first)
