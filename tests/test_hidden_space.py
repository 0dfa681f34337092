"""The chart of what the hidden units see, against the model itself."""

import json
import re

import altair as alt
import keras
import numpy as np
import pytest
from conftest import check_border, logit, one_line

import keras_xor
from keras_xor import KerasXorError, Recipe, plots
from keras_xor.data import TRUTH_TABLE

layers = keras.layers


def read(chart):
    """The points of the truth table by their label, and the ends of the dashed line, by epoch."""
    specification = chart if isinstance(chart, dict) else chart.to_dict()
    rows = next(iter(specification["datasets"].values()))
    places = {}
    for row in rows:
        points, ends = places.setdefault(row["epoch"], ([], []))
        place = np.array([row["across"], row["up"]])
        if row["kind"] == "point":
            points.append((row["label"], place, row["name"]))
        if row["kind"] == "border":
            ends.append(place)
    return places


OUTPUTS = {  # The last layers, the loss, and the inverse of the activation
    "sigmoid": ([layers.Dense(1, "sigmoid")], "mse", logit),
    "an activation of its own": ([layers.Dense(1), layers.Activation("sigmoid")], "mse", logit),
    "softmax": ([layers.Dense(2, "softmax")], "sparse_categorical_crossentropy", logit),
    "logits": ([layers.Dense(1)], keras.losses.BinaryCrossentropy(from_logits=True), logit),
    "linear": ([layers.Dense(1)], "mse", lambda y: y),
    "tanh of 0 and 1": ([layers.Dense(1, "tanh")], "binary_crossentropy", np.arctanh),
    "tanh of -1 and 1": ([layers.Dense(1, "tanh")], "mse", lambda y: np.arctanh(2 * y - 1)),
    "without a bias": ([layers.Dense(1, "sigmoid", use_bias=False)], "mse", logit),
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("units", [2, 5])
def test_the_line_separates_what_the_model_does(output, units):
    last, loss, inverse = OUTPUTS[output]
    last = [layer.from_config(layer.get_config()) for layer in last]
    model = keras.Sequential([keras.Input((2,)), layers.Dense(units, "tanh"), *last])
    model.compile("sgd", loss)
    rng = np.random.default_rng(0)
    predictions = np.zeros(4)
    while not 0 < sum(predictions > 0.5) < 4:
        model.set_weights([rng.normal(0, 2, weight.shape) for weight in model.weights])
        predictions = keras_xor.predict(model, *TRUTH_TABLE)
    ((points, ends),) = read(plots.plot_hidden_space(model, "0111")).values()
    assert [label for label, *_ in points] == ["0", "1", "1", "1"]
    check_border([place for _, place, _ in points], ends, predictions, inverse)


def test_the_epochs_of_a_run():
    run = keras_xor.train_run(Recipe(hidden_units=2, learning_rate=0.1, labels="0001"), 1)
    for draw, count, kind in (
        (plots.plot_hidden_space_by_epoch, 11, alt.LayerChart),
        (plots.plot_hidden_space_multiples, 8, alt.FacetChart),
    ):
        chart = draw(run)
        assert type(chart) is kind
        places = read(chart)
        assert len(places) == count
        for epoch, (points, ends) in places.items():
            assert "".join(label for label, *_ in points) == "0001"
            check_border([place for _, place, _ in points], ends, run.predictions[epoch])
    ((points, _),) = read(plots.plot_hidden_space(run.model(), "0001")).values()
    for (_, place, _), (_, other, _) in zip(points, places[10][0], strict=True):
        np.testing.assert_allclose(place, other, atol=1e-4)


def test_points_that_lie_together_have_one_name(tmp_path):
    run = keras_xor.train_run(Recipe(hidden_units=2, learning_rate=0.1), 2)
    chart = plots.plot_hidden_space(run.model())
    ((points, _),) = read(chart).values()
    assert [name for *_, name in points] == ["0 0", "0 1, 1 1", "1 0", ""]
    plots.save_chart(chart, tmp_path / "a.svg")
    areas = [*map(int, re.findall(r"area: (\d+)", (tmp_path / "a.svg").read_text()))]
    assert areas == sorted(areas, reverse=True)  # The smaller one is drawn last.
    assert areas[-1] < areas[0]


def test_a_model_whose_last_layer_is_another():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3), layers.BatchNormalization()])
    with pytest.raises(KerasXorError, match="must be Dense, with one unit or two"):
        plots.plot_hidden_space(model)


def test_the_script(script, tmp_path, trained):
    keras_xor.save_model(trained, tmp_path / "artifacts" / "xor.keras")
    output = "picture: artifacts/hidden.png\n"
    assert script("plot_surface.py", "--hidden") == (0, output, "")
    assert (tmp_path / "artifacts" / "hidden.png").stat().st_size > 10_000
    arguments = ("--hidden", "--labels", "0001", "--to-file", "a.json")
    assert script("plot_surface.py", *arguments) == (0, "picture: a.json\n", "")
    ((points, _),) = read(json.loads((tmp_path / "a.json").read_text())).values()
    assert [label for label, *_ in points] == ["0", "0", "0", "1"]
    keras_xor.train_run(Recipe(epochs=2), file="artifacts/xor.run.npz")
    arguments = ("--hidden", "--run", "--to-file", "a.json")
    assert script("plot_surface.py", *arguments) == (0, "picture: a.json\n", "")
    assert {*read(json.loads((tmp_path / "a.json").read_text()))} == {0, 1, 2}
    status, _, errors = script("plot_surface.py", "--hidden", "--labels", "011")
    assert status == 2
    assert "--labels: must be four digits of 0 and 1" in one_line(errors)
