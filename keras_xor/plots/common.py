"""Shared by the charts."""

from keras_xor.files.writing import MARK

SIGNATURE = {"generator": MARK}
