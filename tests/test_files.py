import concurrent.futures
import csv
import itertools
import json
import os
import subprocess
import sys
import tracemalloc
import warnings
import zipfile

import keras
import numpy as np
import pytest

import keras_xor
from keras_xor import Recipe
from keras_xor.files import (
    Recorder,
    is_history_of_another,
    is_record_of_another,
    load_history,
    load_record,
    save_run,
)
from keras_xor.files import model as model_files

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
    model = keras_xor.build_model(Recipe(learning_rate=0.25))
    keras_xor.train(model, Recipe(epochs=1, steps_per_epoch=9))
    path = tmp_path / "new" / "folder" / "a.keras"
    keras_xor.save_model(model, path)
    loaded = keras_xor.load_model(str(path))
    for expected, actual in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert loaded.optimizer.iterations == 9
    assert loaded.optimizer.learning_rate == 0.25
    assert [file.name for file in path.parent.iterdir()] == ["a.keras"]
    keras_xor.train(loaded, Recipe(epochs=1, steps_per_epoch=1))
    assert loaded.optimizer.iterations == 10


def test_history_as_csv(tmp_path):
    model = keras_xor.build_model()
    history = keras_xor.train(model, Recipe(epochs=3, steps_per_epoch=2))
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
        b"epoch,accuracy,loss\n-1,0.5,0.7\n",
        b"epoch,accuracy,loss\n1,0.5,0.7,0.9\n",
        b"epoch,accuracy,loss\n1,,0.7\n",
        b"epoch;accuracy;loss\n1;0.5;much\n",
        b"epoch,loss\n99999999999999999999,0.5\n",
        b"epoch,loss" + b",a" * 100 + b"\n1,0.5" + b",1" * 100,
        b"epoch,loss" + b",a" * 10**6 + b"\n1,0.5" + b",1" * 10**6,
        b'epoch,accuracy,loss\n1,0.5,"0.7\n',
        b"\xff\xfe\x00",
        b"PK\3\4" + bytes(range(256)),
    ],
)
def test_foreign_histories_are_refused(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(keras_xor.KerasXorError, match=r"a\.csv is not a training history"):
        load_history(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (  # keras.callbacks.CSVLogger
            b"epoch,accuracy,loss,val_loss\n0,0.5,0.75,NA\n1,1.0,0.5,0.25\n",
            [
                {"epoch": 0, "loss": 0.75, "accuracy": 0.5, "val_loss": None},
                {"epoch": 1, "loss": 0.5, "accuracy": 1.0, "val_loss": 0.25},
            ],
        ),
        (  # A spreadsheet
            b"\xef\xbb\xbfepoch,accuracy,loss\r\n1,0.5,0.75\r\n",
            [{"epoch": 1, "loss": 0.75, "accuracy": 0.5}],
        ),
        (  # A spreadsheet in Germany
            b"\xef\xbb\xbfepoch;accuracy;loss\r\n1;0,5;7,5E-1\r\n",
            [{"epoch": 1, "loss": 0.75, "accuracy": 0.5}],
        ),
        (  # pandas
            b",epoch,loss,accuracy\n0,1.0,0.75,0.5\n1,2.0,0.5,1.0\n",
            [
                {"epoch": 1, "loss": 0.75, "accuracy": 0.5},
                {"epoch": 2, "loss": 0.5, "accuracy": 1.0},
            ],
        ),
        (b"epoch, loss\n1, 0.75", [{"epoch": 1, "loss": 0.75}]),
        (b'epoch,"a;b",loss\n1,0.5,0.75', [{"epoch": 1, "loss": 0.75, "a;b": 0.5}]),
        (b"epoch,loss\n1,0.75", [{"epoch": 1, "loss": 0.75}]),
    ],
)
def test_histories_of_others(tmp_path, content, expected):
    (tmp_path / "a.csv").write_bytes(content)
    assert load_history(tmp_path / "a.csv") == expected


def test_a_history_of_later_epochs(tmp_path):
    model = keras_xor.build_model()
    history = keras_xor.train(model, Recipe(epochs=5, steps_per_epoch=2), initial_epoch=3)
    save_run({"model": tmp_path / "a.keras", "history": tmp_path / "a.csv"}, model, history)
    assert [row["epoch"] for row in load_history(tmp_path / "a.csv")] == [4, 5]


