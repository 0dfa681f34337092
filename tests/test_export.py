import math
import re

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from conftest import largest_file, one_line
from forked import run_script

import keras_xor
from keras_xor.files import export

FILES = ("new/a.onnx", "new/a.tflite", "new/a.b/")


def run(file, x1, x2):
    """The predictions of an export, in the runtime that its name implies."""
    x = {
        "x1": np.array(x1, np.float32).reshape(-1, 1),
        "x2": np.array(x2, np.float32).reshape(-1, 1),
    }
    if str(file).endswith(".onnx"):
        return onnxruntime.InferenceSession(file).run(None, x)[0].ravel()
    if str(file).endswith(".tflite"):
        return Interpreter(str(file)).get_signature_runner()(**x)["output_0"].ravel()
    loaded = tf.saved_model.load(str(file))
    return loaded.serve(x).numpy().ravel()


def run_by_position(file, *x):
    """The prediction at one point, with inputs passed by position."""
    if str(file).endswith(".onnx"):
        session = onnxruntime.InferenceSession(file)
        names = [put.name for put in session.get_inputs()]
        inputs = {name: np.float32([[value]]) for name, value in zip(names, x, strict=True)}
        return session.run(None, inputs)[0].item()
    if str(file).endswith(".tflite"):
        interpreter = Interpreter(str(file))
        interpreter.allocate_tensors()
        for details, value in zip(interpreter.get_input_details(), x, strict=True):
            interpreter.set_tensor(details["index"], np.float32([[value]]))
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).item()
    loaded = tf.saved_model.load(str(file))
    signature = loaded.signatures["serving_default"]
    names = [tensor.name.removesuffix(":0") for tensor in signature.inputs[:2]]
    inputs = {name: tf.constant([[float(value)]]) for name, value in zip(names, x, strict=True)}
    return signature(**inputs)["output_0"].numpy().item()


def find_inputs(file):
    """The names of the inputs of an export."""
    if str(file).endswith(".onnx"):
        return {put.name for put in onnxruntime.InferenceSession(file).get_inputs()}
    if str(file).endswith(".tflite"):
        return {*Interpreter(str(file)).get_signature_list()["serving_default"]["inputs"]}
    signature = tf.saved_model.load(str(file)).signatures["serving_default"]
    return {*signature.structured_input_signature[1]}


def formula(model, x1, x2):
    """The network's prediction, computed in Python's float64."""
    w1, b1, w2, b2 = (weight.astype(float) for weight in model.get_weights())
    hidden = np.tanh(x1 * w1[0] + x2 * w1[1] + b1)
    return 1 / (1 + math.exp(-(hidden @ w2[:, 0] + b2[0])))


@pytest.mark.parametrize("name", FILES)
def test_exports_answer_as_the_formula_does(script, trained, trained_file, tmp_path, name):
    (tmp_path / "new").mkdir()
    if name in FILES[:2]:
        (tmp_path / name).write_text("An older one, which is replaced")
    status, output, errors = script("export.py", "--model", trained_file, "--to-file", name)
    assert (status, errors) == (0, "")
    exported, difference = output.splitlines()
    assert exported == f"export: {name}"
    difference = difference.removeprefix("largest difference from Keras: ")
    assert re.fullmatch(r"0|\d(\.\d)?e-\d\d", difference)
    assert float(difference) < 1e-6

    assert find_inputs(tmp_path / name) == {"x1", "x2"}
    rng = np.random.default_rng(0)
    for count in (1, 4, 300):  # The batch size is free.
        x1, x2 = rng.random((2, count))
        expected = [formula(trained, *point) for point in zip(x1, x2, strict=True)]
        np.testing.assert_allclose(run(tmp_path / name, x1, x2), expected, rtol=0, atol=1e-6)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name.split("/")[1]]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("swapped", [False, True])
def test_x1_is_the_first_input(tmp_path, name, swapped):
    """For a model that treats its inputs differently, built from a dict or a list."""
    built = keras_xor.build_model(seed=0)
    built.set_weights([np.float32([[1] * 8, [-2] * 8]), *built.get_weights()[1:]])
    x1, x2 = built.input["x1"], built.input["x2"]
    model = keras.Model([x2, x1], built.output) if swapped else built
    export(model, f"{tmp_path}/{name}")
    for point in ((0, 1), (1, 0), (0.25, 0.75)):
        expected = formula(built, *point)
        assert run_by_position(tmp_path / name, *point) == pytest.approx(expected, abs=1e-6)
        assert run(tmp_path / name, *point) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("activation", ["gelu", "celu"])
def test_an_activation_that_a_runtime_lacks(tmp_path, activation):
    model = keras_xor.build_model(keras_xor.Recipe(activation=activation))
    with pytest.raises(keras_xor.KerasXorError, match=r"a\.onnx would not work \("):
        export(model, tmp_path / "a.onnx")
    assert not any(tmp_path.iterdir())
    export(model, tmp_path / "a.tflite")


