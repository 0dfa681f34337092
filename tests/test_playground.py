"""The page of scripts/playground.py without a browser; test_page.py is about the page itself."""

import dataclasses
import functools
import html
import re
import runpy
import sys
import threading
import time
import urllib.parse

import keras
import numpy as np
import pytest
from conftest import ROOT, check_files
from hypothesis import given
from hypothesis import strategies as st

import keras_xor
from keras_xor import KerasXorError, Recipe, cli, playground, values
from keras_xor.data import TRUTH_TABLE
from keras_xor.outcomes import describe_outcome
from keras_xor.playground import presets
from keras_xor.recipe import DEFAULT
from keras_xor.recording import has_program, train_run
from keras_xor.run import compute_outputs

SHORT = Recipe(steps_per_epoch=20, epochs=3)
WRONG_ADDRESSES = {
    "learning-rate=1": "'learning-rate' must be hidden_units, activation",
    "learning_rate=-1": "learning_rate must be a number from 1.2e-38 to 3.4e+38, not '-1'",
    "hidden_units=": "hidden_units must be a whole number",
    "optimizer=<b>": "optimizer must be adadelta",
    "optimizer=adam&momentum=0.9": "adam has no momentum",
    "nesterov=yes": "nesterov must be on or off (True or False in Python), not 'yes'",
    "epochs=1e9": "epochs must be a whole number",
    "epochs=1001": "the page trains at most 1000 epochs, not 1001: use train.py",
    "steps_per_epoch=9007199254740992": "too much for the page: use train.py",
    "hidden_units=256x256x256x256": "too much for the page: use train.py",
    "hidden_units=16x16x16x16&optimizer=adam&epochs=1000": "too much for the page: use train.py",
    "seed=-1": "seed must be a whole number from 0 to 4294967295",
    "seed=4294967296": "seed must be a whole number from 0 to 4294967295",
}


def parse_link(address):
    return dict(urllib.parse.parse_qsl(address.lstrip("?"), keep_blank_values=True))


def trained_anew(recipe, seed):
    """The last weights by `build_model` and `train`."""
    model = keras_xor.build_model(recipe, seed)
    keras_xor.train(model, recipe, seed)
    return model.get_weights()


def test_the_same_seed_starts_from_the_same_weights():
    changes = {
        "learning_rate": 1,
        "optimizer": "adam",
        "activation": "relu",
        "batch_size": 4,
    }
    recipes = [dataclasses.replace(SHORT, **{name: value}) for name, value in changes.items()]
    first = [weight[0] for weight in train_run(SHORT, 3).weights]
    for recipe in recipes:
        weights = keras_xor.build_model(recipe, 3).get_weights()
        for weight, expected in zip(weights, first, strict=True):
            np.testing.assert_array_equal(weight, expected)
    assert not np.array_equal(train_run(SHORT, 4).weights[0][0], first[0])


def test_another_program_is_compiled_for_another_shape():
    recipe = dataclasses.replace(SHORT, hidden_units=(5, 3))
    assert not has_program(recipe)
    train_run(recipe)
    assert has_program(dataclasses.replace(recipe, learning_rate=1, epochs=1))
    assert not has_program(dataclasses.replace(recipe, activation="relu"))


def test_a_run_with_finite_weights_may_have_diverged():
    run = train_run(Recipe(activation="relu6", learning_rate=1e20))
    assert run.diverged
    assert np.isfinite(run.weights[0]).all()
    number = re.fullmatch(
        r"Diverged: in epoch (\d), the loss was (.+)\. Try a smaller learning rate\.",
        describe_outcome(run),
    )
    assert int(number[1]) == len(run.history["loss"])
    assert float(number[2]) == pytest.approx(run.history["loss"][-1], rel=0.01)


def test_a_run_that_diverges_is_kept():
    run = train_run(dataclasses.replace(SHORT, activation="linear", learning_rate=1e20))
    assert run.diverged
    assert run.steps_to_learn is None
    assert len(run.weights[0]) == len(run.history["loss"]) + 1 == 2
    assert describe_outcome(run) == (
        "Diverged: in epoch 1, the loss was not a number. Try a smaller learning rate."
    )
    drawing = playground.make_drawing(run)
    assert drawing["loss"] == [None]
    pictures = np.frombuffer(drawing["pictures"][-1], np.int8).reshape(2, -1)
    assert (pictures[0] != -128).all()
    assert (pictures[1] == -128).all()
    assert not train_run(SHORT).diverged


