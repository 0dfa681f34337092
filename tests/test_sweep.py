import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from conftest import ROOT, largest_file, one_line

import keras_xor
from keras_xor import Recipe, plots, seed_study, sweep
from keras_xor.files import Throttle
from keras_xor.study import groups, rows, runs, summary

STEPS = {"epochs": 2, "steps_per_epoch": 40}
GRID = [
    Recipe(**STEPS, learning_rate=0.01, momentum=0.9),
    Recipe(**STEPS, learning_rate=0.3, momentum=0.5, batch_size=40),
    Recipe(**STEPS, learning_rate=0.1, batch_size=5),
    Recipe(epochs=1, steps_per_epoch=70),
]


def test_each_recipe_is_studied_as_if_alone(monkeypatch):
    programs = []

    def noting(*arguments):
        programs.append(program_of(*arguments))
        return programs[-1]

    program_of = groups.program_of
    monkeypatch.setattr(groups, "program_of", noting)
    studies = sweep(GRID, seeds=6, seed=3)
    assert len({*map(id, programs)}) == 2  # Without momentum, and with any.
    for recipe, study in zip(GRID[:3], studies[:3], strict=True):
        assert [row["seed"] for row in study] == [row["seed"] for row in studies[3]]
        model = keras_xor.build_model(recipe, study[5]["seed"])
        history = keras_xor.train(model, recipe, study[5]["seed"]).history
        assert study[5]["loss"] == pytest.approx(history["loss"][-1], abs=2e-5)


def test_rmsprop_and_nesterov_with_a_momentum_of_their_own():
    for options in ({"optimizer": "rmsprop"}, {"nesterov": True}):
        recipes = [Recipe(**STEPS, **options, momentum=momentum) for momentum in (0.3, 0.8)]
        recipe, run = recipes[1], sweep(recipes, seeds=2)[1][1]
        model = keras_xor.build_model(recipe, run["seed"])
        history = keras_xor.train(model, recipe, run["seed"]).history
        assert run["loss"] == pytest.approx(history["loss"][-1], abs=2e-5)


def own_model(units):
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(units, "tanh"), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", "mse")
    return model


def test_models_beside_recipes():
    model, recipe = own_model(3), Recipe(**STEPS)
    studies = sweep([recipe, (recipe, model)], seeds=2)
    assert studies == [seed_study(recipe, 2), seed_study(recipe, 2, model=model)]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"recipes": [(Recipe(), "x")]}, "model must be a keras.Model"),
        ({"recipes": [*GRID, Recipe(optimizer="adafactor")]}, "cannot use Adafactor"),
    ],
)
def test_bad_arguments(arguments, complaint, monkeypatch):
    monkeypatch.setattr(groups, "train_group", None)
    with pytest.raises(keras_xor.KerasXorError, match=complaint):
        sweep(**arguments)


# On disk.


def test_the_file_has_a_row_per_run_and_a_column_per_varied_field(tmp_path):
    file = tmp_path / "new" / "a.csv"
    recipes = [Recipe(**STEPS, hidden_units=units) for units in ("2", "3x2")]
    diverging = Recipe(**STEPS, hidden_units=2, learning_rate=1e30)
    studies = sweep([*recipes, diverging], seeds=3, file=file)
    with file.open(newline="") as lines:
        read = [*csv.DictReader(lines)]
    labels = [("2", "0.01"), ("3x2", "0.01"), ("2", "1e+30")]
    expected = [
        row | {"hidden_units": units, "learning_rate": rate}
        for study, (units, rate) in zip(studies, labels, strict=True)
        for row in study
    ]
    assert [list(row) for row in read] == [list(row) for row in expected]
    for row, other in zip(read, expected, strict=True):
        assert row == {name: "" if value is None else f"{value}" for name, value in other.items()}
    assert [*tmp_path.rglob("*.study")] == []


class Stopped(KeyboardInterrupt):
    pass


@pytest.fixture
def interrupted(monkeypatch):
    """Sweep into a file, interrupted after some groups."""
    monkeypatch.setattr(groups, "_GROUP", (2, 2))
    monkeypatch.setattr(Throttle, "__call__", lambda self, save: save())
    update = rows.RowsFile.update

    def run(after, **arguments):
        def then_stop(self, finished):
            update(self, finished)
            if len(finished) >= after:
                raise Stopped

        with monkeypatch.context() as patch:
            patch.setattr(rows.RowsFile, "update", then_stop)
            with pytest.raises(Stopped):
                sweep(**arguments)

    return run


RECIPES = [Recipe(**STEPS, learning_rate=rate) for rate in (0.01, 1e30, 0.3)]
LOSSES = [Recipe(**STEPS, loss=loss) for loss in ("mse", "mae")]


