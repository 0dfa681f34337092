import csv
import dataclasses
import json
import os
import pty
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, one_line

import keras_xor
from keras_xor import Recipe
from keras_xor.cli import prediction_table, table
from keras_xor.data import TRUTH_TABLE
from keras_xor.study import POINTS

SCRIPTS = [
    *("train.py", "predict.py", "plot_model.py", "plot_surface.py", "plot_history.py"),
    *("export.py", "seed_study.py", "benchmark.py"),
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
    table = re.findall(r"^ ([01])    ([01])       (0\.\d{5})       ([01])$", output, re.MULTILINE)
    assert [(int(x1), int(x2), int(y)) for x1, x2, _, y in table] == [
        (0, 0, 0),
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 0),
    ]
    assert output.endswith("\nmodel:   artifacts/xor.keras\nhistory: artifacts/xor.csv\n")
    for noise in ("WARNING", "warn", "I0000", "E0000", "XLA service"):
        assert noise not in output
    with (tmp_path / "artifacts" / "xor.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == [str(n) for n in range(1, 11)]

    status, output, errors = process("predict.py", "--x1", 0, "--x2", 1, cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert output.split() == ["x1", "x2", "probability", "class", "0", "1", table[1][2], "1"]

    status, output, errors = process("plot_model.py", cwd=tmp_path, PATH="")
    assert (status, output, errors) == (0, "picture: artifacts/model.png\n", "")
    assert (tmp_path / "artifacts" / "model.png").stat().st_size > 10_000


def on_terminal(folder, columns):
    """The exit status and output of a short training on a terminal of this width."""
    screen, terminal = pty.openpty()
    training = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "train.py", "--epochs", "2"],
        cwd=folder,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=os.environ | {"COLUMNS": str(columns)},
    )
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(screen, 4096):
            shown += chunk
    except OSError:  # Linux raises it when the other end of a terminal closes.
        pass
    os.close(screen)
    return training.wait(), shown.decode()


@pytest.mark.parametrize("columns", [90, 20])
def test_train_draws_a_bar_on_a_terminal(tmp_path, columns):
    status, shown = on_terminal(tmp_path, columns)
    assert status == 0
    assert "Epoch 2/2\r\n" in shown
    assert re.search("1000/1000.+━━━━━━━━━━━━━━━━━━━━", shown)
    assert ('Model: "xor"' in shown) is (columns == 90)
    assert ("xor: 33 parameters\r\n" in shown) is (columns < 40)
    assert "Traceback" not in shown


@pytest.mark.parametrize("rate", [100, 1e-30])
def test_train_says_how_many_are_right(script, rate):
    status, output, errors = script("train.py", "--learning-rate", rate, "--epochs", 2)
    assert (status, errors) == (0, "")
    classes = [line.split()[3] for line in output.splitlines() if re.match(r" [01] ", line)]
    right = sum(a == b for a, b in zip(classes, "0110", strict=True))
    assert right < 4
    advice = "With --learning-rate 0.1 and no other option, all 1000 runs of the seed study learned"
    assert f"\nOnly {right} of the 4 are right. {advice}" in output
    _, output, _ = script("train.py", "--learning-rate", 0.1)
    assert "of the 4 are right" not in output


def test_train_keeps_files_of_others(script, tmp_path):
    (tmp_path / "weather.csv").write_text("day,rain\n1,0.5\n")
    for more in ([], ["--resume"]):
        status, output, errors = script("train.py", "--model", "weather.keras", *more)
        assert (status, output) == (1, "")
        assert "weather.csv was not written by keras_xor and is kept: choose" in one_line(errors)
    assert [path.name for path in tmp_path.iterdir()] == ["weather.csv"]


def test_train_quietly(script, tmp_path):
    arguments = ("--quiet", "--epochs", 1, "--steps-per-epoch", 3, "--model", "a/b.keras")
    assert script("train.py", *arguments) == (0, "", "")
    assert {file.name for file in (tmp_path / "a").iterdir()} == {"b.keras", "b.csv"}


