import csv
import dataclasses
import json
import os
import pty
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT, one_line
from forked import TWO_CPUS, run_script

import keras_xor
from keras_xor import Recipe
from keras_xor.cli import format_predictions, format_table
from keras_xor.data import TRUTH_TABLE
from keras_xor.outcomes import describe_outcome

SCRIPTS = [
    *("train.py", "predict.py", "plot_model.py", "plot_surface.py", "plot_history.py"),
    *("export.py", "seed_study.py", "benchmark.py", "playground.py"),
]


def process(name, *arguments, cwd, **environment):
    """Run a script in its own process; return status, output and errors."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / name, *map(str, arguments)],
        cwd=cwd,
        env={key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ} | environment,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def light_process(tmp_path):
    """Like `process`, but importing anything heavy fails."""
    for name in ("keras", "numpy", "tensorflow"):
        (tmp_path / f"{name}.py").write_text("raise AssertionError(f'{__name__} was imported')")

    def run(name, *arguments, **environment):
        return process(name, *arguments, cwd=tmp_path, PYTHONPATH=str(tmp_path), **environment)

    return run


# What users see when they follow the README.


def test_train_then_predict_then_plot(tmp_path):
    status, output, errors = process("train.py", cwd=tmp_path)
    assert (status, errors) == (0, "")
    for line in ("Total params: 33 ", "Training on ", "Epoch 10/10", "1000/1000 - "):
        assert line in output
    table = re.findall(
        r"^ ([01])    ([01])      (0\.\d{5})       ([01])   ✓$", output, re.MULTILINE
    )
    assert [(int(x1), int(x2), int(y)) for x1, x2, _, y in table] == [
        (0, 0, 0),
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 0),
    ]
    assert "\nLearned: all four points are right after 5,000 steps.\n" in output
    assert output.endswith("\nmodel:   artifacts/xor.keras\nrun:     artifacts/xor.run.npz\n")
    names = {file.name for file in (tmp_path / "artifacts").iterdir()}
    assert names == {"xor.keras", "xor.run.npz"}
    for noise in ("WARNING", "warn", "I0000", "E0000", "XLA service"):
        assert noise not in output

    status, output, errors = run_script("predict.py", "--x1", 0, "--x2", 1, cwd=tmp_path).wait()
    assert (status, errors) == (0, "")
    assert output.split() == ["x1", "x2", "prediction", "class", "0", "1", table[1][2], "1"]

    no_dot = "import os; os.environ['PATH'] = ''"
    status, output, errors = run_script("plot_model.py", cwd=tmp_path, before=no_dot).wait()
    assert (status, output, errors) == (0, "picture: artifacts/model.png\n", "")
    assert (tmp_path / "artifacts" / "model.png").stat().st_size > 10_000


def test_train_draws_a_bar_on_a_terminal(tmp_path):
    screen, terminal = pty.openpty()
    on_terminal = f"""
import os

os.environ["COLUMNS"] = "90"
terminal = os.open({os.ttyname(terminal)!r}, os.O_RDWR)
for descriptor in range(3):
    os.dup2(terminal, descriptor)
