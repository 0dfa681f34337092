"""Shared by the charts."""

import numpy as np

from keras_xor.files.writing import MARK

SIGNATURE = {"generator": MARK}


def evenly(length, count):
    """`count` evenly spaced indices of a sequence, including the first and the last."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(int).tolist()
