"""Keras on TensorFlow, imported silently."""

import contextlib
import gc
import importlib
import os
import sys

from keras_xor.checks import KerasXorError
from keras_xor.runtime.quiet import silence


def keras_backend():
    """Make TensorFlow Keras's backend; raise `KerasXorError` if another one is set."""
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise KerasXorError(f"KERAS_BACKEND is {backend!r}: unset it, or set it to tensorflow")
    keras = sys.modules.get("keras")
    if hasattr(keras, "backend") and keras.backend.backend() != "tensorflow":
        raise KerasXorError(
            f"Keras runs on {keras.backend.backend()}: set KERAS_BACKEND=tensorflow"
        )


def import_keras():
    """Import Keras and TensorFlow silently, and faster than a plain import."""
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    gc.disable()
    # TensorFlow logs its first lines before it applies the log level.
    with silence():
        importlib.import_module("keras")
    gc.freeze()  # Imported objects stay: searching them for garbage takes a second.
    gc.enable()


@contextlib.contextmanager
def on_device(name):
    """Run a block on a device such as "cpu" or "gpu:1", or on Keras's default if `None`.

    Raises:
        KerasXorError: there is no such device.
    """
    if name is None:
        yield
        return
    keras = importlib.import_module("keras")
    devices = [d for kind in ("cpu", "gpu", "tpu") for d in keras.distribution.list_devices(kind)]
    device = name.lower() if ":" in name else f"{name.lower()}:0"
    if device not in devices:
        raise KerasXorError(f"there is no device {name}: use {' or '.join(devices)}")
    with keras.device(device):
        yield
