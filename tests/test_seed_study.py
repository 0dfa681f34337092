import csv
import dataclasses
import importlib
import math
import random
import re
import signal

import keras
import numpy as np
import pytest
from conftest import one_line
from forked import Forked, run_code, run_script

import keras_xor
from keras_xor import Recipe
from keras_xor.data import TRUTH_TABLE
from keras_xor.study import ARTICLE, Study, seed_study, sweep
from keras_xor.study.chunks import make_chunks
from keras_xor.study.initial import InitialValues
from keras_xor.study.network import get_recipe_network
from keras_xor.study.study import compute_wilson_interval

TRUTH = np.array([0, 1, 1, 0])
SCRIPT = importlib.import_module("seed_study")


RECIPES = [
    Recipe(),
    Recipe(
        **{"hidden_units": "4x3", "activation": "relu", "optimizer": "adam", "loss": "mse"},
        **{"epochs": 3, "steps_per_epoch": 997, "batch_size": 5},
    ),
    Recipe(
        **{"data": "shuffled", "batch_size": 3, "epochs": 2, "steps_per_epoch": 333},
        **{"optimizer": "ftrl", "kernel_initializer": "orthogonal", "learning_rate": 0.5},
    ),
    Recipe(optimizer="adafactor", loss="hinge", batch_size=1_000, epochs=1, steps_per_epoch=200),
    Recipe(
        **{"noise": 0.1, "data": "shuffled", "batch_size": 1, "labels": "0111"},
        **{"epochs": 1, "steps_per_epoch": 300, "momentum": 0.9, "nesterov": True},
    ),
]


def test_a_run_is_that_of_train():
    """Each recipe is studied as if alone, and each run as if alone."""
    seeds = random.Random(3).sample(range(2**32), 20)
    run = 13
    for recipe, study in zip(RECIPES, sweep(RECIPES, seeds=20, seed=3), strict=True):
        assert study.recipe == recipe
        assert study.seed.tolist() == seeds
        model = keras_xor.build_model(recipe, seeds[run])
        history = keras_xor.train(model, recipe, seeds[run]).history
        y = keras_xor.predict(model, *TRUTH_TABLE)
        np.testing.assert_allclose(study.predictions[run], y, rtol=0, atol=2e-5)
        assert study.loss[run] == pytest.approx(history["loss"][-1], abs=2e-5)


def test_steps_to_learn():
    steps = {"epochs": 90, "steps_per_epoch": 1, "batch_size": 8, "learning_rate": 0.5}
    # Weighted points, and batches as they are
    studies = [seed_study(Recipe(**steps, noise=noise), seeds=9, seed=1) for noise in (0, 1e-9)]
    for run, seed in enumerate(studies[0].seed.tolist()):
        w1, b1, w2, b2 = (
            w.astype(float) for w in keras_xor.train_run(Recipe(**steps), seed).weights
        )
        hidden = np.tanh(np.transpose(TRUTH_TABLE) @ w1 + b1[:, None])
        right = (((hidden @ w2)[..., 0] + b2 > 0) == TRUTH).all(axis=1)
        wrong = max(step for step in range(91) if step == 0 or not right[step])
        expected = 0 if wrong == 90 else wrong + 1
        assert [study.steps_to_learn[run] for study in studies] == [expected, expected]
    assert {*studies[0].learned.tolist()} == {True, False}


@pytest.mark.parametrize("name", ["glorot_uniform", "orthogonal", "ones"])
def test_the_initial_weights_are_those_of_the_initializer(name):
    recipe = Recipe(kernel_initializer=name, hidden_units=(3, 2))
    seeds = [7, 2**31]
    drawn, kept = InitialValues(keras_xor.build_model(recipe))(seeds)
    assert kept == []
    for run, seed in enumerate(seeds):
        expected = keras_xor.build_model(recipe, seed).get_weights()
        for weights, weight in zip(drawn, expected, strict=True):
            np.testing.assert_array_equal(weights[run], weight)