def test_train_with_every_option(script):
    status, output, errors = script(
        *("train.py", "--epochs", 2, "--steps-per-epoch", 30, "--batch-size", 5),
        *("--learning-rate", 0.5, "--seed", 9, "--model", "m.keras", "--show-batch"),
        *("--hidden-units", "4x3", "--activation", "relu", "--initializer", "he_normal"),
        *("--loss", "mse", "--optimizer", "SGD", "--momentum", 0.9, "--nesterov"),
    )
    assert (status, errors) == (0, "")
    x, y = next(keras_xor.xor_batches(5, seed=9).as_numpy_iterator())
    for name, values in {**x, "y": y}.items():
        assert f"{name:>2} {values.ravel()}\n" in output
    recipe = Recipe(
        **{"hidden_units": (4, 3), "activation": "relu", "kernel_initializer": "he_normal"},
        **{"loss": "mean_squared_error", "optimizer": "sgd", "learning_rate": 0.5},
        **{"momentum": 0.9, "nesterov": True, "batch_size": 5, "steps_per_epoch": 30, "epochs": 2},
    )
    assert not {*dataclasses.asdict(recipe).items()} & {*dataclasses.asdict(Recipe()).items()} - {
        ("optimizer", "sgd")
    }
    model = keras_xor.build_model(recipe, seed=9)
    keras_xor.train(model, recipe, seed=9)
    assert prediction_table(keras_xor.prediction.predictions(model, *TRUTH_TABLE)) in output


def test_a_run_of_a_study_can_be_trained_recorded_and_drawn(script, tmp_path):
    recipe = ("--hidden-units", "2x2", "--optimizer", "adam", "--loss", "mse", "--epochs", 2)
    assert script("seed_study.py", *recipe, "--seeds", 3, "--csv", "study.csv")[0] == 0
    with (tmp_path / "study.csv").open(newline="") as file:
        row = [*csv.DictReader(file)][-1]
    status, output, errors = script("train.py", *recipe, "--seed", row["seed"], "--record")
    assert (status, errors) == (0, "")
    shown = [float(line.split()[2]) for line in output.splitlines() if re.match(r" [01]    ", line)]
    assert shown == pytest.approx([float(row[point]) for point in POINTS], abs=1e-5)
    assert script("plot_surface.py", "--record", "artifacts/xor.npz", "--resolution", 5)[0] == 0
    assert script("plot_model.py", "--model", "artifacts/xor.keras", "--to-file", "a.svg")[0] == 0
    assert "hidden_2" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize(
    ("command", "device", "complaint"),
    [
        ("train.py --epochs 1 --device cpu", "cpu:0", None),
        ("train.py --epochs 1 --device cpu:1", "cpu:1", None),
        ("train.py --device cpu:2", None, "there is no device cpu:2: use cpu:0 or cpu:1"),
        ("train.py --device gpu", None, "there is no device gpu:0: use cpu:0 or cpu:1"),
        ("seed_study.py --device tpu:3", None, "there is no device tpu:3: use"),
    ],
)
def test_device(tmp_path, command, device, complaint):
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "two_cpus.py", *command.split()],
        cwd=tmp_path,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    if complaint:
        assert (done.returncode, done.stdout) == (1, "")
        assert complaint in done.stderr.splitlines()[-1]
        assert not any(tmp_path.iterdir())
    else:
        assert done.returncode == 0
        assert (f"Training on {device}, " in done.stdout) is command.startswith("train.py")


def test_a_warning_is_one_line(tmp_path):
    """Keras warns of a softmax over one unit, which is 1 whatever the unit says."""
    command = "train.py --hidden-units 1 --activation softmax --epochs 1 --steps-per-epoch 1"
    status, _, errors = process(*command.split(), cwd=tmp_path)
    assert status == 0
    assert {line.split(": ")[0] for line in errors.splitlines()} == {"train.py"}
    assert "softmax" in errors


def test_predict_the_truth_table(script, trained, trained_file):
    status, output, errors = script("predict.py", "--model", trained_file)
    assert (status, errors) == (0, "")
    rows = keras_xor.prediction.predictions(trained, *TRUTH_TABLE)
    assert output == prediction_table(rows) + "\n"


def test_predict_json(script, trained, trained_file):
    status, output, errors = script(
        "predict.py", "--x1", 0, 0.25, "--x2", 1, "1e-3", "--model", trained_file, "--json"
    )
    assert (status, errors) == (0, "")
    assert json.loads(output) == keras_xor.prediction.predictions(trained, [0, 0.25], [1, 0.001])


@pytest.mark.parametrize("x1", ["-1", "-1e3", "-.5", "1.01", "+2", "1e308"])
def test_predict_says_when_it_extrapolates(script, trained_file, x1):
    status, output, errors = script(
        "predict.py", "--x1", x1, 0, "--x2", 0, 1, "--model", trained_file, "--json"
    )
    assert status == 0
    assert "extrapolates" in one_line(errors)
    assert [row["x1"] for row in json.loads(output)] == [float(x1), 0]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plot_a_saved_model(script, trained_file, tmp_path, suffix):
    file = tmp_path / f"new/a.{suffix}"
    arguments = ("--to-file", file, "--model", trained_file, "--rankdir", "LR", "--dpi", 72)
    assert script("plot_model.py", *arguments) == (0, f"picture: {file}\n", "")
    assert {"png": b"PNG", "svg": b"<svg", "pdf": b"%PDF"}[suffix] in file.read_bytes()


