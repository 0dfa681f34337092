"""Write all results of a run together."""

from keras_xor import checks
from keras_xor.files.history import note_of, write_history
from keras_xor.files.model import write_model
from keras_xor.files.record import write_record
from keras_xor.files.writing import replacing_all
from keras_xor.model import check_model

_CHECKS = {
    "model": checks.model_file,
    "history": checks.csv_file,
    "record": checks.record_file,
}


def save_run(outputs, model, history, weights=None):
    """Write all results of a run; no file is replaced until all are written.

    Args:
        outputs: A dict of paths with the keys "model", "history" and, if there are
            `weights`, "record".
        model: See `save_model`.
        history: The `keras.callbacks.History` that `train` returned, written as CSV with
            one row per epoch, counted from 1.
        weights: `Recorder.weights`, written as a NumPy archive. Defaults to `None`.

    Raises:
        KerasXorError: a file cannot be written, or `save_model` would refuse `model`.
    """
    check_model(model)
    outputs = {name: _CHECKS[name](path, name) for name, path in outputs.items()}
    with replacing_all(outputs.values()) as files:
        new = dict(zip(outputs, files, strict=True))
        write_history(history, new["history"])
        write_model(model, new["model"], note_of(new["history"]))
        if weights:
            write_record(model, weights, new["record"])
