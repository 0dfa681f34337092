import csv
import subprocess
import sys

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


@pytest.mark.parametrize(
    ("load", "name"),
    [(keras_xor.load_model, "a.keras"), (load_history, "a.csv"), (load_record, "a.npz")],
)
def test_no_such_file(tmp_path, load, name):
    name = tmp_path / name
    with pytest.raises(keras_xor.KerasXorError, match=r"run python scripts/train.py"):
        load(name)
    name.mkdir()
    with pytest.raises(keras_xor.KerasXorError, match="Is a directory"):
        load(name)


def network(names=("x1", "x2"), shape=(1,), units=1, outputs=1, activation="sigmoid"):
    inputs = [keras.Input(shape, name=name) for name in names]
    hidden = keras.layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
    output = [keras.layers.Dense(units, activation)(hidden) for _ in range(outputs)]
    return keras.Model(inputs, output)


def test_a_list_of_the_right_inputs_will_do(tmp_path):
    network().save(tmp_path / "a.keras")
    model = keras_xor.load_model(tmp_path / "a.keras")
    assert keras_xor.predict(model, 0, 0) == 0.5


@pytest.mark.parametrize(
    ("difference", "complaint"),
    [
        ({"names": ["x1"]}, "it does not map inputs x1 and x2 of shape .+ to one output of shape"),
        ({"names": ["x1", "x2", "x3"]}, "it does not map"),
        ({"names": ["a", "b"]}, "it does not map"),
        ({"shape": (2,)}, "it does not map"),
        ({"units": 2}, "it does not map"),
        ({"outputs": 2}, "it does not map"),
        ({"activation": "tanh"}, "its output is not that of a sigmoid"),
    ],
)
def test_other_networks_are_refused(tmp_path, difference, complaint):
    network(**difference).save(tmp_path / "a.keras")
    with pytest.raises(keras_xor.KerasXorError, match=f"cannot be used, since {complaint}"):
        keras_xor.load_model(tmp_path / "a.keras")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    model = keras_xor.build_model()
    model.set_weights([np.full_like(weight, value) for weight in model.get_weights()])
    model.save(tmp_path / "a.keras")
    with pytest.raises(keras_xor.KerasXorError, match="its weights are not finite, or too large"):
        keras_xor.load_model(tmp_path / "a.keras")


def test_weights_that_overflow_are_refused(tmp_path):
    inputs = [keras.Input((1,), name=name) for name in ("x1", "x2")]
    hidden = keras.layers.Dense(2, "relu")(keras.layers.Concatenate()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden))
    model.set_weights([np.full((2, 2), 3e38), np.zeros(2), np.array([[1.0], [-1.0]]), np.zeros(1)])
    model.save(tmp_path / "a.keras")
    with pytest.raises(keras_xor.KerasXorError, match="its weights are not finite, or too large"):
        keras_xor.load_model(tmp_path / "a.keras")


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    model = keras_xor.build_model()
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(keras_xor.KerasXorError, match="lower the learning rate"):
        keras_xor.save_model(model, tmp_path / "a.keras")
    assert not any(tmp_path.iterdir())


def test_only_keras_archives(tmp_path):
    for use in (keras_xor.load_model, lambda path: keras_xor.save_model(None, path)):
        with pytest.raises(keras_xor.KerasXorError, match="path must end in"):
            use(tmp_path / "a.h5")
