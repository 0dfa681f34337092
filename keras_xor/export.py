"""The trained model for other runtimes, each asked before its export is called done."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_xor import checks, recipe
from keras_xor.checks import KerasXorError
from keras_xor.prediction import predict
from keras_xor.quiet import silent_stderr
from keras_xor.writing import replacing, replacing_folder

TOLERANCE = 1e-5


def export(model, to_file):
    """Write `model` for another runtime, with Keras's `model.export`, and check it there.

    Inputs x1 and x2 keep their names and a free batch size. The runtime's answers on the
    truth table and a grid of 50 x 50 points are compared with Keras's; what stood at
    `to_file` stays until they agree.

    Args:
        model: A `keras.Model` such as `build_model` or `load_model` returns.
        to_file: Name of a file that ends in .onnx (ONNX) or .tflite (LiteRT), or of a
            folder, by a trailing slash or no suffix (a TensorFlow SavedModel).

    Returns:
        The largest difference from Keras, at most 1e-5.

    Raises:
        KerasXorError: `to_file` has another suffix or cannot be written, a package is
            missing, or the difference is larger.
    """
    to_file = checks.export_file(to_file, "to_file")
    format, packages, answers = _runtime(to_file)
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise KerasXorError(
            f"{to_file} takes {' and '.join(missing)}: pip install -e '.[export]' brings it"
        )
    place = replacing_folder(to_file) if format == "tf_saved_model" else replacing(to_file)
    x, y = _points(model)
    with place as new, warnings.catch_warnings(action="ignore"), silent_stderr():
        try:
            model.export(str(new), format=format, verbose=False)
        except tf.errors.OpError as error:  # TensorFlow's own errors of a full disk.
            raise OSError(error.message) from error
        difference = float(np.max(np.abs(answers(str(new), x).ravel() - y)))
        if not difference <= TOLERANCE:
            raise KerasXorError(
                f"{to_file} would differ from Keras by {difference:.2g}, more than {TOLERANCE:g}: "
                "its runtime does not do for this model"
            )
    return difference


def _runtime(to_file):
    """Keras's name of the format, the packages it takes, and what asks the runtime."""
    return {
        ".onnx": ("onnx", ("tf2onnx", "onnxruntime"), _ask_onnx),
        ".tflite": ("litert", ("ai_edge_litert",), _ask_litert),
    }.get(
        "" if to_file.endswith("/") else Path(to_file).suffix,
        ("tf_saved_model", (), _ask_saved_model),
    )


def _ask_onnx(file, x):
    import onnxruntime

    return onnxruntime.InferenceSession(file).run(None, x)[0]


def _ask_litert(file, x):
    from ai_edge_litert.interpreter import Interpreter

    (y,) = Interpreter(file).get_signature_runner()(**x).values()
    return y


def _ask_saved_model(folder, x):
    loaded = tf.saved_model.load(folder)  # It holds the variables while it is named.
    return loaded.serve(x).numpy()


def _points(model):
    """Inputs of shape `(2504, 1)`, and what Keras makes of them."""
    axis = np.linspace(0, 1, 50)
    grid = np.reshape(np.meshgrid(axis, axis), (2, -1))
    x1, x2 = np.hstack([recipe.TRUTH_TABLE, grid])
    x = {"x1": np.float32(x1).reshape(-1, 1), "x2": np.float32(x2).reshape(-1, 1)}
    return x, predict(model, x1, x2)