@pytest.mark.parametrize("suffix", ["png", "svg", "html", "json"])
def test_record_and_plot(script, tmp_path, suffix):
    arguments = ("--epochs", 2, "--steps-per-epoch", 9, "--model", "a.keras", "--record")
    status, output, errors = script("train.py", *arguments)
    assert (status, errors) == (0, "")
    assert output.endswith("model:   a.keras\nhistory: a.csv\nrecord:  a.npz\n")
    for arguments in (
        ("plot_surface.py", "--model", "a.keras", "--resolution", 5),
        ("plot_surface.py", "--record", "a.npz", "--resolution", 5),
        ("plot_history.py", "--history", "a.csv"),
    ):
        file = tmp_path / f"new/{arguments[1]}.{suffix}"
        assert script(*arguments, "--to-file", file) == (0, f"picture: {file}\n", "")
        kind = {"png": b"\x89PNG", "svg": b"<svg", "html": b"<!DOCTYPE html>", "json": b"{"}[suffix]
        assert file.read_bytes().startswith(kind)
        if suffix == "html":
            assert (b"datum.frame" in file.read_bytes()) is ("--record" in arguments)


def test_table():
    assert table(("", "a", "b"), ("x", "1.5", "-1e+300"), ("long", "22", "inf")) == (
        "         a         b\nx      1.5   -1e+300\nlong    22       inf"
    )
    assert table(("a", "long"), ("1", "2"), ("", "")) == "a   long\n1      2\n"


@pytest.fixture
def benchmark(monkeypatch):
    """The benchmark with canned figures."""
    measured = keras_xor.benchmark
    costs = {"median": 2.0, "min": 1.0, "max": 3.0}
    process = {"seconds": 2.0, "mebibytes": 600.0}
    for name, figures in {
        "machine": {"cores": 2, "device": "cpu:0"},
        "step_costs": [{"how": "Keras fit", **costs, "ratio": 200.0}],
        "growth": [{"batch_size": 32, "steps": 10, **costs}],
        "study_costs": [{"how": "study", **costs, "ratio": 1.0}],
        "process_costs": [{"what": "a", **process}, {"what": "b", **process, "seconds": 3.0}],
    }.items():
        monkeypatch.setattr(measured, name, lambda *_, figures=figures: figures)
    monkeypatch.setattr(measured, "has_jax", lambda: True)
    return measured


@pytest.mark.usefixtures("benchmark")
def test_benchmark_tables(script):
    status, output, errors = script("benchmark.py")
    assert (status, errors) == (0, "")
    assert [line.split() for line in output.splitlines() if line] == [
        ["cores", "2"],
        ["device", "cpu:0"],
        ["us", "per", "step", "median", "min", "max", "ratio"],
        ["Keras", "fit", "2.00", "1.00", "3.00", "200.00"],
        ["batch", "size", "steps", "us", "per", "step,", "median", "min", "max"],
        ["32", "10", "2.00", "1.00", "3.00"],
        ["us", "per", "step", "and", "run", "median", "min", "max", "ratio"],
        ["study", "2.000", "1.000", "3.000", "1.00"],
        ["a", "process", "seconds", "ratio", "peak", "MiB", "ratio"],
        ["a", "2.00", "1.00", "600", "1.00"],
        ["b", "3.00", "1.50", "600", "1.00"],
    ]


def test_benchmark_json(script, benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "has_jax", lambda: False)
    status, output, errors = script("benchmark.py", "--json")
    assert status == 0
    assert "JAX is not installed" in one_line(errors)
    assert json.loads(output) == {
        "machine": benchmark.machine(),
        "steps": benchmark.step_costs(),
        "growth": benchmark.growth(),
        "studies": benchmark.study_costs(),
        "processes": benchmark.process_costs(),
    }


# What users see when streams are closed, full, broken or not Unicode.

TRAIN = "train.py --epochs 1 --steps-per-epoch 9"