def test_of_a_long_history_some_epochs_are_kept(tmp_path):
    epochs = range(1, 300_001)
    lines = "".join(f"{epoch},0.5,{1 / epoch}\n" for epoch in epochs)
    (tmp_path / "a.csv").write_text(f"epoch,accuracy,loss\n{lines}")
    history = load_history(tmp_path / "a.csv")
    assert 2**16 < len(history) <= 2**17 + 1
    assert [history[0]["epoch"], history[-1]["epoch"]] == [1, 300_000]
    assert {b["epoch"] - a["epoch"] for a, b in itertools.pairwise(history[:-1])} == {4}
    assert all(row["loss"] == 1 / row["epoch"] for row in history)


def test_a_record_that_would_be_too_large_is_refused_before_training():
    recipe = Recipe(hidden_units="256x256", epochs=5_000)
    model = keras_xor.build_model(recipe, seed=0)
    before = model.get_weights()
    with pytest.raises(keras_xor.KerasXorError, match="of 5000 epochs of this model would be"):
        keras_xor.train(model, recipe, callbacks=[Recorder()])
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))


def saved_run(folder, model, recipe, seed=None):
    """The recorder of a run saved in `folder`, and the paths of its three files."""
    outputs = {"model": "a.keras", "history": "a.csv", "record": "a.npz"}
    outputs = {name: folder / "new" / file for name, file in outputs.items()}
    recorder = Recorder()
    history = keras_xor.train(model, recipe, seed, callbacks=[recorder])
    save_run(outputs, model, history, recorder.weights)
    return recorder, outputs


def two_layers():
    inputs = {name: keras.Input((1,), name=name) for name in ("x1", "x2")}
    hidden = keras.layers.Concatenate()(list(inputs.values()))
    for _ in range(2):
        hidden = keras.layers.Dense(3, "relu")(hidden)
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden))
    model.compile("adam", "mse", jit_compile=True)
    return model


NETWORKS = [
    keras_xor.build_model,
    lambda: keras_xor.build_model(Recipe(hidden_units=2, activation="relu")),
    lambda: keras_xor.build_model(Recipe(hidden_units=16, activation="sigmoid")),
    two_layers,
]


@pytest.mark.parametrize("build", NETWORKS)
def test_a_record_says_what_it_is_of(tmp_path, build):
    model = build()
    recorder, outputs = saved_run(tmp_path, model, Recipe(epochs=2, steps_per_epoch=3))
    read = load_record(outputs["record"])
    for expected, actual in zip(recorder.weights, read.weights, strict=True):
        np.testing.assert_array_equal(actual, expected)
    read.model.set_weights([weight[-1] for weight in read.weights])
    x = np.random.default_rng(0).random((2, 50))
    np.testing.assert_array_equal(keras_xor.predict(read.model, *x), keras_xor.predict(model, *x))


def test_files_of_a_run_know_each_other(tmp_path):
    _, outputs = saved_run(tmp_path, keras_xor.build_model(seed=0), Recipe(epochs=2), seed=0)
    history, record = outputs["history"], outputs["record"]

    def strangers():
        return is_history_of_another(history), is_record_of_another(load_record(record), record)

    assert strangers() == (False, False)

    model = keras_xor.build_model(seed=0)
    same = keras_xor.train(model, Recipe(epochs=2), seed=0)
    del outputs["record"]
    save_run(outputs, model, same)
    assert strangers() == (False, False)

    model = keras_xor.build_model(seed=1)
    other = keras_xor.train(model, Recipe(epochs=2), seed=1)
    old = history.read_bytes()
    save_run(outputs, model, other)
    assert strangers() == (False, True)
    history.write_bytes(old)
    assert strangers() == (True, True)

    keras_xor.save_model(model, outputs["model"])  # Without a history.
    assert strangers() == (True, True)
    outputs["model"].unlink()
    assert strangers() == (False, False)
    keras_xor.save_model(two_layers(), outputs["model"])
    assert strangers() == (True, True)
    outputs["model"].unlink()
    os.mkfifo(outputs["model"])
    assert strangers()[0] is False


def record_of(*shapes, value=0.0, dtype=np.float32, **change):
    config = keras.saving.serialize_keras_object(keras_xor.build_model())
    arrays = {str(n): np.full(shape, value, dtype) for n, shape in enumerate(shapes)}
    arrays |= {"model": np.array(json.dumps(config))} | change
    return {name: array for name, array in arrays.items() if array is not None}


