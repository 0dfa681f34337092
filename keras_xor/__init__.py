"""Modeling XOR with a neural network, in Keras.

The guide is in `recipe`, `data`, `model`, `training` and `prediction`, to be read in this order.
Names and modules that need TensorFlow import it on first use, since that takes seconds.
"""

import importlib

from keras_xor.checks import KerasXorError
from keras_xor.recipe import Recipe
from keras_xor.runtime import keras_backend

_HOMES = {
    "xor_batches": "data",
    "build_model": "model",
    "train": "training",
    "predict": "prediction",
    "Run": "run",
    "train_run": "recording",
    "save_model": "files",
    "load_model": "files",
    "export": "files",
    "Study": "study",
    "seed_study": "study",
    "sweep": "study",
}
_MODULES = {
    *("data", "model", "training", "prediction", "signature"),
    *("files", "run", "recording", "playground", "plots", "study"),
}

__all__ = ["KerasXorError", "Recipe", *_HOMES]


def __getattr__(name):
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version(__name__)
    home = _HOMES.get(name, name)
    if home not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    keras_backend()
    module = importlib.import_module(f"{__name__}.{home}")
    return getattr(module, name) if name in _HOMES else module


def __dir__():
    return sorted({*globals(), *__all__, *_MODULES, "__version__"})
