"""Export a trained model to other runtimes, and check the result there."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_xor.files.writing import replacing
from keras_xor.runtime import silence
from keras_xor.signature import make_inputs
from keras_xor.values import KerasXorError, parse_export_suffix

TOLERANCE = 1e-5


def export(model: keras.Model, to_file: str | Path) -> float:
    """Export a model to another runtime with Keras's `model.export`, and check it there.

    The inputs keep their names, in alphabetical order, so that x1 is first. At 50 x 50 points of
    the unit square, with inputs passed by name and by position, the runtime's outputs are compared
    with Keras's.

    Args:
        model: A functional or Sequential model that `predict` takes.
        to_file: A .onnx file (ONNX), a .tflite file (LiteRT), or a new or empty folder with a
            trailing slash or no suffix (TensorFlow SavedModel).

    Returns:
        The largest difference from Keras, at most 1e-5; relative to the largest output
        if that is above 1.

    Raises:
        KerasXorError: `to_file` has another suffix or cannot be written, a package is missing,
            the model has other inputs, the runtime does not support it, or the difference is
            larger.
    """
    target = _TARGETS[parse_export_suffix(to_file)]
    axis = np.linspace(0, 1, 50)
    points = np.reshape(np.meshgrid(axis, axis), (2, -1))
    inputs = make_inputs(model, *points)
    (expected,) = map(np.asarray, keras.tree.flatten(model(inputs, training=False)))
    tensors = {tensor.name: tensor for tensor in model.inputs}
    x = dict(sorted(zip(tensors, keras.tree.flatten(inputs), strict=True)))
    model = keras.Model(tensors, model.outputs[0])
    model(x)  # Otherwise, Keras does not export it.
    with replacing(to_file) as new, silence():
        with _errors_in_one_line(to_file):
            model.export(str(new), format=target.format, verbose=False)
            target.repair(new, [*x])
            outputs = target.run(str(new), x)
        scale = max(1, np.max(np.abs(expected)))  # Logits may be large.
        difference = float(np.max([np.abs(expected - output) for output in outputs]) / scale)
        if not difference <= TOLERANCE:  # It may be nan.
            raise KerasXorError(
                f"{to_file} would differ from Keras by {difference:.2g}, more than {TOLERANCE:g}: "
                "export to another format"
            )
    return difference


@contextlib.contextmanager
def _errors_in_one_line(to_file: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError:
        raise
    except tf.errors.OpError as error:  # TensorFlow's own, as on a full disk
        raise OSError(error.message) from error
    except ImportError as error:
        raise KerasXorError(f'{to_file} needs pip install -e ".[export]": {error}') from error
    except Exception as error:  # Each converter and runtime has its own.
        raise KerasXorError(
            f"{to_file} would not work ({type(error).__name__}: {error}): export to another format"
        ) from error


def _repair_litert(file: Path, names: Sequence[str]) -> None:
    """Put the inputs in their order: the converter sorts them by a hash of their names."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(file.read_bytes())
    graph = model.subgraphs[0]
    order = {f"serving_default_{name}:0".encode(): place for place, name in enumerate(names)}
    graph.inputs = sorted(graph.inputs, key=lambda tensor: order[graph.tensors[tensor].name])
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    file.write_bytes(builder.Output())


def _run_onnx(file: str, x: dict) -> Sequence:
    import onnxruntime

    session = onnxruntime.InferenceSession(file)
    names = [node.name for node in session.get_inputs()]
    by_position = dict(zip(names, x.values(), strict=True))
    return [session.run(None, inputs)[0] for inputs in (x, by_position)]


def _run_litert(file: str, x: dict) -> Sequence:
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


def _run_saved_model(folder: str, x: dict) -> Sequence:
    loaded = tf.saved_model.load(folder)  # This reference keeps the variables alive.
    signature = loaded.signatures["serving_default"]
    names = [tensor.name.split(":")[0] for tensor in signature.inputs[: len(x)]]
    (by_position,) = signature(
        **dict(zip(names, map(tf.constant, x.values()), strict=True))
    ).values()
    return loaded.serve(x).numpy(), by_position.numpy()


class _Target(NamedTuple):
    format: str  # Name for `keras.Model.export`
    run: Callable  # The outputs, with inputs passed by name and by position
    repair: Callable = lambda file, names: None  # Mends what the converter got wrong


_TARGETS = {
    ".onnx": _Target("onnx", _run_onnx),
    ".tflite": _Target("litert", _run_litert, _repair_litert),
    "": _Target("tf_saved_model", _run_saved_model),
}