@pytest.mark.parametrize(
    ("command", "status", "complaint"),
    [
        (f"{TRAIN} <&- >&- 2>&-", 0, ""),
        (f"{TRAIN} > /dev/full", 1, "train.py: cannot write to standard output (No space left"),
        (f"{TRAIN} | true", 1, ""),
        (f"PYTHONIOENCODING=ascii {TRAIN} --model ü.keras 2> /dev/full", 0, ""),
        ("predict.py | true", 1, ""),
        ("predict.py --help > /dev/full", 1, "predict.py: cannot write to standard output"),
        ("predict.py --help >&-", 0, ""),
        ("predict.py --x1 2>&-", 2, ""),
    ],
)
def test_streams(trained_file, tmp_path, command, status, complaint):
    if command.startswith("predict"):
        shutil.copytree(trained_file.parent, tmp_path / "artifacts")
    for name in SCRIPTS:
        (tmp_path / name).write_text(f'exec {sys.executable} {ROOT}/scripts/{name} "$@"\n')
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status
    if complaint:
        assert complaint in one_line(done.stderr)
    else:
        assert done.stderr == ""
    assert "Traceback" not in done.stdout
    assert len([*tmp_path.rglob("*.keras")]) == 1


# What users see when they make mistakes.


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_is_light(light_process, name):
    status, output, errors = light_process(name, "--help")
    assert (status, errors) == (0, "")
    assert output.startswith(f"usage: {name} ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("train.py --epochs 0", "--epochs: it must be a whole number of at least 1, not '0'"),
        ("train.py --epochs -3", "--epochs"),
        ("train.py --epochs nan", "--epochs"),
        ("train.py --epochs 1.5", "--epochs"),
        ("train.py --epochs", "--epochs"),
        ("train.py --steps-per-epoch 0", "--steps-per-epoch"),
        ("train.py --steps-per-epoch many", "--steps-per-epoch"),
        ("train.py --batch-size 0", "--batch-size"),
        ("train.py --batch-size -1", "--batch-size"),
        ("train.py --batch-size 99999999", "--batch-size: it must be a whole number from 1 to"),
        ("train.py --learning-rate 0", "--learning-rate: it must be above 0"),
        ("train.py --learning-rate -1e-3", "--learning-rate: it must be above 0"),
        ("train.py --learning-rate inf", "--learning-rate"),
        ("train.py --learning-rate 1e-50", "outside this range it is 0 or infinite in float32"),
        ("train.py --learning-rate 1e39", "--learning-rate: it must be from 1.2e-38 to 3.4e+38"),
        (f"train.py --seed {'9' * 5_000}", "--seed: it must be a whole number of at least 0, not"),
        ("train.py --learning-rate fast", "--learning-rate: it must be a finite number"),
        ("train.py --seed -1", "--seed"),
        ("train.py --model a.h5", "--model: it must end in .keras"),
        ("train.py --speed 1", "--speed"),
        (f"train.py {'a' * 10_000}", "unrecognized arguments: aaa"),
        ("predict.py --x1 0", "1 numbers for --x1, 0 for --x2: give them in pairs"),
        ("predict.py --x2 0", "give them in pairs"),
        ("predict.py --x1 0 1 --x2 0", "give them in pairs"),
        ("predict.py --x1 --x2 0", "--x1"),
        ("predict.py --x1 zero --x2 0", "--x1: it must be a finite number, not 'zero'"),
        ("predict.py --x1 nan --x2 0", "--x1"),
        ("predict.py --x1 0 --x2 inf", "--x2"),
        ("predict.py --x1 0 --x2 -inf", "--x2: it must be a finite number, not '-inf'"),
        ("predict.py --x1 0 --x2 1e999", "--x2"),
        ("predict.py --model a.txt", "--model"),
        ("predict.py 0 1", "unrecognized arguments"),
        ("plot_model.py --to-file a.gif", "--to-file: it must end in .png or .svg or .pdf"),
        ("plot_model.py --to-file a", "--to-file"),
        ("plot_model.py --rankdir up", "--rankdir"),
        ("plot_model.py --dpi 0", "--dpi"),
        ("plot_model.py --dpi high", "--dpi"),
        ("plot_model.py --model a.zip", "--model"),
        ("plot_surface.py --to-file a.pdf", "--to-file: it must end in .png or .svg or .html"),
        ("plot_surface.py --resolution 0", "--resolution: it must be a whole number from 2 to"),
        ("plot_surface.py --resolution 1", "--resolution"),
        ("plot_surface.py --resolution 10000000", "--resolution"),
        ("plot_surface.py --record a.csv", "--record: it must end in .npz"),
        ("plot_surface.py --record a.npz --model a.keras", "not allowed with"),
        ("plot_history.py --to-file a", "--to-file"),
        ("plot_history.py --history a.txt", "--history: it must end in .csv"),
        ("seed_study.py --seeds 0", "--seeds: it must be a whole number from 1 to 1000000"),
        ("seed_study.py --seeds many", "--seeds"),
        ("seed_study.py --seed -1", "--seed"),
        ("seed_study.py --epochs 0", "--epochs"),
        ("seed_study.py --hidden-units 0", "--hidden-units: it must be a whole number from 1 to"),
        ("seed_study.py --activation tahn", "--activation: it must be celu, elu, exponential, "),
        ("train.py --hidden-units 4x", "or up to 4 of them such as 4x4, not '4x'"),
        (
            "train.py --optimizer adma",
            "--optimizer: it must be adadelta, adafactor, adagrad, adam,",
        ),
        ("train.py --loss accuracy", "--loss: it must be binary_crossentropy, binary_focal"),
        ("train.py --initializer he", "--initializer: it must be glorot_normal, glorot_uniform,"),
        ("train.py --momentum 2", "--momentum: it must be from 0 to 1, not '2'"),
        ("train.py --optimizer adam --momentum 0.9", "adam has no momentum: leave it out, or use"),
        ("train.py --nesterov", "nesterov needs sgd or muon, with a momentum such as 0.9"),
        ("seed_study.py --optimizer lion --momentum 0.9", "lion has no momentum"),
        ("train.py --device cuda", "--device: it must be a device such as cpu or gpu:1"),
        ("seed_study.py --csv a.txt", "--csv: it must end in .csv"),
        ("seed_study.py --to-file a.pdf", "--to-file"),
        (
            "export.py --to-file a.pb",
            "--to-file: it must end in .onnx or .tflite, or in /",
        ),
        ("export.py --model a.h5", "--model"),
        ("benchmark.py --repeats 5", "--repeats"),
    ],
)
def test_bad_arguments(light_process, arguments, complaint):
    status, output, errors = light_process(*arguments.split())
    assert (status, output) == (2, "")
    assert complaint in one_line(errors)
    assert errors.startswith(arguments.split()[0])


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("backend", ["jax", "torch", "nonsense", ""])
def test_another_backend(light_process, name, backend):
    status, output, errors = light_process(name, KERAS_BACKEND=backend)
    assert (status, output) == (1, "")
    assert f"KERAS_BACKEND is {backend!r}" in one_line(errors)


