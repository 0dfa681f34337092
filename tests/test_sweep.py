import concurrent.futures
import csv
import os
import random
import re
import signal
import time

import keras
import numpy as np
import pytest
from conftest import largest_file, one_line
from forked import CONTEXT, run_script

import keras_xor
from keras_xor import Recipe, Study, plots, seed_study, sweep

STEPS = {"epochs": 2, "steps_per_epoch": 40}
RECIPES = [Recipe(**STEPS, learning_rate=rate) for rate in (0.01, 1e30, 0.3)]
WITH_MOMENTUM = Recipe(**STEPS, momentum=0.9)


def same(studies, others):
    for study, other in zip(studies, others, strict=True):
        assert study.recipe == other.recipe
        for name in ("seed", "predictions", "loss", "steps_to_learn", "diverged"):
            np.testing.assert_array_equal(getattr(study, name), getattr(other, name))
    return True


def own_model(units=2):
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(units, "tanh"), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", "mse")
    return model


def test_a_model_in_several_recipes():
    model, recipes = own_model(), [Recipe(**STEPS, labels=labels) for labels in ("0110", "0001")]
    model.optimizer.learning_rate = 0.1
    studies = sweep(recipes, seeds=20, model=model)
    for study, labels in zip(studies, ([0, 1, 1, 0], [0, 0, 0, 1]), strict=True):
        assert [int(point[-1]) for point in study.points] == labels
        right = ((study.predictions > 0.5) == labels).all(axis=1)
        assert right.any()
        np.testing.assert_array_equal(study.learned, right)
    assert repr(studies[0]).startswith("<Study of sequential")


def test_what_cannot_be_studied_is_told_before_the_first_run():
    with pytest.raises(keras_xor.KerasXorError, match="cannot use ScheduleFreeAdamW"):
        sweep([*RECIPES, Recipe(optimizer="schedulefreeadamw")], executor=stopping(0))


def test_an_executor_trains():
    model, told = own_model(), []
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=CONTEXT) as pool:
        for options in ({}, {"model": model, "on_progress": lambda *steps: told.append(steps)}):
            there = seed_study(WITH_MOMENTUM, 3, executor=pool, **options)
            assert same([there], [seed_study(WITH_MOMENTUM, 3, **options)])
    assert told[:2] == [(0, 240), (240, 240)]


# On disk.


class Stopped(KeyboardInterrupt):
    pass


def stopping(after):
    """An executor that ends a sweep after some chunks."""

    class Executor(concurrent.futures.Executor):
        def submit(self, function, chunk):
            future, self.done = concurrent.futures.Future(), getattr(self, "done", 0) + 1
            future.set_exception(Stopped()) if self.done > after else future.set_result(
                function(chunk)
            )
            return future

    return Executor()


OF_A_MODEL = {"model": own_model(), "x": [[0, 1], [-2.5, 1]], "y": [0, 1]}


@pytest.mark.parametrize(
    ("options", "ends"),
    [
        ({"recipes": RECIPES, "seeds": 4}, [1, 1]),
        ({"recipes": RECIPES[:1], "seeds": 6, **OF_A_MODEL}, [2]),
    ],
)
def test_an_interrupted_sweep_is_continued_to_the_same_bytes(tmp_path, options, ends):
    options |= {"seed": 4, "chunk_size": 2}
    whole = sweep(**options, file=tmp_path / "new" / "whole.csv")
    content = (tmp_path / "new" / "whole.csv").read_bytes()
    file = tmp_path / "a.csv"
    for after in ends:
        with pytest.raises(Stopped):
            sweep(**options, file=file, resume=True, executor=stopping(after))
        assert content.startswith(file.read_bytes())
    assert file.read_bytes().count(b"\n") == 5
    file.write_bytes(content[:-7] + bytes(99))  # As a power failure may leave it
    assert same(sweep(**options, file=file, resume=True), whole)
    assert file.read_bytes() == content
    assert same(sweep(**options, file=file, resume=True), whole)  # Nothing is left to do.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "new"]