@pytest.mark.parametrize(
    "cells", [RECIPES, LOSSES, [(Recipe(**STEPS), own_model(n)) for n in (2, 3)]]
)
def test_an_interrupted_sweep_is_continued_to_the_same_bytes(tmp_path, interrupted, cells):
    options = {"recipes": cells, "seeds": 5, "seed": 4}
    whole = sweep(**options, file=tmp_path / "whole.csv")
    file = tmp_path / "a.csv"
    for after in (1, 3, 5):
        interrupted(after, **options, file=file, resume=True)
        assert len(file.read_text().splitlines()) > after
    np.testing.assert_equal(sweep(**options, file=file, resume=True), whole)
    assert file.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.csv", "whole.csv"]


def test_progress_is_told_and_can_end_a_sweep():
    told = []
    sweep(RECIPES, seeds=5, on_progress=lambda *steps: told.append(steps))
    steps = 15 * RECIPES[0].epochs * RECIPES[0].steps_per_epoch
    assert told == sorted(told)
    assert told[-1] == (steps, steps)

    def stop(steps_done, steps):
        if steps_done:
            raise Stopped

    with pytest.raises(Stopped):
        sweep([Recipe(epochs=10**6)], seeds=5, on_progress=stop)  # Of days.


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"seed": 5}, r"with other options, seed \(4, not 5\): use the same ones"),
        ({"seeds": 6}, r"seeds \(5, not 6\)"),
        ({"recipes": RECIPES[:2]}, r"learning_rate \(0.01 1e\+30 0.3, not 0.01 1e\+30\)"),
        ({"recipes": [Recipe(epochs=1), RECIPES[1]]}, r"epochs \(2, not 1 2\)"),
        ({"recipes": [own_model(2)]}, r"model \(none, not"),
        ({"recipes": [(Recipe(**STEPS), own_model(2)), *RECIPES[1:]]}, r"model \(none, not"),
        ({"resume": False}, "is of an unfinished study: resume it, or delete"),
    ],
)
def test_another_sweep_keeps_the_file(tmp_path, interrupted, changes, complaint):
    options = {"recipes": RECIPES, "seeds": 5, "seed": 4, "file": tmp_path / "a.csv"}
    interrupted(1, **options)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(keras_xor.KerasXorError, match=complaint):
        sweep(**options | {"resume": True} | changes)
    assert before == {file: file.read_bytes() for file in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("a.csv", lambda text: text.replace("0.4", "0.5", 1)),
        ("a.csv", lambda text: ""),
        ("a.study", lambda text: text[:-9]),
        ("a.study", lambda text: json.dumps([text])),
        ("a.study", lambda text: text[:60] + "[" * 10**5),
    ],
)
def test_damaged_files_are_told(tmp_path, interrupted, name, damage):
    options = {"recipes": RECIPES, "seeds": 5, "file": tmp_path / "a.csv"}
    interrupted(1, **options)
    (tmp_path / name).write_text(damage((tmp_path / name).read_text()))
    with pytest.raises(keras_xor.KerasXorError, match=r"a.study to start over|is damaged: delete"):
        sweep(**options, resume=True)


def test_old_rows_stay_until_there_are_new_ones(tmp_path, monkeypatch):
    options = {"recipes": RECIPES, "seeds": 2, "file": tmp_path / "a.csv"}
    sweep(**options)
    before = (tmp_path / "a.csv").read_bytes()

    def stop(*_):
        raise Stopped

    monkeypatch.setattr(runs, "_train", stop)
    with pytest.raises(Stopped):
        sweep(**options)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [before]


def test_full_disk(tmp_path, interrupted):
    options = {"recipes": RECIPES, "seeds": 5, "file": tmp_path / "a.csv"}
    interrupted(2, **options)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with largest_file(100), pytest.raises(keras_xor.KerasXorError, match="cannot write"):
        sweep(**options, resume=True)
    assert before == {file: file.read_bytes() for file in tmp_path.iterdir()}
    sweep(**options, resume=True)
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 3 * 5


