import csv
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

import keras_xor
from keras_xor.files import load_history, load_record, save_run

OPEN_WITHOUT_THE_PACKAGE = """
import sys
sys.modules["keras_xor"] = None
import keras, numpy
model = keras.saving.load_model(sys.argv[1])
assert type(model).__module__.startswith("keras."), type(model)
assert model.compiled and model.jit_compile and model.loss == "binary_crossentropy"
x = {"x1": numpy.array([[0.0], [0.0]]), "x2": numpy.array([[0.0], [1.0]])}
print(*model.predict(x, verbose=0).ravel().tolist())
"""


def test_a_bare_process_opens_the_file(trained, trained_file, tmp_path):
    output = subprocess.run(
        [sys.executable, "-c", OPEN_WITHOUT_THE_PACKAGE, trained_file],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    np.testing.assert_allclose(
        [float(number) for number in output.split()],
        keras_xor.predict(trained, [0, 0], [0, 1]),
        rtol=1e-6,
    )


def test_load_gives_back_what_was_saved(tmp_path):
    model = keras_xor.build_model(learning_rate=0.25)
    keras_xor.train(model, epochs=1, steps_per_epoch=9)
    path = tmp_path / "new" / "folder" / "a.keras"
    keras_xor.save_model(model, path)
    loaded = keras_xor.load_model(str(path))
    for expected, actual in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert loaded.optimizer.iterations == 9
    assert loaded.optimizer.learning_rate == 0.25
    assert [file.name for file in path.parent.iterdir()] == ["a.keras"]
    keras_xor.train(loaded, epochs=1, steps_per_epoch=1)
    assert loaded.optimizer.iterations == 10


def test_history_as_csv(tmp_path):
    model = keras_xor.build_model()
    history = keras_xor.train(model, epochs=3, steps_per_epoch=2)
    save_run({"model": tmp_path / "a.keras", "history": tmp_path / "a.csv"}, model, history)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "accuracy", "loss"]
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for name in ("accuracy", "loss"):
        assert [float(row[name]) for row in rows] == history.history[name]
        assert [row[name] for row in load_history(tmp_path / "a.csv")] == history.history[name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"epoch,accuracy,loss\n",
        b"epoch,accuracy\n1,0.5\n",
        b"step,accuracy,loss\n1,0.5,0.7\n",
        b"epoch,accuracy,loss\n1,0.5\n",
        b"epoch,accuracy,loss\n1,0.5,much\n",
        b"epoch,accuracy,loss\n1,0.5,nan\n",
        b"epoch,accuracy,loss\n0,0.5,0.7\n",
        b'epoch,accuracy,loss\n1,0.5,"0.7\n',
        b"\xff\xfe\x00",
        b"PK\3\4" + bytes(range(256)),
    ],
)
def test_foreign_histories_are_refused(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(keras_xor.KerasXorError, match=r"a\.csv is not a history of training"):
        load_history(tmp_path / "a.csv")


def test_record(tmp_path):
    outputs = {"model": "a.keras", "history": "a.csv", "record": "a.npz"}
    outputs = {name: tmp_path / "new" / file for name, file in outputs.items()}
    model = keras_xor.build_model()
    weights = [np.stack([weight] * 3) for weight in model.get_weights()]
    save_run(outputs, model, keras.callbacks.History(), weights)
    for expected, actual in zip(weights, load_record(outputs["record"]), strict=True):
        np.testing.assert_array_equal(actual, expected)


def record_of(*shapes, value=0.0, dtype=np.float32):
    return [np.full(shape, value, dtype) for shape in shapes]


@pytest.mark.parametrize(
    "arrays",
    [
        [],
        record_of((2, 2, 8), (2, 8), (2, 8, 1)),
        record_of((2, 2, 9), (2, 9), (2, 9, 1), (2, 1)),
        record_of((2, 2, 8), (2, 8), (2, 8, 1), (3, 1)),
        record_of((0, 2, 8), (0, 8), (0, 8, 1), (0, 1)),
        record_of((2, 2, 8), (2, 8), (2, 8, 1), (2, 1), value=np.nan),
        record_of((2, 2, 8), (2, 8), (2, 8, 1), (2, 1), value="x", dtype="U1"),
        record_of((2, 2, 8), (2, 8), (2, 8, 1), (2, 1), value=None, dtype=object),
        record_of((), (), (), ()),
    ],
)
def test_foreign_records_are_refused(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", *arrays)
    with pytest.raises(keras_xor.KerasXorError, match=r"a\.npz is not a record of training"):
        load_record(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\3\4", b"\x93NUMPY\1\0"])
def test_records_that_are_no_archives_are_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(keras_xor.KerasXorError, match=r"a\.npz is not a record of training"):
        load_record(tmp_path / "a.npz")


@pytest.mark.parametrize("load", [load_history, load_record])
def test_no_such_file(tmp_path, load):
    name = tmp_path / {load_history: "a.csv", load_record: "a.npz"}[load]
    with pytest.raises(keras_xor.KerasXorError, match=r"run python scripts/train.py"):
        load(name)
    name.mkdir()
    with pytest.raises(keras_xor.KerasXorError, match="Is a directory"):
        load(name)


def two_inputs(names=("x1", "x2"), shape=(1,)):
    return [keras.Input(shape, name=name) for name in names]


def network(inputs, units=1, outputs=1):
    hidden = keras.layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
    return keras.Model(inputs, [keras.layers.Dense(units)(hidden) for _ in range(outputs)])


def write_foreign_files(folder):
    good = folder / "good.keras"
    keras_xor.save_model(keras_xor.build_model(), good)
    content = good.read_bytes()
    (folder / "empty.keras").write_bytes(b"")
    (folder / "text.keras").write_text("not a model")
    (folder / "cut.keras").write_bytes(content[: len(content) // 2])
    (folder / "flipped.keras").write_bytes(content[:200] + b"\xff" * 400 + content[600:])
    (folder / "folder.keras").mkdir()
    with zipfile.ZipFile(folder / "zip.keras", "w") as archive:
        archive.writestr("a.txt", "not a model")
    for name, model in {
        "one_input": network(two_inputs(["x1"])),
        "three_inputs": network(two_inputs(["x1", "x2", "x3"])),
        "other_names": network(two_inputs(["a", "b"])),
        "wide_inputs": network(two_inputs(shape=(2,))),
        "wide_output": network(two_inputs(), units=2),
        "two_outputs": network(two_inputs(), outputs=2),
        "sequential": keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]),
    }.items():
        model.save(folder / f"{name}.keras")


@pytest.fixture(scope="module")
def foreign_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    write_foreign_files(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("n" * 300, "cannot read .+File name too long"),
        ("missing", "no model at .+: run python scripts/train.py first"),
        ("folder", "cannot read .+Is a directory"),
        ("empty", "not a Keras model"),
        ("text", "not a Keras model"),
        ("zip", "not a Keras model"),
        ("cut", "not a Keras model"),
        ("flipped", "or damaged: name a file"),
        ("one_input", "another network"),
        ("three_inputs", "another network"),
        ("other_names", "another network"),
        ("wide_inputs", "another network"),
        ("wide_output", "another network"),
        ("two_outputs", "another network"),
        ("sequential", "another network"),
    ],
)
def test_foreign_files_are_refused(foreign_files, name, complaint):
    with pytest.raises(keras_xor.KerasXorError, match=complaint) as refusal:
        keras_xor.load_model(foreign_files / f"{name}.keras")
    assert "\n" not in str(refusal.value)


def test_a_list_of_the_right_inputs_will_do(tmp_path):
    network(two_inputs()).save(tmp_path / "a.keras")
    model = keras_xor.load_model(tmp_path / "a.keras")
    assert keras_xor.predict(model, 0, 0) == 0


def test_only_keras_archives(tmp_path):
    for use in (keras_xor.load_model, lambda path: keras_xor.save_model(None, path)):
        with pytest.raises(keras_xor.KerasXorError, match="path must end in"):
            use(tmp_path / "a.h5")