@pytest.mark.parametrize("activation", values.ACTIVATIONS)
def test_outputs_are_those_of_keras(activation):
    recipe = Recipe(hidden_units=(4, 3), activation=activation)
    models = [keras_xor.build_model(recipe, seed) for seed in (0, 1)]
    weights = [np.stack(pair) for pair in zip(*(m.get_weights() for m in models), strict=True)]
    points = np.random.default_rng(0).random((9, 2), np.float32)
    outputs = compute_outputs(recipe, weights, points)
    for epoch, model in enumerate(models):
        layers = [layer.output for layer in model.layers if layer.weights]
        x1, x2 = points.T[..., None]
        expected = keras.Model(model.inputs, layers)([x1, x2])
        for output, own in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(output[epoch], own, atol=1e-6)


def test_the_drawing_has_the_figures_of_predict():
    run = train_run(Recipe(hidden_units=20, epochs=60, steps_per_epoch=20), 5)
    drawing = playground.make_drawing(run)
    frames = len(drawing["epochs"])
    assert frames == 51
    assert (drawing["epochs"][0], drawing["epochs"][-1]) == (0, 60)
    assert drawing["units"] == [2, 20, 1]
    assert drawing["loss"] == run.history["loss"]
    grid = np.frombuffer(drawing["predictions"], np.float32).reshape(frames, 33, 33)[-1]
    axis = np.linspace(0, 1, 33)
    expected = keras_xor.predict(run.model(), *np.meshgrid(axis, axis[::-1]))
    np.testing.assert_allclose(grid, expected, atol=1e-6)
    corners = [grid[-1 - 32 * x2, 32 * x1] for x1, x2 in zip(*TRUTH_TABLE, strict=True)]
    np.testing.assert_allclose(run.predictions[-1], corners, atol=1e-6)
    # On the picture of the hidden units, the line separates what the predictions do.
    hidden = np.frombuffer(drawing["hidden"], np.float32).reshape(frames, 17, 17, 2)
    borders = np.frombuffer(drawing["borders"], np.float32).reshape(frames, 3)
    sums = hidden[-1] @ borders[-1, :2] + borders[-1, 2]
    np.testing.assert_allclose(1 / (1 + np.exp(-sums)), grid[::2, ::2], atol=1e-5)
    kernels = [np.frombuffer(kernel, np.float32) for kernel in drawing["kernels"]]
    np.testing.assert_array_equal(kernels[0][-32:].reshape(2, 16), run.weights[0][-1][:, :16])
    np.testing.assert_array_equal(kernels[1][-16:].reshape(16, 1), run.weights[2][-1][:16])
    biases = [np.frombuffer(bias, np.float32) for bias in drawing["biases"]]
    np.testing.assert_array_equal(biases[0][-16:], run.weights[1][-1][:16])


def test_pictures_show_how_a_unit_differs_from_one_without_input():
    run = train_run(dataclasses.replace(SHORT, activation="sigmoid", hidden_units=2), 1)
    inputs, hidden, _ = (
        np.frombuffer(picture, np.int8).reshape(4, -1, 17, 17)
        for picture in playground.make_drawing(run)["pictures"]
    )
    assert (inputs[0, 0, :, 0] == -127).all()
    assert (inputs[0, 0, :, -1] == 127).all()
    assert (inputs[0, 1, 0] == 127).all()
    kernel, bias = (weight[-1] for weight in run.weights[:2])
    x1, x2 = np.meshgrid(np.linspace(0, 1, 17), np.linspace(1, 0, 17))
    said = 1 / (1 + np.exp(-(x1 * kernel[0, 0] + x2 * kernel[1, 0] + bias[0]))) - 0.5
    scale = hidden[-1, 0].ravel() @ said.ravel() / (said.ravel() @ said.ravel())
    assert np.abs(hidden).max() == 127
    np.testing.assert_allclose(hidden[-1, 0], said * scale, atol=1.01)


def test_luck():
    study = keras_xor.seed_study(Recipe(hidden_units=2, learning_rate=0.1), 40)
    summary = study.summarize()
    run = train_run(Recipe(hidden_units=2, learning_rate=0.1), 0)
    sentence = playground.describe_luck(run, study)
    numbers = [float(number) for number in re.findall(r"\d+\.?\d*", sentence)]
    loss = run.history["loss"][-1]
    assert numbers == [
        40,
        100 * summary["learned"] / 40,
        95,
        *(round(100 * end, 1) for end in summary["interval"]),
        round(100 * np.mean(study.loss > loss)),
    ]


def test_a_run_is_luckier_than_those_that_diverged():
    study = keras_xor.seed_study(SHORT, 5)
    study = dataclasses.replace(study, loss=np.array([np.nan, np.nan, np.nan, 0, 0]))
    assert "lower loss than 60 % of them" in playground.describe_luck(train_run(SHORT, 0), study)