"""
    training = run_script("train.py", "--epochs", 2, cwd=tmp_path, before=on_terminal)
    shown = os.read(screen, 4096)
    os.close(terminal)  # The script has opened it.
    try:
        while chunk := os.read(screen, 4096):
            shown += chunk
    except OSError:  # Linux raises it when the other end of a terminal closes.
        pass
    os.close(screen)
    assert training.wait()[0] == 0
    shown = shown.decode()
    assert 'Model: "xor"' in shown
    assert "Epoch 2/2\r\n" in shown
    assert re.search("1000/1000.+━━━━━━━━━━━━━━━━━━━━", shown)


def test_train_on_a_narrow_terminal(script, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    status, output, errors = script("train.py", "--epochs", 1)
    assert (status, errors) == (0, "")
    assert output.startswith("xor: 33 parameters\n")


@pytest.mark.parametrize("rate", [100, 1e-30])
def test_train_says_what_is_right_and_why(script, rate):
    status, output, errors = script("train.py", "--learning-rate", rate, "--epochs", 2)
    assert (status, errors) == (0, "")
    lines = [line.split() for line in output.splitlines() if re.match(r" [01] ", line)]
    marks = ["✓" if line[3] == label else "✗" for line, label in zip(lines, "0110", strict=True)]
    assert [line[4] for line in lines] == marks
    sentence = describe_outcome(keras_xor.Run.load("artifacts/xor.run.npz"))
    assert sentence.startswith(f"Not learned: {marks.count('✓')} of 4 points are right after 2,000")
    assert f"\n{sentence}\n" in output


def test_train_quietly(script, tmp_path):
    arguments = ("--quiet", "--epochs", 1, "--steps-per-epoch", 3, "--model", "a/b.keras")
    assert script("train.py", *arguments) == (0, "", "")
    assert {file.name for file in (tmp_path / "a").iterdir()} == {"b.keras", "b.run.npz"}


def test_train_writes_the_history(script, tmp_path):
    run = ("--epochs", 2, "--steps-per-epoch", 9, "--csv", "new/a.csv")
    status, output, errors = script("train.py", *run)
    assert (status, errors) == (0, "")
    assert output.endswith("\ncsv:     new/a.csv\n")
    with (tmp_path / "new" / "a.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    history = keras_xor.Run.load("artifacts/xor.run.npz").history
    assert [float(row["loss"]) for row in rows] == history["loss"]


def test_train_resumes_a_finished_run_with_more_epochs(script):
    run = ("--steps-per-epoch", 9, "--model", "a.keras", "--seed", 3)
    assert script("train.py", *run, "--epochs", 2)[0] == 0
    status, output, errors = script("train.py", *run, "--epochs", 4, "--resume")
    assert (status, errors) == (0, "")
    assert [line for line in output.splitlines() if "Epoch" in line] == ["Epoch 3/4", "Epoch 4/4"]
    expected = keras_xor.train_run(Recipe(steps_per_epoch=9, epochs=4), 3).model()
    for actual, weight in zip(
        keras_xor.load_model("a.keras").get_weights(), expected.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(actual, weight)
    status, output, errors = script("train.py", *run, "--epochs", 3, "--resume")
    assert status == 1
    assert "the run in a.run.npz has 4 epochs already, more than 3" in one_line(errors)
    status, output, errors = script("train.py", *run, "--batch-size", 5, "--resume")
    assert (status, output) == (1, "")
    assert "the run in a.run.npz has batch_size 32, not 5: use the same" in one_line(errors)


def test_train_with_every_option(script):
    status, output, errors = script(
        *("train.py", "--epochs", 2, "--steps-per-epoch", 30, "--batch-size", 5),
        *("--learning-rate", 0.5, "--seed", 9, "--model", "m.keras", "--show-batch"),
        *("--hidden-units", "4x3", "--activation", "relu", "--kernel-initializer", "he_normal"),
        *("--loss", "mse", "--optimizer", "SGD", "--momentum", 0.9, "--nesterov"),
        *("--data", "shuffled", "--labels", "0001", "--noise", 0.1),
    )
    assert (status, errors) == (0, "")
    recipe = Recipe(
        **{"hidden_units": (4, 3), "activation": "relu", "kernel_initializer": "he_normal"},
        **{"loss": "mean_squared_error", "optimizer": "sgd", "learning_rate": 0.5},
        **{"momentum": 0.9, "nesterov": True, "batch_size": 5, "steps_per_epoch": 30, "epochs": 2},
        **{"data": "shuffled", "labels": "0001", "noise": 0.1},
    )
    x, y = next(keras_xor.data.recipe_batches(recipe, seed=9).as_numpy_iterator())
    for name, values in {**x, "y": y}.items():
        assert f"{name:>2} {values.ravel()}\n" in output
    assert not {*dataclasses.asdict(recipe).items()} & {*dataclasses.asdict(Recipe()).items()} - {
        ("optimizer", "sgd")
    }
    model = keras_xor.build_model(recipe, seed=9)
    keras_xor.train(model, recipe, seed=9)
    points = keras_xor.prediction.list_predictions(model, *TRUTH_TABLE)
    assert format_predictions(points, "0001") in output


def test_a_run_of_a_study_can_be_trained_and_drawn(script, tmp_path):
    recipe = ("--hidden-units", "2x2", "--optimizer", "adam", "--loss", "mse", "--epochs", 2)
    assert script("seed_study.py", *recipe, "--seeds", 3, "--csv", "study.csv")[0] == 0
    with (tmp_path / "study.csv").open(newline="") as file:
        row = [*csv.DictReader(file)][-1]
    status, output, errors = script("train.py", *recipe, "--seed", row["seed"])
    assert (status, errors) == (0, "")
    shown = [float(line.split()[2]) for line in output.splitlines() if re.match(r" [01]    ", line)]
    expected = [float(row[f"y_{point}"]) for point in ("00", "01", "10", "11")]
    assert shown == pytest.approx(expected, abs=1e-5)
    assert script("plot_surface.py", "--run", "--resolution", 5)[0] == 0
    assert script("plot_model.py", "--model", "artifacts/xor.keras", "--to-file", "a.svg")[0] == 0
    assert "hidden_2" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize(
    ("command", "device", "complaint"),
    [
        ("train.py --epochs 1 --device cpu", "cpu:0", None),
        ("train.py --epochs 1 --device cpu:1", "cpu:1", None),
        ("train.py --device CPU:2", None, "there is no device CPU:2: use cpu:0 or cpu:1"),
        ("seed_study.py --device tpu:3", None, "there is no device tpu:3: use"),
    ],
)
def test_device(tmp_path, command, device, complaint):
    status, output, errors = run_script(*command.split(), cwd=tmp_path, before=TWO_CPUS).wait()
    if complaint:
        assert (status, output) == (1, "")
        assert complaint in one_line(errors)
        assert not any(tmp_path.iterdir())
    else:
        assert (status, errors) == (0, "")
        assert f"Training on {device}, " in output


def test_a_warning_is_one_line(tmp_path):
    """Keras warns of a softmax over one unit, which is 1 whatever the unit says."""
    command = "train.py --hidden-units 1 --activation softmax --epochs 1 --steps-per-epoch 1"
    status, _, errors = run_script(*command.split(), cwd=tmp_path).wait()
    assert status == 0
    assert {line.split(": ")[0] for line in errors.splitlines()} == {"train.py"}
    assert "softmax" in errors


def test_predict_the_truth_table(script, trained, trained_file):
    status, output, errors = script("predict.py", "--model", trained_file)
    assert (status, errors) == (0, "")
    rows = keras_xor.prediction.list_predictions(trained, *TRUTH_TABLE)
    assert output == format_predictions(rows) + "\n"


def test_predict_says_when_outputs_are_no_probabilities(script, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[2.0], [2.0]]), np.zeros(1)])
    model.save(tmp_path / "a.keras")
    status, _, errors = script("predict.py", "--model", "a.keras")
    assert status == 0
    assert "this model does not predict probabilities; its class is 1" in one_line(errors)


def test_predict_json(script, trained, trained_file):
    status, output, errors = script(
        "predict.py", "--x1", 0, 0.25, "--x2", 1, "1e-3", "--model", trained_file, "--json"
    )
    assert (status, errors) == (0, "")
    assert json.loads(output) == keras_xor.prediction.list_predictions(
        trained, [0, 0.25], [1, 0.001]
    )


def test_predict_tells_the_points_as_they_were_given(script, trained_file):
    options = ("--x1", 0.98765, "--x2", 0.12345, "--model", trained_file)
    assert script("predict.py", *options)[1].splitlines()[1].split()[:2] == ["0.98765", "0.12345"]


def test_certain_predictions_are_probabilities(script, tmp_path):
    model = keras_xor.build_model(seed=0)
    model.set_weights([1_000 * weight for weight in model.get_weights()])
    keras_xor.save_model(model, tmp_path / "xor.keras")
    status, output, errors = script("predict.py", "--model", "xor.keras", "--json")
    assert (status, errors) == (0, "")
    assert {row["prediction"] for row in json.loads(output)} >= {1.0}


def test_train_shows_its_network(script):
    output = script("train.py", "--hidden-units", 3, "--epochs", 1, "--steps-per-epoch", 1)[1]
    assert "Total params: 13 " in output


@pytest.mark.parametrize("x", ["-1", "-1e3", "-.5", "1.01", "+2", "1e30"])
@pytest.mark.parametrize("name", ["x1", "x2"])
def test_predict_says_when_it_extrapolates(script, trained_file, name, x):
    values = {"x1": [0, 0], "x2": [0, 1]} | {name: [x, 0]}
    options = ("--x1", *values["x1"], "--x2", *values["x2"])
    status, output, errors = script("predict.py", *options, "--model", trained_file, "--json")
    assert status == 0
    assert "extrapolates" in one_line(errors)
    assert [row[name] for row in json.loads(output)] == [float(x), 0]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plot_a_saved_model(script, trained_file, tmp_path, suffix):
    file = tmp_path / f"new/a.{suffix}"
    arguments = ("--to-file", file, "--model", trained_file, "--rankdir", "LR", "--dpi", 72)
    assert script("plot_model.py", *arguments) == (0, f"picture: {file}\n", "")
    assert {"png": b"PNG", "svg": b"<svg", "pdf": b"%PDF"}[suffix] in file.read_bytes()


@pytest.mark.parametrize("suffix", ["png", "svg", "html", "json"])
def test_train_and_plot(script, tmp_path, suffix):
    run = ("--epochs", 2, "--steps-per-epoch", 9, "--model", "a.keras", "--quiet")
    assert script("train.py", *run) == (0, "", "")
    for arguments in (
        ("plot_surface.py", "--model", "a.keras", "--resolution", 5),
        ("plot_surface.py", "--run", "a.run.npz", "--resolution", 5),
        ("plot_history.py", "--run", "a.run.npz"),
    ):
        file = tmp_path / f"new/{arguments[1]}.{suffix}"
        assert script(*arguments, "--to-file", file) == (0, f"picture: {file}\n", "")
        kind = {"png": b"\x89PNG", "svg": b"<svg", "html": b"<!DOCTYPE html>", "json": b"{"}[suffix]
        assert file.read_bytes().startswith(kind)
        if suffix == "html":
            forming = arguments[:2] == ("plot_surface.py", "--run")
            assert (b"datum.frame" in file.read_bytes()) is forming


def test_table():
    assert format_table(("", "a", "b"), ("x", "1.5", "-1e+300"), ("long", "22", "inf")) == (
        "         a         b\nx      1.5   -1e+300\nlong    22       inf"
    )
    assert format_table(("a", "long"), ("1", "2"), ("", "")) == "a   long\n1      2\n"


# What users see when the reader of the output goes away.


def test_a_broken_pipe_ends_quietly(trained_file, tmp_path):
    command = f"{sys.executable} {ROOT}/scripts/predict.py --model {trained_file} | true"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


# What users see when they make mistakes.


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_is_light(light_process, name):
    status, output, errors = light_process(name, "--help")
    assert (status, errors) == (0, "")
    assert output.startswith(f"usage: {name} ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("train.py --epochs 0", "--epochs: must be a whole number of at least 1, not '0'"),
        ("train.py --epochs -3", "--epochs"),
        ("train.py --epochs nan", "--epochs"),
        ("train.py --epochs 1.5", "--epochs"),
        ("train.py --epochs", "--epochs"),
        ("train.py --steps-per-epoch 0", "--steps-per-epoch"),
        ("train.py --steps-per-epoch many", "--steps-per-epoch"),
        ("train.py --batch-size 0", "--batch-size"),
        ("train.py --batch-size -1", "--batch-size"),
        ("train.py --batch-size 99999999", "--batch-size: must be a whole number from 1 to"),
        (
            "train.py --learning-rate 0",
            "--learning-rate: must be a number from 1.2e-38 to 3.4e+38, not '0'",
        ),
        ("train.py --learning-rate -1e-3", "--learning-rate: must be a number from 1.2e-38 to"),
        ("train.py --learning-rate inf", "--learning-rate"),
        ("train.py --learning-rate 1e-50", "--learning-rate: must be a number from 1.2e-38"),
        (
            "train.py --learning-rate 1e39",
            "--learning-rate: must be a number from 1.2e-38 to 3.4e+38",
        ),
        (
            f"train.py --seed {'9' * 5_000}",
            "--seed: must be a whole number from 0 to 4294967295, not",
        ),
        ("train.py --learning-rate fast", "--learning-rate: must be a number from"),
        ("train.py --seed -1", "--seed"),
        ("train.py --model a.h5", "--model: must end in .keras"),
        ("train.py --speed 1", "--speed"),
        (f"train.py {'a' * 10_000}", "unrecognized arguments: aaa"),
        ("predict.py --x1 0", "1 numbers for --x1, 0 for --x2: give them in pairs"),
        ("predict.py --x2 0", "give them in pairs"),
        ("predict.py --x1 0 1 --x2 0", "give them in pairs"),
        ("predict.py --x1 --x2 0", "--x1"),
        ("predict.py --x1 zero --x2 0", "--x1: must be a number from -1e+30 to 1e+30, not 'zero'"),
        ("predict.py --x1 nan --x2 0", "--x1"),
        ("predict.py --x1 0 --x2 inf", "--x2"),
        ("predict.py --x1 0 --x2 -inf", "--x2: must be a number from -1e+30 to 1e+30, not '-inf'"),
        ("predict.py --x1 0 --x2 1e999", "--x2"),
        ("predict.py --model a.txt", "--model"),
        ("predict.py 0 1", "unrecognized arguments"),
        ("plot_model.py --to-file a.gif", "--to-file: must end in .png or .svg or .pdf"),
        ("plot_model.py --to-file a", "--to-file"),
        ("plot_model.py --rankdir up", "--rankdir: invalid choice"),
        ("plot_model.py --dpi 0", "--dpi"),
        ("plot_model.py --dpi high", "--dpi"),
        ("plot_model.py --model a.zip", "--model"),
        ("plot_surface.py --to-file a.pdf", "--to-file: must end in .png or .svg or .html"),
        ("plot_surface.py --resolution 0", "--resolution: must be a whole number from 2 to"),
        ("plot_surface.py --resolution 1", "--resolution"),
        ("plot_surface.py --resolution 10000000", "--resolution"),
        ("plot_surface.py --run a.csv", "--run: must end in .npz"),
        ("plot_surface.py --run a.npz --model a.keras", "not allowed with"),
        ("plot_history.py --to-file a", "--to-file"),
        ("plot_history.py --run a.txt", "--run: must end in .npz"),
        ("seed_study.py --seeds 0", "--seeds: must be a whole number from 1 to 1000000"),
        ("seed_study.py --seeds many", "--seeds"),
        ("seed_study.py --seed -1", "--seed"),
        ("seed_study.py --epochs 0", "--epochs"),
        ("seed_study.py --hidden-units 0", "--hidden-units: must be a whole number from 1 to"),
        ("seed_study.py --activation tahn", "--activation: must be celu, elu, exponential, "),
        ("train.py --hidden-units 4x", "or up to 4 of them such as 4x4, not '4x'"),
        (
            "train.py --optimizer adma",
            "--optimizer: must be adadelta, adafactor, adagrad, adam,",
        ),
        ("train.py --loss accuracy", "--loss: must be binary_crossentropy, binary_focal"),
        (
            "train.py --kernel-initializer he",
            "--kernel-initializer: must be glorot_normal, glorot_uniform,",
        ),
        ("train.py --momentum 2", "--momentum: must be a number from 0 to 1, not '2'"),
        ("train.py --optimizer adam --momentum 0.9", "adam has no momentum: leave it out, or use"),
        ("train.py --nesterov perhaps", "--nesterov: must be on or off"),
        ("train.py --csv a.txt", "--csv: must end in .csv"),
        ("playground.py --port 65536", "--port: must be a whole number from 0 to 65535"),
        ("train.py --nesterov", "nesterov needs sgd or muon, with a momentum such as 0.9"),
        ("seed_study.py --optimizer lion --momentum 0.9", "lion has no momentum"),
        ("seed_study.py --csv a.txt", "--csv: must end in .csv"),
        ("seed_study.py --to-file a.pdf", "--to-file"),
        (
            "export.py --to-file a.pb",
            "--to-file: must end in .onnx or .tflite, or in /",
        ),
        ("export.py --model a.txt", "--model: must end in .keras or .h5"),
        ("benchmark.py --repeats 5", "--repeats"),
    ],
)
def test_bad_arguments(light_process, arguments, complaint):
    status, output, errors = light_process(*arguments.split())
    assert (status, output) == (2, "")
    assert complaint in one_line(errors)
    assert errors.startswith(arguments.split()[0])


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("backend", ["jax", ""])
def test_another_backend(light_process, name, backend):
    status, output, errors = light_process(name, KERAS_BACKEND=backend)
    assert (status, output) == (1, "")
    assert f"KERAS_BACKEND is {backend!r}" in one_line(errors)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "train one first"),
        (b"", "cannot be loaded: "),
        (b"PK\3\4 and so on", "cannot be loaded: "),
        ("cut", "cannot be loaded: "),
        ("folder", "is a folder, such as a SavedModel, which holds no Keras model"),
    ],
)
def test_no_model(script, trained_file, tmp_path, content, complaint):
    file = tmp_path / "a.keras"
    if content == "cut":
        file.write_bytes(trained_file.read_bytes()[:-1_000])
    elif content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    status, output, errors = script("export.py", "--model", file)
    assert (status, output) == (1, "")
    assert complaint in one_line(errors)


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ("a.keras", "a.keras/"),
        ("a.keras", "a.run.npz/"),
        ("a/b.keras", "a"),
        ("/proc/a.keras", "b"),
    ],
)
def test_train_sees_an_unwritable_target_first(script, tmp_path, model, taken):
    if taken.endswith("/"):
        (tmp_path / taken).mkdir()
    else:
        (tmp_path / taken).write_text("kept")
    status, output, errors = script("train.py", "--model", model)
    assert (status, output) == (1, "")
    assert "choose another file" in one_line(errors)
    assert [file.name for file in tmp_path.iterdir()] == [taken.strip("/")]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("plot_surface.py --run a.npz", "no run at a.npz: check the path, or train"),
        ("plot_history.py", "no run at artifacts/xor.run.npz: check the path, or train"),
        ("plot_surface.py --run foreign.npz", "foreign.npz is not a run, or damaged: choose"),
    ],
)
def test_nothing_to_plot(script, tmp_path, arguments, complaint):
    (tmp_path / "foreign.npz").write_text("a,b\n1,2\n")
    status, output, errors = script(*arguments.split())
    assert (status, output) == (1, "")
    assert complaint in one_line(errors)


def test_plot_model_to_a_folder(script, tmp_path):
    (tmp_path / "a.png").mkdir()
    status, output, errors = script("plot_model.py", "--to-file", "a.png")
    assert (status, output) == (1, "")
    assert "cannot write a.png (Is a directory): choose another file" in one_line(errors)