@pytest.mark.parametrize("rate", [1e7, 3e38])
def test_a_run_that_train_calls_diverged_has_not_learned(rate):
    recipe = Recipe(learning_rate=rate, epochs=2, steps_per_epoch=50)
    study = seed_study(recipe, seeds=4)
    for number, seed in enumerate(study.seed.tolist()):
        run = keras_xor.train_run(recipe, seed)
        assert study.diverged[number] == run.diverged
        if run.diverged:
            assert not study.loss[number] <= 1e6
            assert study.steps_to_learn[number] == 0
            assert np.isnan(study.predictions[number]).all()
        else:
            assert np.isfinite(study.predictions[number]).all()
            assert study.loss[number] == pytest.approx(run.history["loss"][-1], rel=1e-4)


ONCE = """
import dataclasses, pathlib
import keras_xor

def compiled():
    return len([*pathlib.Path().glob("*before_optimizations.txt")])

recipe = keras_xor.Recipe(epochs=2, steps_per_epoch=1_100)
other = dataclasses.replace(recipe, learning_rate=0.5, batch_size=70, epochs=3)
keras_xor.seed_study(recipe, seeds=5)
first = compiled()
keras_xor.seed_study(other, seeds=5, seed=9)
second = compiled()
model = keras_xor.build_model(seed=0)
keras_xor.train(model, recipe, seed=0)
third = compiled()
keras_xor.train(model, recipe, seed=1)
keras_xor.train(model, dataclasses.replace(recipe, epochs=4), seed=1)
fourth = compiled()
model.compile(optimizer="adam", loss="mse", jit_compile=True)
keras_xor.train(model, recipe)
fifth = compiled()
print(0 < first == second < third == fourth < fifth)
"""


def test_programs_are_compiled_once(tmp_path):
    flags = f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text"
    code = f"import os; os.environ['XLA_FLAGS'] = {flags!r}\n{ONCE}"
    assert Forked(run_code, code, cwd=tmp_path).wait() == (0, "True\n", "")


def study_in_numpy(runs, seed):
    """The recipe in float64; a batch is the count of each of the four points."""
    rng = np.random.default_rng(seed)
    units = 8
    w1 = rng.uniform(-1, 1, (runs, 2, units)) * math.sqrt(6 / (2 + units))
    w2 = rng.uniform(-1, 1, (runs, units, 1)) * math.sqrt(6 / (units + 1))
    b1, b2 = np.zeros((runs, 1, units)), np.zeros((runs, 1, 1))
    x = np.array(TRUTH_TABLE, float).T
    first_right = np.full(runs, np.inf)
    for step in range(10_000):
        share = rng.multinomial(32, [0.25] * 4, runs)[..., None] / 32
        h = np.tanh(x @ w1 + b1)
        p = 1 / (1 + np.exp(-(h @ w2 + b2)))
        right = ((p[..., 0] > 0.5) == TRUTH).all(axis=1)
        first_right = np.where(right, np.minimum(first_right, step), np.inf)
        dz = share * (p - TRUTH[:, None])
        da = dz @ w2.swapaxes(1, 2) * (1 - h**2)
        w2 -= 0.01 * h.swapaxes(1, 2) @ dz
        b2 -= 0.01 * dz.sum(axis=1, keepdims=True)
        w1 -= 0.01 * x.T @ da
        b1 -= 0.01 * da.sum(axis=1, keepdims=True)
    h = np.tanh(x @ w1 + b1)
    return (1 / (1 + np.exp(-(h @ w2 + b2))))[..., 0], first_right


def test_against_an_independent_study():
    runs = 200
    study = seed_study(seeds=runs)
    theirs, their_steps = study_in_numpy(runs, seed=4)
    pairs = [*zip(study.predictions.T, theirs.T, strict=True), (study.steps_to_learn, their_steps)]
    for ours, other in pairs:
        for quantile in (0.05, 0.5, 0.95):
            below = np.mean(other < np.quantile(ours, quantile))
            deviation = math.sqrt(2 * quantile * (1 - quantile) / runs)
            assert abs(below - quantile) < 3.5 * deviation

    result = study.summarize()
    assert (result["runs"], result["learned"], result["diverged"]) == (runs, runs, 0)
    assert 0.98 < result["interval"][0] < result["interval"][1] == 1