def test_a_lesson_is_open_with_its_seed_only():
    settings, seed, text = playground.LESSONS["Stuck"]
    recipe = presets.make_recipe(settings)
    assert [text in playground.write_lessons(recipe, n) for n in (seed, 1)] == [True, False]


def test_what_marimo_takes_from_the_address_is_no_setting():
    query = {"theme": "dark", "show-code": "true", "hidden_units": "3"}
    assert playground.parse_query(query) == (Recipe(hidden_units=3), 0, "")


@given(
    st.builds(
        Recipe,
        hidden_units=st.lists(st.integers(1, 9), min_size=1, max_size=4),
        learning_rate=st.floats(1e-30, 1e30, allow_subnormal=False),
        optimizer=st.sampled_from(["sgd", "rmsprop"]),
        momentum=st.floats(0, 1),
        epochs=st.integers(1, 100),
    ),
    st.integers(0, 2**32 - 1),
)
def test_an_address_gives_back_its_settings(recipe, seed):
    query = parse_link(playground.make_link(recipe, seed))
    assert playground.parse_query(query) == (recipe, seed, "")
    assert query == {n: text for n, text in playground.make_query(recipe, seed).items() if text}


@pytest.mark.parametrize("address", WRONG_ADDRESSES)
def test_a_wrong_address_gives_the_guide_and_one_line(address):
    recipe, seed, problem = playground.parse_query(parse_link(address))
    assert (recipe, seed) == (DEFAULT, 0)
    assert problem.startswith("This is the guide's recipe, because of the address: ")
    assert WRONG_ADDRESSES[address] in problem
    assert "\n" not in problem


def test_the_address_of_marimo_itself_is_no_setting():
    assert playground.parse_query({"show-code": "true"}) == (DEFAULT, 0, "")
    assert "given once" in playground.parse_query({"seed": ["1", "2"]})[2]


def test_lessons():
    text = playground.write_lessons(Recipe(hidden_units=2, learning_rate=0.1), 2)
    links = [html.unescape(link) for link in re.findall(r'href="(.+?)"', text)]
    recipes = [playground.parse_query(parse_link(link)) for link in links]
    assert [problem for *_, problem in recipes] == [""] * 6
    assert len(set(recipes)) == 6
    assert recipes[-1] == (DEFAULT, 0, "")
    assert re.findall(r'aria-current="page">(.+?)<', text) == ["Stuck"]
    for title, (*_, look_for) in playground.LESSONS.items():
        assert (look_for in text) == (title == "Stuck")
    assert "aria-current" not in playground.write_lessons(DEFAULT, 1)


def test_lessons_are_true_of_other_seeds():
    settings = {title: setting for title, (setting, *_) in playground.LESSONS.items()}
    studies = keras_xor.sweep([*map(presets.make_recipe, settings.values())], seeds=200)
    learned = dict(zip(settings, (study.learned.sum() for study in studies), strict=True))
    assert learned["One line"] > 180
    assert learned["XOR needs two"] == 0
    assert 80 < learned["Stuck"] < 130
    assert learned["Only slow"] < 10
    assert learned["Too fast"] < 20


def test_reports():
    text = playground.write_reports()
    links = re.findall(r"\]\((.+?)\)", text)
    recipes = [playground.parse_query(parse_link(link)) for link in links]
    assert [problem for *_, problem in recipes] == [""] * 12
    assert len(set(recipes)) == 12
    readme = (ROOT / "keras_xor/study/README.md").read_text(encoding="utf-8")
    assert re.sub(r"\[(.+?)\]\(.+?\)", r"\1", text) in readme


TAKEN = [
    (DEFAULT, 0),
    (Recipe(hidden_units=(4, 3), activation="relu", learning_rate=1e-5, epochs=2), 7),
    (Recipe(momentum=0.9, nesterov=True, kernel_initializer="he_normal", batch_size=4), 2**31),
]


@pytest.mark.parametrize(("recipe", "seed"), TAKEN)
def test_the_command_gives_the_run(recipe, seed, monkeypatch):
    program, file, *words = cli.write_command(recipe, seed).split()
    assert (program, file) == ("python", "scripts/train.py")
    monkeypatch.setattr(sys, "argv", [file, *words])
    args = runpy.run_path(str(ROOT / file))["arguments"]()
    assert (args.recipe, args.seed) == (recipe, seed)


