"""Modeling XOR with a neural network, in Keras.

Names and modules that need TensorFlow load it on their first use: it takes seconds.
"""

import importlib
import importlib.metadata

from keras_xor import checks, recipe
from keras_xor.checks import KerasXorError

_HOMES = {
    "build_model": "model",
    "load_model": "files",
    "predict": "prediction",
    "save_model": "files",
    "train": "training",
    "xor_batches": "data",
}
_MODULES = {
    *("benchmark", "checkpoints", "data", "export", "files", "model"),
    *("plots", "prediction", "seed_study", "training", "writing"),
}

__all__ = ["KerasXorError", "__version__", "recipe", *_HOMES]

__version__ = importlib.metadata.version("keras_xor")


def __getattr__(name):
    home = _HOMES.get(name, name)
    if home not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    checks.keras_backend()
    module = importlib.import_module(f"{__name__}.{home}")
    return getattr(module, name) if name in _HOMES else module


def __dir__():
    return sorted({*globals(), *__all__, *_MODULES})
