"""The page of scripts/playground.py without a browser; test_page.py is about the page itself."""

import dataclasses
import importlib
import itertools
import re
import runpy
import sys
import urllib.parse

import keras
import numpy as np
import onnxruntime
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

import keras_xor
from keras_xor import KerasXorError, Recipe, checks, playground
from keras_xor.data import TRUTH_TABLE
from keras_xor.playground.layers import outputs_of_layers
from keras_xor.recipe import GUIDE

SHORT = Recipe(steps_per_epoch=20, epochs=3)
WRONG_ADDRESSES = {
    "learning-rate=1": "'learning-rate' must be hidden_units, activation",
    "learning_rate=-1": "learning_rate must be above 0, not '-1'",
    "hidden_units=": "hidden_units must be a whole number",
    "optimizer=<b>": "optimizer must be adadelta",
    "optimizer=adam&momentum=0.9": "adam has no momentum",
    "nesterov=yes": "nesterov must be True or False, not 'yes'",
    "epochs=1e9": "epochs must be a whole number",
    "epochs=1001": "the page trains at most 1000 epochs, not 1001: use train.py",
    "steps_per_epoch=9007199254740992": "more than ten seconds: use train.py",
    "hidden_units=256x256x256x256": "more than ten seconds: use train.py",
    "seed=-1": "seed must be a whole number of at least 0",
    "seed=0x10": "seed must be a whole number of at least 0",
}


def query_of(address):
    return dict(urllib.parse.parse_qsl(address.lstrip("?"), keep_blank_values=True))


def trained_anew(recipe, seed):
    """The weights of all epochs by `build_model` and `train`."""
    model, recorder = keras_xor.build_model(recipe, seed), keras_xor.files.Recorder()
    keras_xor.train(model, recipe, seed, callbacks=[recorder])
    return recorder.weights