def test_rows_are_on_disk_before_the_next_ones(tmp_path, monkeypatch):
    file, on_disk = tmp_path / "a.csv", []
    monkeypatch.setattr(
        os, "fsync", lambda handle: on_disk.append(file.exists() and file.read_bytes())
    )
    sweep(RECIPES[:1], seeds=6, file=file, chunk_size=2)
    assert [rows.count(b"\n") for rows in on_disk[1:]] == [5, 7]  # With the header
    assert on_disk[-1] == file.read_bytes()


def test_progress_is_told_and_can_end_a_sweep(tmp_path):
    told = []
    options = {"seeds": 3, "chunk_size": 2, "file": tmp_path / "a.csv"}
    sweep(RECIPES, **options, on_progress=lambda *steps: told.append(steps))
    steps = 9 * RECIPES[0].epochs * RECIPES[0].steps_per_epoch
    assert told == sorted(told)
    assert (told[0], told[-1]) == ((0, steps), (steps, steps))
    again = []
    sweep(RECIPES, **options, resume=True, on_progress=lambda *steps: again.append(steps))
    assert again[-1] == (steps, steps)

    def stop(steps_done, steps):
        if steps_done:
            raise Stopped

    with pytest.raises(Stopped):
        sweep([Recipe(epochs=10**6)], seeds=2, on_progress=stop)  # Of days.


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"seed": 5}, r"has another study \(seed is \d+, not \d+\): use the same options"),
        ({"recipes": [WITH_MOMENTUM, *RECIPES[1:]]}, r"\(momentum is 0.0, not 0.9\)"),
        ({"recipes": [Recipe(epochs=1), RECIPES[1]]}, r"\(steps_per_epoch is 40, not 1000\)"),
        ({"model": own_model()}, r"\(hidden_units is 8, not empty\)"),
        ({"model": own_model(), "x": [[0, 0]], "y": [1]}, r"\(other columns\)"),
        ({"resume": False}, "a.csv has 2 of 12 runs of this study, which is unfinished: resume it"),
    ],
)
def test_another_sweep_keeps_the_file(tmp_path, changes, complaint):
    options = {"recipes": RECIPES, "seeds": 4, "seed": 4, "file": tmp_path / "a.csv"}
    options |= {"chunk_size": 2}
    with pytest.raises(Stopped):
        sweep(**options, executor=stopping(1))
    before = (tmp_path / "a.csv").read_bytes()
    with pytest.raises(keras_xor.KerasXorError, match=complaint):
        sweep(**options | {"resume": True} | changes)
    assert (tmp_path / "a.csv").read_bytes() == before


@pytest.mark.parametrize("end", [9, 0])
def test_a_file_with_a_cut_header_is_begun_anew(tmp_path, end):
    options = {"recipes": RECIPES[:1], "seeds": 2, "file": tmp_path / "a.csv"}
    sweep(**options)
    content = (tmp_path / "a.csv").read_bytes()
    (tmp_path / "a.csv").write_bytes(content[:end])
    sweep(**options, resume=True)
    assert (tmp_path / "a.csv").read_bytes() == content


def test_more_seeds_go_on(tmp_path):
    options = {"recipes": RECIPES[:1], "file": tmp_path / "a.csv", "resume": True}
    options |= {"chunk_size": 2}
    few = sweep(**options, seeds=4)[0]
    many = sweep(**options, seeds=8)[0]
    np.testing.assert_array_equal(many.predictions[:4], few.predictions)
    assert same([many], sweep(RECIPES[:1], seeds=8, chunk_size=2))


def test_old_rows_stay_until_there_are_new_ones(tmp_path):
    options = {"recipes": RECIPES, "seeds": 2, "file": tmp_path / "a.csv"}
    (tmp_path / "a.csv").write_text("other,rows\r\n1,2\r\n")
    with pytest.raises(Stopped):
        sweep(**options, executor=stopping(0))
    assert (tmp_path / "a.csv").read_text() == "other,rows\n1,2\n"
    sweep(**options)
    assert (tmp_path / "a.csv").read_text().count("\n") == 7