def full_batches_in_numpy(runs, seed, steps=1_000):
    """Four relu units and Adam 0.001 on the four points as every batch, in float64."""
    rng = np.random.default_rng(seed)
    weights = [
        rng.uniform(-1, 1, (runs, *shape)) * math.sqrt(6 / sum(shape))
        if len(shape) > 1
        else np.zeros((runs, 1, *shape))
        for shape in ((2, 4), (4,), (4, 1), (1,))
    ]
    moments = [(np.zeros_like(w), np.zeros_like(w)) for w in weights]
    x, truth = np.array(TRUTH_TABLE, float).T, TRUTH[:, None]

    def probability():
        w1, b1, w2, b2 = weights
        a = x @ w1 + b1
        h = np.maximum(a, 0)
        return a, h, 1 / (1 + np.exp(-(h @ w2 + b2)))

    for step in range(1, steps + 1):
        a, h, p = probability()
        dz = (p - truth) / 4
        da = dz @ weights[2].swapaxes(1, 2) * (a > 0)
        slopes = (
            *(x.T @ da, da.sum(axis=1, keepdims=True)),
            *(h.swapaxes(1, 2) @ dz, dz.sum(axis=1, keepdims=True)),
        )
        for weight, (mean, square), slope in zip(weights, moments, slopes, strict=True):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope**2 - square)
            rate = 0.001 * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            weight -= rate * mean / (np.sqrt(square) + 1e-7)
    return np.mean(((probability()[2] > 0.5) == truth).all(axis=(1, 2)))


def test_shuffled_data_against_an_independent_study():
    recipe = Recipe(
        **{"hidden_units": 4, "activation": "relu", "optimizer": "adam", "learning_rate": 0.001},
        **{"data": "shuffled", "epochs": 1},
    )
    ours, theirs = seed_study(recipe, seeds=1_000).learned.mean(), full_batches_in_numpy(1_000, 5)
    deviation = math.sqrt(2 * theirs * (1 - theirs) / 1_000)
    assert 0.4 < theirs < 0.6
    assert abs(ours - theirs) < 3.5 * deviation


def test_one_unit_learns_and_but_not_xnor():
    recipe = {"hidden_units": 1, "learning_rate": 0.5}
    learned = {
        labels: seed_study(Recipe(**recipe, labels=labels), seeds=50).learned.sum()
        for labels in ("0001", "1001")
    }
    assert learned["0001"] >= 40
    assert learned["1001"] == 0


def test_what_cannot_learn_is_reported_as_it_is():
    study = seed_study(Recipe(learning_rate=1e-9, epochs=1), seeds=50)
    for seed, y in zip(study.seed[:5].tolist(), study.predictions, strict=False):
        expected = keras_xor.predict(keras_xor.build_model(seed=seed), *TRUTH_TABLE)
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5)
    result = study.summarize()
    assert result["learned"] == ((study.predictions > 0.5) == TRUTH).all(axis=1).sum() < 10
    assert result["median_steps_to_learn"] is None


def test_one_seed():
    study = seed_study(Recipe(epochs=1, steps_per_epoch=3), seeds=1)
    for n, quantiles in enumerate(study.summarize()["quantiles"].values()):
        assert quantiles == [study.predictions[0, n]] * 3


@pytest.mark.parametrize(
    ("seeds", "fields", "sizes"),
    [
        (1, {}, [1]),
        (1_000, {}, [250] * 4),
        (10_000, {}, [500] * 20),
        (12, {"batch_size": 2**24}, [3] * 4),
        (30, {"hidden_units": (256,) * 4}, [5] * 6),
    ],
)
def test_runs_are_cut_into_chunks(seeds, fields, sizes):
    recipe = Recipe(**fields)
    chunks = make_chunks([recipe], [get_recipe_network(recipe)], [*range(seeds)])
    assert [len(chunk.seeds) for chunk in chunks] == sizes
    assert [seed for chunk in chunks for seed in chunk.seeds] == [*range(seeds)]


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16"])
def test_whatever_keras_takes_for_its_default(dtype):
    recipe = Recipe(epochs=1, steps_per_epoch=50)
    expected = seed_study(recipe, seeds=5).predictions
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype if dtype == "float64" else "float32")
    keras.config.set_dtype_policy(dtype)
    try:
        study = seed_study(recipe, seeds=5)
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
    np.testing.assert_allclose(study.predictions, expected, rtol=0, atol=1e-6)


