"""Export a trained model to other runtimes, and check the result there."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_xor import checks
from keras_xor.checks import KerasXorError, shown
from keras_xor.data import TRUTH_TABLE
from keras_xor.files.writing import MARK, replacing, replacing_folder
from keras_xor.model import check_model
from keras_xor.prediction import predict
from keras_xor.runtime.quiet import silence

TOLERANCE = 1e-5


def export(model, to_file):
    """Export `model` to another runtime with Keras's `model.export`, and check it there.

    The inputs keep their names, the order x1, x2 and a dynamic batch size. The runtime's
    predictions for the truth table and a grid of 50 x 50 points, with inputs passed by name and
    by position, are compared with Keras's; `to_file` is replaced only if they agree.

    Args:
        model: A float32 `keras.Model`, such as `build_model` or `load_model` returns.
        to_file: Name of a .onnx file (ONNX), a .tflite file (LiteRT), or a folder with a
            trailing slash or no suffix (TensorFlow SavedModel).

    Returns:
        The largest difference from Keras, at most 1e-5.

    Raises:
        KerasXorError: `to_file` has another suffix or cannot be written, a package is
            missing, the model has other inputs or is not float32, the runtime does not
            support it, or the difference is larger.
    """
    to_file = checks.export_file(to_file, "to_file")
    check_model(model)
    _check_float32(model)
    target = _target(to_file)
    missing = [package for module, package in target.packages.items() if not _is_there(module)]
    if missing:
        raise KerasXorError(f"to write {to_file}, first pip install {' '.join(missing)}")
    place = replacing_folder(to_file) if target is _SAVED_MODEL else replacing(to_file)
    model = _in_order(model)
    x, y = _points(model)
    with place as new, silence():
        try:
            model.export(str(new), format=target.format, verbose=False)
        except tf.errors.OpError as error:  # TensorFlow's own errors, as on a full disk.
            raise OSError(error.message) from error
        target.finish(new)
        try:
            answers = target.ask(str(new), x)
        except Exception as error:  # Each runtime has its own errors.
            raise KerasXorError(
                f"{to_file} would not work, its runtime says {shown(str(error))}: "
                "export to another format"
            ) from error
        differences = [np.abs(y - answer.ravel()) for answer in answers]
        difference = float(np.max(differences))  # It is nan if any of them is.
        if not difference <= TOLERANCE:
            raise KerasXorError(
                f"{to_file} would differ from Keras by {difference:.2g}, more than {TOLERANCE:g}: "
                "export to another format"
            )
    return difference


def _check_float32(model):
    for tensor in model.inputs:
        if tensor.dtype != "float32":
            raise KerasXorError(
                f"model must be float32, but its input {tensor.name} is {tensor.dtype}: "
                "build it with dtype='float32'"
            )
    for layer in model.layers:
        if layer.weights and layer.compute_dtype != "float32":
            raise KerasXorError(
                f"model must be float32, but its layer {layer.name} computes in "
                f"{layer.compute_dtype}: build it with dtype='float32'"
            )


def _in_order(model):
    """Rebuild `model` with a dict of x1 and x2 as its inputs, in this order."""
    inputs = {tensor.name: tensor for tensor in model.inputs}
    return keras.Model({"x1": inputs["x1"], "x2": inputs["x2"]}, model.outputs[0])


def _is_there(module):
    return importlib.util.find_spec(module) is not None


def _finish_onnx(file):
    import onnx

    model = onnx.load(file)
    model.doc_string = MARK
    onnx.save(model, file)


def _finish_litert(file):
    """Put x1 first: the converter sorts the inputs by a hash of their names."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(file.read_bytes())
    model.description = MARK
    graph = model.subgraphs[0]
    graph.inputs = sorted(graph.inputs, key=lambda tensor: graph.tensors[tensor].name)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    file.write_bytes(builder.Output())


def _ask_onnx(file, x):
    import onnxruntime

    session = onnxruntime.InferenceSession(file)
    by_position = dict(zip([put.name for put in session.get_inputs()], x.values(), strict=True))
    return [session.run(None, inputs)[0] for inputs in (x, by_position)]


def _ask_litert(file, x):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(file)
    (by_name,) = interpreter.get_signature_runner()(**x).values()
    for details, values in zip(interpreter.get_input_details(), x.values(), strict=True):
        interpreter.resize_tensor_input(details["index"], values.shape)
    interpreter.allocate_tensors()
    for details, values in zip(interpreter.get_input_details(), x.values(), strict=True):
        interpreter.set_tensor(details["index"], values)
    interpreter.invoke()
    return by_name, interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _ask_saved_model(folder, x):
    loaded = tf.saved_model.load(folder)  # This reference keeps the variables alive.
    signature = loaded.signatures["serving_default"]
    names = [tensor.name.split(":")[0] for tensor in signature.inputs[: len(x)]]
    (by_position,) = signature(
        **dict(zip(names, map(tf.constant, x.values()), strict=True))
    ).values()
    return loaded.serve(x).numpy(), by_position.numpy()


class _Target(NamedTuple):
    format: str  # Name for `keras.Model.export`
    packages: dict  # Names for pip, by module
    finish: Callable  # Signs the file and completes what the converter left out
    ask: Callable  # Predicts, with inputs passed by name and by position


_ONNX = _Target(
    "onnx", {"tf2onnx": "tf2onnx", "onnxruntime": "onnxruntime"}, _finish_onnx, _ask_onnx
)
_LITERT = _Target("litert", {"ai_edge_litert": "ai-edge-litert"}, _finish_litert, _ask_litert)
_SAVED_MODEL = _Target("tf_saved_model", {}, lambda folder: None, _ask_saved_model)


def _target(to_file):
    suffix = "" if to_file.endswith("/") else Path(to_file).suffix
    return {".onnx": _ONNX, ".tflite": _LITERT}.get(suffix, _SAVED_MODEL)


def _points(model):
    """Inputs of shape `(2504, 1)`, and Keras's predictions for them."""
    axis = np.linspace(0, 1, 50)
    grid = np.reshape(np.meshgrid(axis, axis), (2, -1))
    x1, x2 = np.hstack([TRUTH_TABLE, grid])
    x = {"x1": np.float32(x1).reshape(-1, 1), "x2": np.float32(x2).reshape(-1, 1)}
    return x, predict(model, x1, x2)