@pytest.mark.parametrize("name", ["predict.py", "plot_model.py", "plot_surface.py", "export.py"])
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "run python scripts/train.py first"),
        (b"", "not a Keras model"),
        (b"PK\3\4 and so on", "not a Keras model"),
        ("cut", "not a Keras model"),
        ("folder", "Is a directory"),
    ],
)
def test_no_model(script, trained_file, tmp_path, name, content, complaint):
    file = tmp_path / "a.keras"
    if content == "cut":
        file.write_bytes(trained_file.read_bytes()[:-1_000])
    elif content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    status, output, errors = script(name, "--model", file)
    assert (status, output) == (1, "")
    assert complaint in one_line(errors)


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ("a.keras", "a.keras/"),
        ("a.keras", "a.csv/"),
        ("a/b.keras", "a"),
        ("/proc/a.keras", "b"),
    ],
)
def test_train_sees_an_unwritable_target_first(script, monkeypatch, tmp_path, model, taken):
    if taken.endswith("/"):
        (tmp_path / taken).mkdir()
    else:
        (tmp_path / taken).write_text("kept")
    monkeypatch.setattr(keras_xor.training, "train", None)
    status, output, errors = script("train.py", "--model", model)
    assert (status, output) == (1, "")
    assert "choose a file" in one_line(errors)
    assert [file.name for file in tmp_path.iterdir()] == [taken.strip("/")]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            "plot_surface.py --record a.npz",
            "no record at a.npz: run python scripts/train.py --record first",
        ),
        ("plot_history.py --history a.csv", "no history at a.csv: run python scripts/train.py"),
        ("plot_surface.py --record foreign.npz", "foreign.npz is not a training record"),
        ("plot_history.py --history foreign.csv", "foreign.csv is not a training history"),
    ],
)
def test_nothing_to_plot(script, tmp_path, arguments, complaint):
    for name in ("foreign.npz", "foreign.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    status, output, errors = script(*arguments.split())
    assert (status, output) == (1, "")
    assert complaint in one_line(errors)


def test_plot_model_to_a_folder(script, tmp_path):
    (tmp_path / "a.png").mkdir()
    status, output, errors = script("plot_model.py", "--to-file", "a.png")
    assert (status, output) == (1, "")
    assert "a.png is a folder: choose a file" in one_line(errors)