def contents(folder):
    """All files and folders in a folder that may hold some."""
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


class Otherwise(keras.layers.Layer):
    """A layer that computes something else in an export."""

    def __init__(self, off):
        super().__init__()
        self.off = off

    def call(self, x):
        return x if tf.executing_eagerly() else x + self.off


@pytest.mark.parametrize(("name", "off"), [("a", 2e-5), ("a.onnx", math.nan), ("a.tflite", 2e-5)])
def test_an_export_that_differs_is_not_kept(trained, tmp_path, name, off):
    model = keras.Model(trained.input, Otherwise(off)(trained.output))
    (tmp_path / "a").mkdir()
    (tmp_path / "a.onnx").write_text("old")
    (tmp_path / "a.tflite").write_text("old")
    before = contents(tmp_path)
    with pytest.raises(keras_xor.KerasXorError, match=r"would differ from Keras by .+ than 1e-05"):
        export(model, tmp_path / name)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", FILES)
def test_a_full_disk(trained, tmp_path, name):
    (tmp_path / "new").mkdir()
    if name in FILES[:2]:
        export(trained, tmp_path / name)
    before = contents(tmp_path)
    with (
        largest_file(400),
        pytest.raises(keras_xor.KerasXorError, match=r"cannot write .+ \(.+\): choose") as refusal,
    ):
        export(trained, f"{tmp_path}/{name}")
    assert "\n" not in str(refusal.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "package"),
    [("a.onnx", "tf2onnx"), ("a.tflite", "ai_edge_litert")],
)
def test_without_the_extra(trained_file, tmp_path, name, package):
    """In a process where an import of the package fails."""
    options = ("--model", trained_file, "--to-file", name)
    missing = f"import sys; sys.modules[{package!r}] = None"
    status, output, errors = run_script("export.py", *options, cwd=tmp_path, before=missing).wait()
    assert (status, output) == (1, "")
    assert one_line(errors).startswith(f'export.py: {name} needs pip install -e ".[export]": ')
    assert package in errors
    assert not (tmp_path / name).exists()


def test_other_folders_and_files_are_left_alone(trained, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("kept")
    (tmp_path / "file").write_text("kept")
    (tmp_path / "a.onnx").mkdir()
    before = contents(tmp_path)
    for name, complaint in (
        ("full", r"cannot write .+full \(Directory not empty\): choose another"),
        ("file", r"cannot write .+file \(Not a directory\): choose another"),
        ("file/a.onnx", "cannot write"),
        ("a.onnx", r"cannot write .+a\.onnx \(Is a directory\): choose another"),
    ):
        with pytest.raises(keras_xor.KerasXorError, match=complaint):
            export(trained, tmp_path / name)
    assert contents(tmp_path) == before
    (tmp_path / "empty").mkdir()
    export(trained, tmp_path / "empty")


@pytest.mark.parametrize("name", ["a.pb", "a.h5", "a.keras", "a/b.txt"])
def test_other_suffixes(trained, name):
    with pytest.raises(keras_xor.KerasXorError, match=r"must end in \.onnx or \.tflite, or in /"):
        export(trained, name)


@pytest.mark.parametrize(("name", "units"), [("a.onnx", 1), ("a.tflite", 2), ("a", 2)])
def test_a_model_of_pairs_is_exported_as_it_is(tmp_path, name, units):
    """One input of two features; its outputs, such as logits, stay as they are."""
    model = keras.Sequential([keras.Input((2,), name="pair"), keras.layers.Dense(units)])
    model.set_weights([1_000 * weight for weight in model.get_weights()])
    export(model, tmp_path / name)
    pairs = np.random.default_rng(0).random((5, 2), np.float32)
    file = str(tmp_path / name)
    if name == "a.onnx":
        (y,) = onnxruntime.InferenceSession(file).run(None, {"pair": pairs})
    elif name == "a.tflite":
        (y,) = Interpreter(file).get_signature_runner()(pair=pairs).values()
    else:
        loaded = tf.saved_model.load(file)
        y = loaded.serve({"pair": pairs}).numpy()
    np.testing.assert_allclose(y, pairs @ model.get_weights()[0], rtol=1e-5)


def test_a_layer_that_a_runtime_lacks_is_told_in_one_line(tmp_path):
    layer = keras.layers.Lambda(lambda x: tf.numpy_function(np.abs, [x], tf.float32))
    layer.compute_output_shape = lambda shape: shape
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), layer])
    with pytest.raises(keras_xor.KerasXorError, match="export to another format") as refusal:
        export(model, tmp_path / "a.tflite")
    assert "\n" not in str(refusal.value)
    assert not any(tmp_path.iterdir())