def test_the_lines_of_python_give_the_run():
    recipe = dataclasses.replace(SHORT, hidden_units=(4, 3), momentum=0.5)
    names = {}
    exec(playground.write_python(recipe, 3), names)
    run = train_run(recipe, 3)
    for weight, expected in zip(names["model"].get_weights(), run.weights, strict=True):
        np.testing.assert_array_equal(weight, expected[-1])
    assert names["history"].history == run.history


PLAIN = [
    Recipe(
        **{"hidden_units": (3, 4), "kernel_initializer": "he_normal", "optimizer": "muon"},
        **{"batch_size": 5, "epochs": 1, "steps_per_epoch": 50, "labels": "0001", "noise": 0.1},
        **{"learning_rate": 0.012345678},
    ),
    Recipe(
        **{"data": "shuffled", "batch_size": 9, "momentum": 0.9, "nesterov": True},
        **{"epochs": 1, "steps_per_epoch": 50, "loss": "mean_squared_error"},
    ),
]


@pytest.mark.parametrize("recipe", PLAIN)
def test_the_program_in_plain_keras_gives_the_run(recipe, capsys):
    names = {}
    exec(playground.write_keras(recipe, 7), names)
    run = train_run(recipe, 7)
    for weight, expected in zip(names["model"].get_weights(), run.weights, strict=True):
        np.testing.assert_array_equal(weight, expected[-1])
    assert f"loss: {run.history['loss'][-1]:.4f}" in capsys.readouterr().out


def test_the_files_are_those_of_the_run(tmp_path):
    run = train_run(SHORT, 3)
    for name in playground.FILES:
        assert playground.can_download(run, name)
        (tmp_path / name).write_bytes(playground.make_file(run, name))
    check_files(tmp_path, run)


@pytest.mark.parametrize("activation", values.ACTIVATIONS)
def test_which_files_can_be_taken(activation, tmp_path):
    recipe = Recipe(hidden_units=2, activation=activation)
    run = keras_xor.Run(recipe, 0, {"loss": [0.5]}, [], [], [])
    assert playground.can_download(run, "xor.keras")
    try:
        keras_xor.export(keras_xor.build_model(recipe, 0), tmp_path / "xor.onnx")
    except KerasXorError:
        assert not playground.can_download(run, "xor.onnx")
    else:
        assert playground.can_download(run, "xor.onnx")


def show(widget, recipe, seed=0, **changes):
    """What the notebook does when the controls have these values."""
    run = train_run(*widget.read(playground.Controls(recipe, seed).values | changes))
    widget.show(run)
    return run


def test_the_view_keeps_the_last_settings_when_the_next_cannot_be_trained():
    widget = playground.View()
    run = show(widget, SHORT, 1)
    assert (run.recipe, run.seed) == (SHORT, 1)
    drawn = widget.drawing
    assert drawn["outcome"] == describe_outcome(run)
    assert widget.address == playground.make_query(SHORT, 1)
    controls = playground.Controls(SHORT, 2).values
    assert widget.read(controls | {"optimizer": "adam", "momentum": 0.5}) == (SHORT, 1)
    assert widget.problem == "Adam has no momentum: leave it out, or use sgd, rmsprop or muon."
    widget.study(run)
    assert widget.luck == ""
    assert widget.read(controls | {"epochs": 1001}) == (SHORT, 1)
    assert widget.problem.startswith("The page trains at most 1000 epochs")
    assert widget.drawing is drawn
    assert show(widget, SHORT, 2).seed == 2
    assert (widget.status, widget.problem) == ("", "")


def test_the_view_starts_with_the_settings_of_the_address():
    widget = playground.View(SHORT, 3)
    assert widget.read(playground.Controls(SHORT, 4).values | {"epochs": 1001}) == (SHORT, 3)


def test_the_view_reads_its_labels():
    widget = playground.View(dataclasses.replace(SHORT, labels="0001"))
    assert show(widget, SHORT).recipe.labels == "0001"
    widget.labels = "1110"
    assert show(widget, SHORT).recipe.labels == "1110"


def test_the_view_tells_what_it_does():
    widget, said = playground.View(), []
    widget.observe(lambda change: said.append(change["new"]), "status")
    recipe = dataclasses.replace(SHORT, hidden_units=11)
    show(widget, recipe)
    show(widget, recipe)
    assert said == ["Compiling, then training ...", ""]


def test_the_study_of_the_view():
    widget = playground.View()
    run = show(widget, SHORT)
    widget.study(run)
    study = keras_xor.seed_study(SHORT, 200)
    assert widget.luck == playground.describe_luck(run, study)
    run = show(widget, SHORT, 1)
    assert widget.luck == ""
    widget.study(run, None)  # It serves other seeds too.
    assert widget.luck == playground.describe_luck(run, study)