def test_full_disk(tmp_path):
    options = {"recipes": RECIPES, "seeds": 4, "file": tmp_path / "a.csv", "chunk_size": 2}
    with pytest.raises(Stopped):
        sweep(**options, executor=stopping(2))
    size = (tmp_path / "a.csv").stat().st_size
    with largest_file(size + 100), pytest.raises(keras_xor.KerasXorError, match="cannot write"):
        sweep(**options, resume=True)
    assert same(sweep(**options, resume=True), sweep(RECIPES, seeds=4, chunk_size=2))
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 3 * 4


# The script.

SMALL = ("--seeds", 4, "--epochs", 1, "--steps-per-epoch", 50)


def test_script(script, tmp_path):
    options = ("--learning-rate", 0.01, 0.5, "--batch-size", 8, 32, "--nesterov", "off", "on")
    status, output, errors = script(
        *("seed_study.py", *SMALL, *options, "--momentum", 0.9, "--csv", "a.csv"),
        *("--to-file", "a.svg"),
    )
    assert (status, errors) == (0, "")
    told, lines = output.splitlines()[:8], output.splitlines()[8:]
    assert [line.split(" - ")[0] for line in told] == [f"{number}/8" for number in range(1, 9)]
    assert re.split(" {2,}", lines[0]) == [
        *("learning_rate", "nesterov", "batch_size"),
        *("learned, %", "from", "to", "median steps", "median loss"),
    ]
    recipes = [
        Recipe(
            **{"epochs": 1, "steps_per_epoch": 50, "momentum": 0.9},
            **{"learning_rate": rate, "nesterov": nesterov, "batch_size": size},
        )
        for rate in (0.01, 0.5)
        for nesterov in (False, True)
        for size in (8, 32)
    ]
    studies = sweep(recipes, seeds=4)
    shares = [f"learned: {100 * study.learned.mean():.1f} %" for study in studies]
    assert [line.split(" - ")[-1] for line in told] == shares
    assert len({*shares}) > 1
    for line, recipe, study in zip(lines[1:9], recipes, studies, strict=True):
        result = study.summarize()
        low, high = result["interval"]
        assert line.split() == [
            *(recipe.settings()[name] for name in ("learning_rate", "nesterov", "batch_size")),
            *(f"{100 * share:.1f}" for share in (result["learned"] / 4, low, high)),
            f"{result['median_steps_to_learn'] or 'never'}",
            f"{result['median_loss']:.4f}",
        ]
    assert lines[9:] == ["", "rows:    a.csv", "picture: a.svg"]
    with (tmp_path / "a.csv").open(newline="") as file:
        assert len([*csv.DictReader(file)]) == 8 * 4


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--learning-rate", 0.1, "x"], "argument --learning-rate: must be a number from"),
        (["--optimizer", "sgd", "adam", "--momentum", 0.9], "adam has no momentum"),
        (
            ["--nesterov", "maybe"],
            "argument --nesterov: must be on or off (True or False in Python), not",
        ),
        (
            ["--device", "cpu", "--scheduler", "tcp://a:1"],
            "trains on other machines: leave out --device",
        ),
        (["--resume"], "--resume continues the file from --csv: add --csv"),
        (
            [
                *("--hidden-units", 2, 3, "--learning-rate", 0.1, 1, "--loss", "mse", "mae"),
                *("--activation", "relu", "tanh", "--batch-size", 1, 2, "--to-file", "a.png"),
            ],
            "--to-file draws up to 4 options with several values, not 5",
        ),
        (
            [
                *("--hidden-units", 2, 3, "--learning-rate", 0.1, 1, "--loss", "mse", "mae"),
                *("--activation", "relu", "tanh", "--to-file", "a.png", "--resume"),
            ],
            "--resume continues the file from --csv: add --csv",
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


RATES = (0.01, 0.03, 0.1, 0.3)
STUDY = ("--seeds", 256, "--epochs", 8, "--learning-rate", *RATES, "--csv", "a.csv")


def test_a_study_ended_at_any_moment_is_continued(request, script, tmp_path):
    assert script("seed_study.py", *STUDY)[0] == 0
    file = tmp_path / "a.csv"
    uninterrupted = file.read_bytes()
    file.unlink()
    rng, ends = random.Random(0), 0
    while ends < request.config.getoption("kills") - 1:
        how = (signal.SIGKILL, signal.SIGINT)[ends % 2]
        process = run_script("seed_study.py", *STUDY, "--resume", cwd=tmp_path)
        size = file.stat().st_size if file.exists() else 0
        process.wait_until(lambda n=size: file.exists() and file.stat().st_size > n)
        time.sleep(rng.uniform(0, 0.3))
        process.send_signal(how)
        status, _, errors = process.wait()
        assert uninterrupted.startswith(file.read_bytes()[: file.read_bytes().rfind(b"\n") + 1])
        if file.read_bytes() == uninterrupted:  # It came to its end first.
            file.unlink()
            continue
        ends += 1
        if how == signal.SIGINT:
            assert status == 130
            assert re.search("interrupted: continue with .* --resume$", one_line(errors))
        else:
            assert (status, errors) == (-signal.SIGKILL, "")
    assert script("seed_study.py", *STUDY, "--resume")[0] == 0
    assert file.read_bytes() == uninterrupted
    left = {path.name for path in tmp_path.glob(".keras_xor-*")}  # Kept for an hour.
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", *left}


# The charts.


def made_up(recipe, learned):
    steps = np.where(np.arange(10) < learned, 5, 0)
    predictions, nothing = np.full((10, 4), 0.9), np.zeros(10)
    names = ["y_00", "y_01", "y_10", "y_11"]
    return Study(recipe, "", names, names, nothing, predictions, nothing, steps, nothing > 0)


VALUES = {
    "learning_rate": [0.001, 1.0],
    "hidden_units": ["2", "4x4", "8"],
    "optimizer": ["sgd", "adam"],
    "loss": ["mse", "mae"],
}


def parse_recipes(*names):
    recipes = [{}]
    for name in names:
        recipes = [recipe | {name: value} for recipe in recipes for value in VALUES[name]]
    return [Recipe(**recipe) for recipe in recipes]


@pytest.mark.parametrize(
    ("count", "end"), [*((count, "svg") for count in (1, 2, 3, 4)), (3, "png"), (4, "html")]
)
def test_charts_of_one_to_four_fields(count, end, tmp_path):
    names = [*VALUES][:count]
    recipes = parse_recipes(*names)
    studies = [made_up(recipe, number % 11) for number, recipe in enumerate(recipes)]
    chart = plots.plot_recipes(studies)
    for number, (row, recipe) in enumerate(zip(chart.data["values"], recipes, strict=True)):
        low, high = studies[number].summarize()["interval"]
        expected = {"learned": number % 11 / 10, "low": low, "high": high, "runs": 10}
        assert row == expected | {name: recipe.settings()[name] for name in names}
    assert chart.title.subtitle == "Share of 10 runs that learn all points"
    plots.save_chart(chart, tmp_path / f"a.{end}")
    if count == 2:  # The field with more values goes across.
        axes = chart.to_dict()["layer"][0]["encoding"]
        assert [axes[axis]["field"] for axis in "xy"] == ["hidden_units", "learning_rate"]
    if end == "svg":
        text = (tmp_path / "a.svg").read_text()
        shown = [recipe.settings()[name] for recipe in recipes for name in names[1:]]
        assert all(f"{value}</text>" in text for value in shown)
        assert count == 1 or "30.0%</text>" in text


@pytest.mark.parametrize("name", ["learning_rate", "optimizer", "hidden_units"])
def test_a_chart_of_one_field_draws_its_interval(name):
    spec = plots.plot_recipes([made_up(recipe, 5) for recipe in parse_recipes(name)]).to_dict()
    marks = [layer["mark"]["type"] for layer in spec["layer"]]
    assert marks == ["line", "rule", "point"][name == "optimizer" :]
    assert (spec["layer"][0]["encoding"]["x"].get("scale", {}).get("type") == "log") == (
        name == "learning_rate"
    )


def test_what_cannot_be_charted():
    with pytest.raises(keras_xor.KerasXorError, match="must differ in 1 to 4 fields to be charted"):
        plots.plot_recipes([made_up(Recipe(), 5)])