def test_the_bar_counts_the_steps_of_all_runs(capsys):
    seed_study(Recipe(epochs=2, steps_per_epoch=25), seeds=6, verbose=1)
    assert "300/300" in capsys.readouterr().out


NAMES = ["y_00", "y_01", "y_10", "y_11"]


def made_up(*runs):
    """A study of runs with these predictions at (0, 0) and steps to learn."""
    y_00, steps = np.transpose(runs)
    predictions = np.array([y_00, *([y_00 + 0.5] * 3)]).T
    diverged = np.isnan(y_00)
    points = ["(0, 0) -> 0"] * 4
    columns = np.arange(len(runs)), predictions, np.full(len(runs), 0.1), steps.astype(int)
    return Study(Recipe(), "", points, NAMES, *columns, diverged)


def test_summary():
    study = made_up(*((number / 1_000, number) for number in range(1, 102)))
    assert study.summarize()["percentiles"] == {}  # It compares only when it is asked to.
    result = study.summarize(ARTICLE)
    assert result["quantiles"]["y_00"] == pytest.approx([0.006, 0.051, 0.096])
    assert result["percentiles"]["y_00"] == pytest.approx(100 * 12 / 101)  # 0.001 to 0.012
    assert result["percentiles"]["y_01"] == 100
    assert result["median_steps_to_learn"] == 51
    assert repr(study) == "<Study of the guide's network: 101 of 101 runs learned>"


def test_summary_of_runs_that_failed():
    failed = (0.6, 0), (math.nan, 0)
    result = made_up((0.2, 7), (0.4, 8), *failed).summarize()
    assert (result["runs"], result["learned"], result["diverged"]) == (4, 2, 1)
    assert result["quantiles"]["y_00"][1] == 0.4
    assert result["median_steps_to_learn"] == 8
    assert made_up((0.2, 1), *failed).summarize()["median_steps_to_learn"] is None
    nothing = made_up(failed[1]).summarize(ARTICLE)
    assert (nothing["learned"], nothing["diverged"]) == (0, 1)
    assert np.isnan([*nothing["quantiles"].values()]).all()
    assert np.isnan([*nothing["percentiles"].values(), nothing["median_loss"]]).all()


def test_summary_leaves_out_what_diverged():
    study = dataclasses.replace(
        made_up((0.0124, 1), (0.4, 2), (math.nan, 0)), loss=np.array([0.1, 0.3, math.nan])
    )
    result = study.summarize(ARTICLE)
    assert result["median_loss"] == pytest.approx(0.2)
    assert result["percentiles"]["y_00"] == 0  # One equals it, none is below.
    assert "\n1 runs diverged and are left out below\n" in SCRIPT.format_study(study, {})


def test_each_output_of_a_point_has_its_line():
    points, names = ["(0) -> 0 1", "(1) -> 1 0"], ["y_0_0", "y_0_1", "y_1_0", "y_1_1"]
    predictions = np.array([[0.1, 0.2, 0.3, 0.4]])
    nothing = np.zeros(1)
    columns = nothing, predictions, nothing, nothing, np.array([False])
    study = Study(Recipe(), "a", points, names, *columns)
    lines = SCRIPT.format_study(study, {}).splitlines()[3:7]
    assert [(line[:20].strip(), line.split()[-1]) for line in lines] == [
        ("(0) -> 0 1, output 0", "0.10000"),
        ("(0) -> 0 1, output 1", "0.20000"),
        ("(1) -> 1 0, output 0", "0.30000"),
        ("(1) -> 1 0, output 1", "0.40000"),
    ]


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (1, 3), (459, 1_000), (10, 10)])
def test_compute_wilson_interval(successes, trials):
    """Its ends are the probabilities 1.96 of their own standard deviations from the share."""
    share = successes / trials
    ends = compute_wilson_interval(successes, trials)
    assert 0 <= ends[0] <= share <= ends[1] <= 1
    for end in ends:
        if end != share:
            deviation = math.sqrt(end * (1 - end) / trials)
            assert abs(share - end) / deviation == pytest.approx(1.959964, rel=1e-6)


# The same with its script.

SMALL = ("--seeds", 30, "--epochs", 2, "--steps-per-epoch", 100, "--learning-rate", 0.5)


