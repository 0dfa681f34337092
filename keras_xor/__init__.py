"""Modeling XOR with a neural network, in Keras.

The guide is in `recipe`, `data`, `model`, `training` and `prediction`, to be read in this order.
`__init__.pyi` lists the public names. What needs TensorFlow is imported on first use.
"""

from typing import Any

import lazy_loader

from keras_xor.recipe import Recipe
from keras_xor.runtime import set_backend
from keras_xor.values import KerasXorError

__version__ = "0.1.0"
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name in __all__:
        set_backend()
    return _load(name)
