"""Files of a trained model and its run: written atomically, read as untrusted."""

from keras_xor.files.checkpoint import Checkpoint
from keras_xor.files.exporting import export
from keras_xor.files.history import is_history_of_another, load_history
from keras_xor.files.model import load_model, load_network, save_model
from keras_xor.files.record import Recorder, is_record_of_another, load_record
from keras_xor.files.run import save_run
from keras_xor.files.writing import check_writable
