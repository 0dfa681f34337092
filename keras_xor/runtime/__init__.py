"""The TensorFlow process: backend, log output and interrupts."""

from keras_xor.runtime.backend import get_device_name, import_keras, on_device, set_backend
from keras_xor.runtime.interrupts import held_interrupts
from keras_xor.runtime.quiet import silence