SHAPES = ((2, 2, 8), (2, 8), (2, 8, 1), (2, 1))


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        record_of(),
        record_of(*SHAPES[:3]),
        record_of((2, 2, 9), (2, 9), (2, 9, 1), (2, 1)),
        record_of(*SHAPES[:3], (3, 1)),
        record_of((0, 2, 8), (0, 8), (0, 8, 1), (0, 1)),
        record_of(*SHAPES, value=np.nan),
        record_of(*SHAPES, value="x", dtype="U1"),
        record_of(*SHAPES, value=None, dtype=object),
        record_of((), (), (), ()),
        record_of(*SHAPES, dtype=bool),
        record_of(*SHAPES, model=None),
        record_of(*SHAPES, model=np.array("{}")),
        record_of(*SHAPES, model=np.array('{"class_name": "Sequential", "config": {}}')),
        record_of(*SHAPES, model=np.array([None])),
    ],
)
def test_foreign_records_are_refused(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(keras_xor.KerasXorError, match=r"a\.npz is not a training record"):
        load_record(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\3\4", b"\x93NUMPY\1\0"])
def test_records_that_are_no_archives_are_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(keras_xor.KerasXorError, match=r"a\.npz is not a training record"):
        load_record(tmp_path / "a.npz")


def test_what_unpacks_to_more_than_it_is_is_refused(tmp_path):
    file = tmp_path / "a.npz"
    np.savez_compressed(file, **record_of(*SHAPES, zeros=np.zeros(10**6)))
    refused_without_memory(file)
    write_header(file, "(1000000000000,)")
    refused_without_memory(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("0.npy", bytes(10**6))
        archive.infolist().extend(archive.infolist() * 1_000)  # All at the same place.
    refused_without_memory(file)


def write_header(file, shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("0.npy", b"\x93NUMPY\1\0\x76\0" + header.encode())


def refused_without_memory(file):
    tracemalloc.start()
    with pytest.raises(keras_xor.KerasXorError, match=r"a\.npz is not a training record"):
        load_record(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**22


def test_a_fifo_is_not_waited_for(tmp_path):
    for load, name in LOADS:
        os.mkfifo(tmp_path / name)
        with pytest.raises(keras_xor.KerasXorError, match="is not a regular file"):
            load(tmp_path / name)


LOADS = [(keras_xor.load_model, "a.keras"), (load_history, "a.csv"), (load_record, "a.npz")]


@pytest.mark.parametrize(("load", "name"), LOADS)
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
        ({"activation": "tanh"}, "its output activation is not a sigmoid"),
    ],
)
def test_other_networks_are_refused(tmp_path, difference, complaint):
    network(**difference).save(tmp_path / "a.keras")
    with pytest.raises(keras_xor.KerasXorError, match=f"cannot be used because {complaint}"):
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


# The package can read every file it writes, and refuses to write those it cannot read.


def compiled(optimizer="sgd", trained=False, **options):
    def build():
        model = keras_xor.build_model(seed=0)
        chosen = optimizer() if callable(optimizer) else optimizer
        model.compile(chosen, "binary_crossentropy", jit_compile=True, **options)
        if trained:
            keras_xor.train(model, Recipe(epochs=1, steps_per_epoch=5))
        return model

    return build


def schedule():
    return keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 1_000, 0.9))


MODELS = {
    "adam": compiled("adam"),
    "adam, trained": compiled("adam", trained=True),
    "momentum": compiled(lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)),
    "momentum, trained": compiled(lambda: keras.optimizers.SGD(0.1, momentum=0.9), trained=True),
    "rmsprop": compiled("rmsprop"),
    "schedule": compiled(schedule),
    "schedule, trained": compiled(schedule, trained=True),
    "steps_per_execution": compiled(steps_per_execution=1_000),
    "auc": compiled(metrics=[keras.metrics.AUC(num_thresholds=1_000)], trained=True),
    "two layers": two_layers,
    "not compiled": lambda: network(),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_written_is_read(tmp_path, name):
    model = MODELS[name]()
    keras_xor.save_model(model, tmp_path / "a.keras")
    check_the_same(keras_xor.load_model(tmp_path / "a.keras"), model)
    check_the_same(keras.saving.load_model(tmp_path / "a.keras"), model)


def check_the_same(loaded, model):
    assert json.dumps(loaded.get_config()) == json.dumps(model.get_config())
    assert loaded.compiled == model.compiled
    variables = [*loaded.weights, *(loaded.optimizer.variables if model.compiled else [])]
    expected = [*model.weights, *(model.optimizer.variables if model.compiled else [])]
    for actual, variable in zip(variables, expected, strict=True):
        np.testing.assert_array_equal(actual, variable)
    if model.compiled:
        assert loaded.get_compile_config() == model.get_compile_config()


def test_an_optimizer_saved_before_it_was_built_is_read(tmp_path):
    model = compiled("adam")()
    model.save(tmp_path / "a.keras")
    model.optimizer.build(model.trainable_variables)
    check_the_same(keras_xor.load_model(tmp_path / "a.keras"), model)


def test_models_are_read_while_operations_are_deterministic(trained, trained_file):
    program = (
        "import sys, tensorflow, keras_xor; "
        "tensorflow.config.experimental.enable_op_determinism(); "
        "print(keras_xor.predict(keras_xor.load_model(sys.argv[1]), 0, 1))"
    )
    command = [sys.executable, "-c", program, trained_file]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert float(done.stdout) == pytest.approx(keras_xor.predict(trained, 0, 1), abs=1e-5)


def frozen():
    model = compiled("adam", trained=True)()
    model.get_layer("hidden").trainable = False
    return model


def own_metric(y, predicted):
    return keras.ops.mean(y - predicted)


def with_layer(layer):
    inputs = {name: keras.Input((1,), name=name) for name in ("x1", "x2")}
    hidden = layer(keras.layers.Concatenate()(list(inputs.values())))
    return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden))


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), "Sequential"),
        (lambda: with_layer(keras.layers.Dropout(0.5)), "it contains a 'Dropout', but only the"),
        (lambda: with_layer(keras.layers.Dense(300)), "its 'units' is larger than 256"),
        (lambda: network(activation="tanh"), "its output activation is not a sigmoid"),
        (
            compiled(metrics=[keras.metrics.AUC(num_thresholds=2_000)]),
            "its 'num_thresholds' is larger than 1024",
        ),
        (compiled(metrics=[own_metric]), "it contains a function"),
        (frozen, "its optimizer state is incomplete"),
    ],
)
def test_what_is_not_read_is_not_written(tmp_path, build, complaint):
    with pytest.raises(keras_xor.KerasXorError, match=complaint):
        keras_xor.save_model(build(), tmp_path / "a.keras")
    assert not any(tmp_path.iterdir())