def test_a_study_ends_when_there_is_another_run():
    widget, said = playground.View(), []
    long = Recipe(epochs=200)  # Its study takes some seconds.
    run = show(widget, long)

    def then_train(change):
        said.append(change["new"])
        if len(said) == 2:
            other = threading.Thread(target=show, args=[widget, SHORT])
            other.start()
            widget.unobserve(then_train, "luck")

    widget.observe(then_train, "luck")
    widget.study(run)
    assert all(re.fullmatch(r"Was it luck\? .+ \d+ %", text) for text in said)
    wait_until(lambda: widget.status == "" and widget.address["epochs"] == "3")
    assert widget.luck == ""


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_one_study_at_a_time():
    at_once, most = 0, 0

    def study(*args, **options):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.3)
        at_once -= 1
        return rows

    rows = keras_xor.seed_study(SHORT, 3)
    widgets = [playground.View() for _ in range(2)]
    recipes = [dataclasses.replace(SHORT, learning_rate=rate) for rate in (0.2, 0.3)]
    in_threads(
        *(
            functools.partial(widget.study, show(widget, recipe), study)
            for widget, recipe in zip(widgets, recipes, strict=True)
        )
    )
    assert most == 1
    assert all(widget.luck.startswith("Of 3 other seeds") for widget in widgets)


def in_threads(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        (dataclasses.replace(SHORT, optimizer="schedulefreeadamw"), "A study cannot"),
        (Recipe(hidden_units=256, steps_per_epoch=10_000, batch_size=1), "Was it luck? 200 other"),
    ],
)
def test_a_recipe_that_a_study_cannot_train(recipe, sentence):
    widget = playground.View()
    widget.study(show(widget, recipe))
    assert widget.luck.startswith(sentence)


def test_a_study_that_fails():
    def fail(*args, **options):
        raise MemoryError("no memory")

    widget = playground.View()
    run = show(widget, dataclasses.replace(SHORT, learning_rate=0.4))
    widget.study(run, fail)
    assert widget.luck == "Keras cannot train this: MemoryError: no memory"


def test_threads_train_the_same_recipe_at_once():
    runs_of_threads = {}

    def train(seed):
        runs_of_threads[seed] = [train_run(SHORT, seed) for _ in range(3)]

    in_threads(*(functools.partial(train, seed) for seed in range(2)))
    for seed, found in runs_of_threads.items():
        for run in found:
            for weight, expected in zip(run.weights, trained_anew(SHORT, seed), strict=True):
                np.testing.assert_array_equal(weight[-1], expected)


def test_programs_are_forgotten_in_turn():
    tiny = dataclasses.replace(SHORT, steps_per_epoch=1)
    recipes = [dataclasses.replace(tiny, batch_size=size) for size in (1, 2)]
    for recipe in recipes:
        train_run(recipe)
    for size in range(3, 33):  # With these two, as many as are kept.
        has_program(dataclasses.replace(tiny, batch_size=size))
    assert has_program(recipes[0])
    has_program(dataclasses.replace(tiny, batch_size=33))
    assert [has_program(recipe) for recipe in recipes] == [True, False]


def test_controls_are_those_of_the_recipe():
    recipe = Recipe(hidden_units=(4, 30), learning_rate=0.123, batch_size=7, epochs=3)
    controls = playground.Controls(recipe, 2**31)
    assert playground.read_controls({**controls.values, "labels": "0110"}) == (recipe, 2**31)
    assert len(controls.controls) == len(controls.values) == 17
    for control in controls.controls:
        assert control["options"] == sorted(control["options"]) or control["name"] != "seed"
        assert controls.values[control["name"]] in control["options"]
    assert controls.is_open
    first = Recipe(hidden_units=4, activation="relu", learning_rate=1, labels="0001")
    assert not playground.Controls(first, 5).is_open
    for change in ({"epochs": 5}, {"nesterov": True, "momentum": 0.5}, {"hidden_units": (8, 2)}):
        assert playground.Controls(dataclasses.replace(DEFAULT, **change), 0).is_open


def test_the_largest_settings_are_not_too_much():
    controls = playground.Controls(DEFAULT, 0)
    most = {control["name"]: control["options"][-1] for control in controls.controls}
    names = {"activation": "tanh", "loss": "mse", "data": "random", "kernel_initializer": "ones"}
    most |= names | {"optimizer": "sgd", "labels": "0110"}
    recipe, seed = playground.read_controls(most)
    assert recipe.hidden_units == (16, 16, 16, 16)
    assert (recipe.steps, recipe.learning_rate, seed) == (200_000, 50, 99)
