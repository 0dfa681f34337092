import math

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from conftest import largest_file, one_line

import keras_xor
from keras_xor import recipe
from keras_xor.export import export

FILES = ("new/a.onnx", "new/a.tflite", "new/a", "new/a.b/")


def run(file, x1, x2):
    """The answers of an export, in the runtime that its name tells."""
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


def formula(model, x1, x2):
    """What the network says, in Python's float64."""
    w1, b1, w2, b2 = (weight.astype(float) for weight in model.get_weights())
    hidden = np.tanh(x1 * w1[0] + x2 * w1[1] + b1)
    return 1 / (1 + math.exp(-(hidden @ w2[:, 0] + b2[0])))


@pytest.mark.parametrize("name", FILES)
def test_exports_answer_as_the_formula_does(script, trained, trained_file, tmp_path, name):
    status, output, errors = script("export.py", "--model", trained_file, "--to-file", name)
    assert (status, errors) == (0, "")
    exported, difference = output.splitlines()
    assert exported == f"export: {name}"
    assert 0 <= float(difference.removeprefix("largest difference from Keras: ")) < 1e-6

    rng = np.random.default_rng(0)
    for count in (1, 4, 300):  # The batch size is free.
        x1, x2 = rng.random((2, count))
        expected = [formula(trained, *point) for point in zip(x1, x2, strict=True)]
        np.testing.assert_allclose(run(tmp_path / name, x1, x2), expected, rtol=0, atol=1e-6)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name.split("/")[1]]


def test_inputs_keep_their_names(trained, tmp_path):
    export(trained, tmp_path / "a.onnx")
    export(trained, tmp_path / "a.tflite")
    export(trained, tmp_path / "a")
    inputs = onnxruntime.InferenceSession(tmp_path / "a.onnx").get_inputs()
    assert {tensor.name: tensor.shape[1:] for tensor in inputs} == {"x1": [1], "x2": [1]}
    signatures = Interpreter(str(tmp_path / "a.tflite")).get_signature_list()
    assert sorted(signatures["serving_default"]["inputs"]) == ["x1", "x2"]
    loaded = tf.saved_model.load(str(tmp_path / "a"))
    _, named = loaded.signatures["serving_default"].structured_input_signature
    assert {name: spec.shape.as_list() for name, spec in named.items()} == {
        "x1": [None, 1],
        "x2": [None, 1],
    }


def another_model():
    return keras_xor.build_model(seed=9)


@pytest.mark.parametrize("name", FILES)
def test_an_export_replaces_the_one_before(trained, tmp_path, name):
    export(another_model(), f"{tmp_path}/{name}")
    export(trained, f"{tmp_path}/{name}")
    expected = keras_xor.predict(trained, *recipe.TRUTH_TABLE)
    actual = run(tmp_path / name, *recipe.TRUTH_TABLE)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)
    assert len(list((tmp_path / "new").iterdir())) == 1


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("off", [2e-5, math.nan])
def test_an_export_that_differs_is_not_kept(trained, tmp_path, monkeypatch, name, off):
    export(another_model(), f"{tmp_path}/{name}")
    before = contents(tmp_path)
    monkeypatch.setattr(
        keras_xor.export, "predict", lambda *inputs: keras_xor.predict(*inputs) + off
    )
    with pytest.raises(keras_xor.KerasXorError, match=r"would differ from Keras by .+ than 1e-05"):
        export(trained, f"{tmp_path}/{name}")
    assert contents(tmp_path) == before
    with pytest.raises(keras_xor.KerasXorError, match="would differ"):
        export(trained, f"{tmp_path}/new/b{name[5:]}")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", FILES)
def test_a_full_disk(script, trained_file, tmp_path, name):
    assert script("export.py", "--model", trained_file, "--to-file", name)[0] == 0
    before = contents(tmp_path)
    with largest_file(400):
        status, output, errors = script("export.py", "--model", trained_file, "--to-file", name)
    assert (status, output) == (1, "")
    assert f"cannot write {name} (" in one_line(errors)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "package"),
    [("a.onnx", "tf2onnx"), ("a.onnx", "onnxruntime"), ("a.tflite", "ai_edge_litert")],
)
def test_without_the_extra(trained, tmp_path, monkeypatch, name, package):
    found = keras_xor.export.importlib.util.find_spec
    monkeypatch.setattr(
        keras_xor.export.importlib.util,
        "find_spec",
        lambda asked: None if asked == package else found(asked),
    )
    message = rf"takes {package}: pip install -e '\.\[export\]' brings it"
    with pytest.raises(keras_xor.KerasXorError, match=message):
        export(trained, tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_other_folders_and_files_are_left_alone(trained, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("kept")
    (tmp_path / "file").write_text("kept")
    (tmp_path / "a.onnx").mkdir()
    before = contents(tmp_path)
    for name, complaint in (
        ("full", "is a folder of other things: name a new one"),
        ("file", "is a file: name a folder"),
        ("file/a.onnx", "cannot write"),
        ("a.onnx", "is a folder: name a file"),
    ):
        with pytest.raises(keras_xor.KerasXorError, match=complaint):
            export(trained, tmp_path / name)
    assert contents(tmp_path) == before
    (tmp_path / "empty").mkdir()
    export(trained, tmp_path / "empty")


@pytest.mark.parametrize("name", ["a.pb", "a.h5", "a.keras", "a/b.txt"])
def test_other_suffixes(trained, name):
    with pytest.raises(keras_xor.KerasXorError, match=r"to_file must end in \.onnx or \.tflite"):
        export(trained, name)