def test_the_bytes_that_were_looked_at_are_loaded(tmp_path, trained_file, monkeypatch):
    """Another file replaces the first as soon as that has been checked."""
    with_layer(keras.layers.Dropout(0.5)).save(tmp_path / "other.keras")
    link = tmp_path / "a.keras"
    link.symlink_to(trained_file)
    look = model_files.read_model

    def look_then_exchange(content):
        looked_at = look(content)
        link.unlink()
        link.symlink_to(tmp_path / "other.keras")
        return looked_at

    monkeypatch.setattr(model_files, "read_model", look_then_exchange)
    assert all("drop" not in layer.name for layer in keras_xor.load_model(link).layers)


def test_threads_leave_the_process_as_it_was(trained_file, tmp_path, capfd):
    with warnings.catch_warnings():
        filters = list(warnings.filters)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            loads = [pool.submit(keras_xor.load_model, trained_file) for _ in range(40)]
            draws = [
                pool.submit(keras_xor.plots.plot_model, keras_xor.build_model(), tmp_path / "a.png")
                for _ in range(40)
            ]
            exports = [
                pool.submit(keras_xor.export, keras_xor.build_model(), tmp_path / name)
                for name in ("a.onnx", "b.onnx")
            ]
            for work in (*loads, *draws, *exports):
                work.result()
        assert warnings.filters == filters
    capfd.readouterr()
    os.write(2, b"still there")
    assert capfd.readouterr().err == "still there"


def test_only_keras_archives(tmp_path):
    for use in (keras_xor.load_model, lambda path: keras_xor.save_model(None, path)):
        with pytest.raises(keras_xor.KerasXorError, match="path must end in"):
            use(tmp_path / "a.h5")