def wired(*kinds, weight=1.0, delta=1.0):
    inputs = keras.Input((2,))
    layers = {kind: keras.layers.Dense(2, kind) for kind in ("tanh", "relu")}
    x = keras.layers.Add()([layers[kind](inputs) for kind in kinds])
    layers["relu"](layers["tanh"](inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.compile("sgd", keras.losses.Huber(delta), loss_weights=[weight])
    return model


@pytest.mark.parametrize(
    "other",
    [
        lambda model: [(RECIPES[0], model), RECIPES[0]],
        lambda model: [RECIPES[0], RECIPES[0]],
        lambda model: [RECIPES[0], (RECIPES[0], wired("relu", "relu"))],
        lambda model: [RECIPES[0], (RECIPES[0], wired("tanh", "relu", weight=9.0))],
        lambda model: [RECIPES[0], (RECIPES[0], wired("tanh", "relu", delta=0.1))],
    ],
)
def test_another_model_does_not_continue(tmp_path, interrupted, other):
    options = {"seeds": 4, "file": tmp_path / "a.csv"}
    model = wired("tanh", "relu")
    interrupted(1, recipes=[RECIPES[0], (RECIPES[0], model)], **options)
    with pytest.raises(keras_xor.KerasXorError, match="with other options, model"):
        sweep(other(model), **options, resume=True)
    again = [RECIPES[0], (RECIPES[0], wired("tanh", "relu"))]
    assert len(sweep(again, **options, resume=True)[1]) == 4


# The script.

SMALL = ("--seeds", 4, "--epochs", 1, "--steps-per-epoch", 50)


def test_script(script, tmp_path):
    options = ("--learning-rate", 0.01, 0.5, "--hidden-units", 2, "4x4", "--nesterov", "off", "on")
    status, output, errors = script(
        *("seed_study.py", *SMALL, *options, "--momentum", 0.9, "--csv", "a.csv"),
        *("--to-file", "a.svg"),
    )
    assert (status, errors) == (0, "")
    told, lines = output.splitlines()[:8], output.splitlines()[8:]
    assert [line.split(" - ")[0] for line in told] == [f"{number}/8" for number in range(1, 9)]
    assert re.split(" {2,}", lines[0]) == [
        *("hidden_units", "learning_rate", "nesterov"),
        *("learned, %", "from", "to", "median steps", "median loss"),
    ]
    recipes = [
        Recipe(
            **{"epochs": 1, "steps_per_epoch": 50, "momentum": 0.9},
            **{"hidden_units": units, "learning_rate": rate, "nesterov": nesterov},
        )
        for units in (2, "4x4")
        for rate in (0.01, 0.5)
        for nesterov in (False, True)
    ]
    for line, recipe, study in zip(lines[1:9], recipes, sweep(recipes, seeds=4), strict=True):
        result = summary(study)
        low, high = result["interval"]
        assert line.split() == [
            *(recipe.settings()[name] for name in ("hidden_units", "learning_rate", "nesterov")),
            *(f"{100 * share:.1f}" for share in (result["learned"] / 4, low, high)),
            f"{result['median_steps_to_learn'] or 'never'}",
            f"{result['median_loss']:.4f}",
        ]
    assert lines[9:] == ["", "rows:    a.csv", "picture: a.svg"]
    with (tmp_path / "a.csv").open(newline="") as file:
        assert len([*csv.DictReader(file)]) == 8 * 4


def test_script_studies_a_model_with_several_batch_sizes(script, tmp_path):
    own_model(2).save(tmp_path / "mine.keras")
    options = ("--model", "mine.keras", "--batch-size", 1, 8)
    status, output, errors = script("seed_study.py", *SMALL, *options)
    assert (status, errors) == (0, "")
    assert [line.split()[0] for line in output.splitlines()[3:5]] == ["1", "8"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--learning-rate", 0.1, "x"], "argument --learning-rate: must be a number from"),
        (["--optimizer", "sgd", "adam", "--momentum", 0.9], "adam has no momentum"),
        (
            ["--nesterov", "maybe"],
            "argument --nesterov: must be on or off (True or False in Python), not",
        ),
        (["--device", "cpu", "--scheduler", "tcp://a:1"], "leave out one"),
        (["--resume"], "--resume continues the file from --csv: add --csv"),
        (
            [
                *("--hidden-units", 2, 3, "--learning-rate", 0.1, 1, "--loss", "mse", "mae"),
                *("--activation", "relu", "tanh", "--batch-size", 1, 2, "--to-file", "a.png"),
            ],
            "--to-file draws up to 4 options with several values, not 5",
        ),
    ],
)
def test_script_refuses_options(script, options, complaint):
    status, output, errors = script("seed_study.py", *options)
    assert (status, output) == (2, "")
    assert complaint in one_line(errors)


def test_script_tells_of_recipes_that_all_diverge(script):
    rates = ("--learning-rate", 1e30, 3e30)
    status, output, errors = script("seed_study.py", *SMALL, *rates, "--to-file", "a.png")
    assert (status, errors) == (0, "")
    assert output.splitlines()[3].split()[1:] == ["0.0", "0.0", "49.0", "never", "nan"]


RATES = (0.01, 0.03, 0.1, 0.3, 1)
STUDY = ("--seeds", 500, "--epochs", 6, "--learning-rate", *RATES, "--csv", "a.csv")
OFTEN = """
import runpy, sys
from keras_xor.runtime import import_keras, keras_backend
keras_backend()
import_keras()
from keras_xor.files import Throttle
Throttle.__call__ = lambda self, save: save()
sys.argv = ["seed_study.py", *sys.argv[1:]]
runpy.run_path({script!r}, run_name="__main__")
""".format(script=str(ROOT / "scripts" / "seed_study.py"))


def start(*options, cwd):
    return subprocess.Popen(
        [sys.executable, "-c", OFTEN, *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def finished(process):
    process.communicate()
    return process.returncode == 0


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert finished(start(*STUDY, cwd=folder))
    return (folder / "a.csv").read_bytes()


@pytest.mark.parametrize(("how", "share"), [(signal.SIGKILL, 3), (signal.SIGINT, 6)])
def test_a_study_ended_at_any_moment_is_continued(request, tmp_path, uninterrupted, how, share):
    rng, ends, wanted = random.Random(0), 0, request.config.getoption("kills") // share
    while ends < wanted:
        process = start(*STUDY, "--resume", cwd=tmp_path)
        process.stdout.readline()  # Of the first recipe that is done.
        time.sleep(rng.uniform(0, 1))
        process.send_signal(how)
        _, errors = process.communicate()
        if process.returncode == 0:  # It came to its end first.
            (tmp_path / "a.csv").unlink()
            continue
        ends += 1
        if how == signal.SIGINT:
            assert process.returncode == 130
            assert re.search("interrupted: continue with .* --resume$", one_line(errors))
        else:
            assert (process.returncode, errors) == (-signal.SIGKILL, "")
    assert finished(start(*STUDY, "--resume", cwd=tmp_path))
    assert (tmp_path / "a.csv").read_bytes() == uninterrupted
    left = {file.name for file in tmp_path.glob(".keras_xor-*")}  # Kept for an hour.
    assert {file.name for file in tmp_path.iterdir()} == {"a.csv", *left}


# The charts.


def made_up(learned):
    answers = {"y_00": 0.1, "y_01": 0.9, "y_10": 0.9, "y_11": 0.1, "loss": 0.1}
    return [{"seed": n, **answers, "steps_to_learn": 5 if n < learned else None} for n in range(10)]


VALUES = {
    "learning_rate": [0.001, 1.0],
    "hidden_units": ["2", "4x4", "8"],
    "optimizer": ["sgd", "adam"],
    "loss": ["mse", "mae"],
}


def recipes_of(*names):
    recipes = [{}]
    for name in names:
        recipes = [recipe | {name: value} for recipe in recipes for value in VALUES[name]]
    return [Recipe(**recipe) for recipe in recipes]


@pytest.mark.parametrize(
    ("count", "end"), [*((count, "svg") for count in (1, 2, 3, 4)), (3, "png"), (4, "html")]
)
def test_charts_of_one_to_four_fields(count, end, tmp_path):
    names = [*VALUES][:count]
    recipes = recipes_of(*names)
    studies = [made_up(number % 11) for number in range(len(recipes))]
    chart = plots.share_learned(recipes, studies)
    for number, (row, recipe) in enumerate(zip(chart.data["values"], recipes, strict=True)):
        low, high = summary(studies[number])["interval"]
        expected = {"learned": number % 11 / 10, "low": low, "high": high, "runs": 10}
        assert row == expected | {name: recipe.settings()[name] for name in names}
    plots.save(chart, tmp_path / f"a.{end}")
    if end == "svg":
        text = (tmp_path / "a.svg").read_text()
        shown = [recipe.settings()[name] for recipe in recipes for name in names[1:]]
        assert all(f"{value}</text>" in text for value in shown)


@pytest.mark.parametrize("name", ["learning_rate", "optimizer", "hidden_units"])
def test_a_chart_of_one_field_draws_its_interval(name):
    spec = plots.share_learned(recipes_of(name), [made_up(5)] * len(VALUES[name])).to_dict()
    marks = [layer["mark"]["type"] for layer in spec["layer"]]
    assert marks == ["line", "rule", "point"][name == "optimizer" :]
    assert (spec["layer"][0]["encoding"]["x"].get("scale", {}).get("type") == "log") == (
        name == "learning_rate"
    )


@pytest.mark.parametrize(
    ("recipes", "studies", "complaint"),
    [
        ([Recipe()], [made_up(5)], "must differ in 1 to 4 fields to be charted, not 0"),
    ],
)
def test_what_cannot_be_charted(recipes, studies, complaint):
    with pytest.raises(keras_xor.KerasXorError, match=complaint):
        plots.share_learned(recipes, studies)