@pytest.mark.parametrize("optimizer", checks.OPTIMIZERS)
def test_a_run_is_that_of_a_new_model_to_the_last_bit(optimizer):
    recipe = dataclasses.replace(SHORT, optimizer=optimizer, learning_rate=0.05)
    playground.play(recipe, 1)  # Leaves a model, and the state of its optimizer.
    assert playground.is_compiled(recipe)
    other = dataclasses.replace(recipe, learning_rate=0.02, epochs=4)
    run = playground.play(other, 2)
    for weight, expected in zip(run.weights, trained_anew(other, 2), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert len(run.history.history["loss"]) == 4
    assert not run.diverged


def test_the_same_seed_starts_from_the_same_weights():
    changes = {
        "learning_rate": 1,
        "optimizer": "adam",
        "activation": "relu",
        "loss": "mean_squared_error",
        "batch_size": 4,
        "steps_per_epoch": 5,
        "epochs": 1,
    }
    recipes = [dataclasses.replace(SHORT, **{name: value}) for name, value in changes.items()]
    first = [weight[0] for weight in playground.play(SHORT, 3).weights]
    for recipe in recipes:
        for weight, expected in zip(playground.play(recipe, 3).weights, first, strict=True):
            np.testing.assert_array_equal(weight[0], expected)
    assert not np.array_equal(playground.play(SHORT, 4).weights[0][0], first[0])


def test_another_program_is_compiled_for_another_shape():
    recipe = dataclasses.replace(SHORT, hidden_units=(5, 3))
    assert not playground.is_compiled(recipe)
    playground.play(recipe)
    assert playground.is_compiled(dataclasses.replace(recipe, learning_rate=1, epochs=1))
    assert not playground.is_compiled(dataclasses.replace(recipe, activation="relu"))


def test_a_run_that_diverges_is_kept():
    run = playground.play(dataclasses.replace(SHORT, activation="linear", learning_rate=1e20))
    assert run.diverged
    assert run.steps_to_learn is None
    assert len(run.weights[0]) == len(run.history.history["loss"]) + 1 == 2
    assert playground.outcome(run) == (
        "Diverged: in epoch 1, the loss was not a number. Try a smaller learning rate."
    )
    drawing = playground.drawing(run)
    assert drawing["loss"] == [None]
    pictures = np.frombuffer(drawing["pictures"][-1], np.int8).reshape(2, -1)
    assert (pictures[0] != -128).all()
    assert (pictures[1] == -128).all()
    assert not playground.play(SHORT).diverged


@pytest.mark.parametrize("activation", checks.ACTIVATIONS)
def test_outputs_are_those_of_keras(activation):
    recipe = Recipe(hidden_units=(4, 3), activation=activation)
    models = [keras_xor.build_model(recipe, seed) for seed in (0, 1)]
    weights = [np.stack(pair) for pair in zip(*(m.get_weights() for m in models), strict=True)]
    points = np.random.default_rng(0).random((9, 2), np.float32)
    outputs = outputs_of_layers(recipe, weights, points)
    for epoch, model in enumerate(models):
        layers = [layer.output for layer in model.layers if layer.weights]
        x1, x2 = points.T[..., None]
        expected = keras.Model(model.inputs, layers)([x1, x2])
        for output, values in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(output[epoch], values, atol=1e-6)


def test_the_drawing_has_the_figures_of_predict():
    run = playground.play(Recipe(hidden_units=20, epochs=60, steps_per_epoch=20), 5)
    drawing = playground.drawing(run)
    frames = len(drawing["epochs"])
    assert frames == 51
    assert (drawing["epochs"][0], drawing["epochs"][-1]) == (0, 60)
    assert drawing["units"] == [2, 20, 1]
    assert drawing["loss"] == run.history.history["loss"]
    grid = np.frombuffer(drawing["output"], np.float32).reshape(frames, 41, 41)[-1]
    axis = np.linspace(0, 1, 41)
    expected = keras_xor.predict(run.model(), *np.meshgrid(axis, axis[::-1]))
    np.testing.assert_allclose(grid, expected, atol=1e-6)
    corners = [grid[-1 - 40 * x2, 40 * x1] for x1, x2 in zip(*TRUTH_TABLE, strict=True)]
    np.testing.assert_allclose(run.probabilities[-1], corners, atol=1e-6)
    kernels = [np.frombuffer(kernel, np.float32) for kernel in drawing["kernels"]]
    np.testing.assert_array_equal(kernels[0][-32:].reshape(2, 16), run.weights[0][-1][:, :16])
    np.testing.assert_array_equal(kernels[1][-16:].reshape(16, 1), run.weights[2][-1][:16])
    biases = [np.frombuffer(bias, np.float32) for bias in drawing["biases"]]
    np.testing.assert_array_equal(biases[0][-16:], run.weights[1][-1][:16])


def test_pictures_show_how_a_unit_differs_from_one_without_input():
    run = playground.play(dataclasses.replace(SHORT, activation="sigmoid", hidden_units=2), 1)
    inputs, hidden, _ = (
        np.frombuffer(picture, np.int8).reshape(4, -1, 17, 17)
        for picture in playground.drawing(run)["pictures"]
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


OUTCOMES = {
    "Learned: all four points are right after 2,000 steps.": GUIDE,
    "2 of 4 points are right after 10,000 steps. It may only be slow": Recipe(activation="sigmoid"),
    "The network says the same everywhere": Recipe(activation="relu", learning_rate=10),
    "It may need longer": Recipe(hidden_units=3, epochs=10, steps_per_epoch=300),
    "3 of 4 points are right after 10,000 steps. The loss no longer falls": Recipe(hidden_units=1),
}


@pytest.mark.parametrize("sentence", OUTCOMES)
def test_the_outcome(sentence):
    run = playground.play(OUTCOMES[sentence], 0)
    assert sentence in playground.outcome(run)
    y = keras_xor.predict(run.model(), *TRUTH_TABLE)
    learned = all((y > 0.5) == np.not_equal(*TRUTH_TABLE))
    assert learned == (run.steps_to_learn is not None) == sentence.startswith("Learned")


def test_steps_to_learn_are_those_of_the_epoch_after_which_all_stay_right():
    run = playground.play(Recipe(epochs=20, steps_per_epoch=200), 1)
    model, right = run.model(), []
    for epoch in range(21):
        model.set_weights([weight[epoch] for weight in run.weights])
        y = keras_xor.predict(model, *TRUTH_TABLE)
        right.append(bool(np.all((y > 0.5) == np.not_equal(*TRUTH_TABLE))))
    first = 20 - len(list(itertools.takewhile(bool, reversed(right)))) + 1
    assert run.steps_to_learn == 200 * first > 0


def test_luck():
    rows = keras_xor.seed_study(Recipe(hidden_units=2, learning_rate=0.1), 40)
    summary = keras_xor.study.summary(rows)
    run = playground.play(Recipe(hidden_units=2, learning_rate=0.1), 0)
    sentence = playground.luck(run, rows)
    numbers = [float(number) for number in re.findall(r"\d+\.?\d*", sentence)]
    loss = run.history.history["loss"][-1]
    assert numbers == [
        40,
        100 * summary["learned"] / 40,
        95,
        *(round(100 * end, 1) for end in summary["interval"]),
        round(100 * np.mean([row["loss"] > loss for row in rows])),
    ]


@given(
    st.builds(
        Recipe,
        hidden_units=st.lists(st.integers(1, 9), min_size=1, max_size=4),
        learning_rate=st.floats(1e-30, 1e30, allow_subnormal=False),
        optimizer=st.sampled_from(["sgd", "rmsprop"]),
        momentum=st.floats(0, 1),
        epochs=st.integers(1, 1_000),
    ),
    st.integers(0, 2**200),
)
def test_an_address_gives_back_its_settings(recipe, seed):
    query = query_of(playground.link(recipe, seed))
    assert playground.settings_of_address(query) == (recipe, seed, "")
    assert query == {n: text for n, text in playground.address_of(recipe, seed).items() if text}


@pytest.mark.parametrize("address", WRONG_ADDRESSES)
def test_a_wrong_address_gives_the_guide_and_one_line(address):
    recipe, seed, problem = playground.settings_of_address(query_of(address))
    assert (recipe, seed) == (GUIDE, 0)
    assert problem.startswith("This is the guide's recipe, because of the address: ")
    assert WRONG_ADDRESSES[address] in problem
    assert "\n" not in problem


def test_the_address_of_marimo_itself_is_no_setting():
    assert playground.settings_of_address({"show-code": "true"}) == (GUIDE, 0, "")
    assert "given once" in playground.settings_of_address({"seed": ["1", "2"]})[2]


def test_presets():
    text = playground.presets()
    links = re.findall(r"\]\((.+?)\)", text)
    recipes = [playground.settings_of_address(query_of(link)) for link in links]
    assert [problem for _, _, problem in recipes if problem] == []
    assert len(set(recipes)) == len(links) == 15
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for where, percentage in re.findall(r"^\| (.+?) \| \[.+\) \| (.+ %) \|$", text, re.MULTILINE):
        assert re.search(rf"^\| {re.escape(where)} .+\| {percentage} \(", readme, re.MULTILINE)


def test_presets_do_what_they_say():
    module = importlib.import_module("keras_xor.playground.presets")
    recipes = [*module.GOOD.values(), *(recipe for recipe, _ in module.BAD.values())]
    studies = keras_xor.sweep(recipes, seeds=200)
    learned = [keras_xor.study.summary(rows)["learned"] for rows in studies]
    assert learned[:4] == [200] * 4
    assert learned[4] < 10
    assert 80 < learned[5] < 130
    assert playground.play(recipes[6]).diverged


TAKEN = [
    (GUIDE, 0),
    (Recipe(hidden_units=(4, 3), activation="relu", learning_rate=1e-5, epochs=2), 7),
    (Recipe(momentum=0.9, nesterov=True, kernel_initializer="he_normal", batch_size=4), 2**70),
]


@pytest.mark.parametrize(("recipe", "seed"), TAKEN)
def test_the_command_gives_the_run(recipe, seed, monkeypatch):
    program, file, *words = playground.command(recipe, seed).split()
    assert (program, file) == ("python", "scripts/train.py")
    monkeypatch.setattr(sys, "argv", [file, *words])
    args = runpy.run_path(str(ROOT / file))["arguments"]()
    assert (args.recipe, args.seed) == (recipe, seed)


def test_the_lines_of_python_give_the_run():
    recipe = dataclasses.replace(SHORT, hidden_units=(4, 3), momentum=0.5)
    names = {}
    exec(playground.python_lines(recipe, 3), names)
    run = playground.play(recipe, 3)
    for weight, expected in zip(names["model"].get_weights(), run.weights, strict=True):
        np.testing.assert_array_equal(weight, expected[-1])
    assert names["history"].history == run.history.history


def test_the_files_are_those_of_the_run(tmp_path):
    run = playground.play(SHORT, 3)
    for name, content in playground.files_of(SHORT, 3).items():
        (tmp_path / name).write_bytes(content)
    model = keras_xor.load_model(tmp_path / "xor.keras")
    for weight, expected in zip(model.get_weights(), run.weights, strict=True):
        np.testing.assert_array_equal(weight, expected[-1])
    x1, x2 = np.array(TRUTH_TABLE, np.float32)[..., None]
    onnx = onnxruntime.InferenceSession(tmp_path / "xor.onnx").run(None, {"x1": x1, "x2": x2})
    np.testing.assert_allclose(onnx[0].ravel(), run.probabilities[-1], atol=1e-6)
    rows = keras_xor.files.load_history(tmp_path / "xor.csv")
    assert [row["loss"] for row in rows] == run.history.history["loss"]


def fields_of(recipe):
    return dataclasses.asdict(recipe)


def test_the_view_keeps_the_last_run_when_the_next_cannot_be_trained():
    view = playground.View()
    run = view.play(**fields_of(SHORT) | {"hidden_units": [8, 0, 0, 0]}, seed=1)
    drawn = view.drawing
    assert drawn["outcome"] == playground.outcome(run)
    assert view.address == playground.address_of(SHORT, 1)
    assert view.play(**fields_of(SHORT) | {"optimizer": "adam", "momentum": 0.5}) is run
    assert view.status == "Adam has no momentum: leave it out, or use sgd, rmsprop or muon."
    assert view.play(**fields_of(SHORT) | {"epochs": 1001}) is run
    assert view.status.startswith("The page trains at most 1000 epochs")
    assert view.drawing is drawn
    assert view.play(**fields_of(SHORT), seed=2).seed == 2
    assert view.status == ""


def test_the_view_shows_what_keras_raises(monkeypatch):
    def fail(*args, **options):
        raise MemoryError("no\nmemory")

    view = playground.View()
    monkeypatch.setattr("keras_xor.playground.run.train", fail)
    recipe = dataclasses.replace(SHORT, hidden_units=7)
    assert view.play(**fields_of(recipe)) is None
    assert view.status == "Keras cannot train this: MemoryError: no memory"
    assert not playground.is_compiled(recipe)
    monkeypatch.undo()
    assert view.play(**fields_of(recipe)).recipe == recipe


def test_the_view_tells_what_it_does():
    view, said = playground.View(), []
    view.observe(lambda change: said.append(change["new"]), "status")
    recipe = dataclasses.replace(SHORT, hidden_units=11)
    view.play(**fields_of(recipe))
    view.play(**fields_of(recipe))
    assert said == ["Compiling ...", ""]


def test_the_study_of_the_view():
    view, run = playground.View(), playground.play(SHORT)
    view.study(run, is_outdated=lambda: False)
    assert view.luck == playground.luck(run, keras_xor.seed_study(SHORT, 200))


def test_a_study_ends_when_it_is_outdated():
    view, run = playground.View(), playground.play(Recipe(epochs=1000))
    said = []
    view.observe(lambda change: said.append(change["new"]), "luck")
    view.study(run, is_outdated=lambda: len(said) > 1)  # The whole study takes half a minute.
    assert len(said) == 2
    assert all(re.fullmatch(r"Was it luck\? .+ \d %", text) for text in said)


def test_a_recipe_that_a_study_cannot_train():
    view, run = playground.View(), playground.play(dataclasses.replace(SHORT, optimizer="muon"))
    view.study(run, is_outdated=lambda: False)
    assert view.luck.startswith("A study cannot")


def test_bad_arguments():
    with pytest.raises(KerasXorError, match=r"recipe must be a keras_xor\.Recipe"):
        playground.play("guide")
    with pytest.raises(KerasXorError, match="seed must be"):
        playground.play(GUIDE, -1)
