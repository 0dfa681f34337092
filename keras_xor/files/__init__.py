"""Models on disk: written whole or not at all, loaded even from strangers, and exported."""

from keras_xor.files.exporting import export
from keras_xor.files.models import load_any_model, load_model, save_model
from keras_xor.files.writing import Throttle, check_writable, replacing
