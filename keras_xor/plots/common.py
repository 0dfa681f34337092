"""What the charts share."""

import numpy as np

from keras_xor.files.writing import MARK

SIGNATURE = {"generator": MARK}


def evenly(length, count):
    """`count` indices of a sequence at equal distances, the first and the last among them."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(int).tolist()
