"""The TensorFlow process: backend, log output and interrupts."""

from keras_xor.runtime.backend import import_keras, keras_backend, on_device
from keras_xor.runtime.interrupts import held_interrupts
from keras_xor.runtime.quiet import silence
