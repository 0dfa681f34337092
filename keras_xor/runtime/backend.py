"""Keras on TensorFlow, imported silently."""

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterator

from keras_xor.runtime.quiet import silence
from keras_xor.values import KerasXorError


def set_backend() -> None:
    """Make TensorFlow Keras's backend; raise `KerasXorError` if another one is set."""
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise KerasXorError(f"KERAS_BACKEND is {backend!r}: unset it, or set it to tensorflow")
    keras = sys.modules.get("keras")
    if keras and hasattr(keras, "backend") and keras.backend.backend() != "tensorflow":
        raise KerasXorError(
            f"Keras runs on {keras.backend.backend()}: set KERAS_BACKEND=tensorflow"
        )


def import_keras() -> None:
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
def on_device(name: str | None) -> Iterator[None]:
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


def get_device_name() -> str:
    """The device that Keras runs on here, such as "cpu:0" or "gpu:0"."""
    tensor = importlib.import_module("tensorflow").zeros(())
    return ":".join(tensor.device.lower().split(":")[-2:])