def test_script(script, tmp_path):
    status, output, errors = script(
        *("seed_study.py", *SMALL, "--batch-size", 8, "--seed", 5, "--hidden-units", 2),
        *("--activation", "relu", "--csv", "a.csv", "--to-file", "new/a.svg"),
        *("--labels", "1001", "--data", "shuffled", "--noise", 0.2),
    )
    assert (status, errors) == (0, "")
    recipe = Recipe(
        **{"epochs": 2, "steps_per_epoch": 100, "batch_size": 8, "learning_rate": 0.5},
        **{"hidden_units": 2, "activation": "relu", "labels": "1001"},
        **{"data": "shuffled", "noise": 0.2},
    )
    study = seed_study(recipe, seeds=30, seed=5)
    result = study.summarize()
    learned, (low, high) = result["learned"], result["interval"]
    assert 0 < learned < 30
    assert output.startswith(
        f"{learned} of 30 runs learned all 4 points: {learned / 0.3:.1f} %, "
        f"with a 95 % interval from {100 * low:.1f} to {100 * high:.1f} %\n\npoint  "
    )
    for point, quantiles in zip(study.points, result["quantiles"].values(), strict=True):
        line = [*point.split(), *(f"{y:.5f}" for y in quantiles)]
        assert line in [line.split() for line in output.splitlines()]
    assert study.points[1:3] == ["(0, 1) -> 0", "(1, 0) -> 0"]
    assert output.endswith("rows:    a.csv\npicture: new/a.svg\n")
    assert "with 30 seeds" in (tmp_path / "new" / "a.svg").read_text()
    assert "article" not in output + (tmp_path / "new" / "a.svg").read_text()
    study.to_csv(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert all(row.items() >= recipe.settings().items() for row in rows)
    columns = [*study.names, "final_loss", "steps_to_learn", "diverged"]
    arrays = *study.predictions.T, study.loss, study.steps_to_learn, study.diverged
    assert [int(row["seed"]) for row in rows] == study.seed.tolist()
    for name, array in zip(columns, arrays, strict=True):
        np.testing.assert_array_equal([np.float32(row[name] or 0) for row in rows], array)


def test_script_compares_the_recipe_of_the_guide_with_the_article(script, tmp_path):
    status, output, errors = script("seed_study.py", "--seeds", 5, "--to-file", "a.svg")
    assert (status, errors) == (0, "")
    result = seed_study(seeds=5).summarize(ARTICLE)
    for point, y in ARTICLE.items():
        compared = [f"{y:.5f}", f"{result['percentiles'][point]:.1f}"]
        assert compared in [line.split()[-2:] for line in output.splitlines()]
    assert "the article: 0.96797" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize(
    ("learning_rate", "sentence"),
    [
        (0.5, "The median run learned all points for good after "),
        (1e-9, "The median run did not learn all points."),
    ],
)
def test_script_tells_of_the_median_run(script, learning_rate, sentence):
    status, output, errors = script("seed_study.py", *SMALL, "--learning-rate", learning_rate)
    assert (status, errors) == (0, "")
    assert output.splitlines()[-1].startswith(sentence)


def test_script_tells_of_runs_that_diverged(script):
    status, output, errors = script("seed_study.py", *SMALL, "--learning-rate", "1e6")
    assert (status, errors) == (0, "")
    assert " runs diverged and are left out below\n" in output


@pytest.mark.parametrize("option", ["--csv", "--to-file"])
def test_script_sees_an_unwritable_target_first(script, tmp_path, option):
    file = tmp_path / {"--csv": "a.csv", "--to-file": "a.png"}[option]
    file.mkdir()
    rates = ("--learning-rate", 0.1, 0.2)  # It prints a line when the first is done.
    status, output, errors = script("seed_study.py", *rates, option, file)
    assert (status, output) == (1, "")
    assert "(it is a folder): choose another file" in one_line(errors)


def test_ctrl_c_ends_a_study_of_hours(tmp_path):
    process = run_script("seed_study.py", "--seeds", 1_000_000, "--csv", "a.csv", cwd=tmp_path)
    process.wait_until((tmp_path / "a.csv").exists)
    process.send_signal(signal.SIGINT)
    status, _, errors = process.wait()
    assert status == 130
    assert re.search("interrupted: continue with .* --resume$", one_line(errors))
