"""The picture of the hidden units, against the network itself and other algebra."""

import dataclasses
import itertools

import numpy as np
import pytest

from keras_xor import Recipe
from keras_xor.projection import project_hidden
from keras_xor.recording import train_run
from keras_xor.run import compute_outputs

GRID = np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * 2), axis=-1).reshape(-1, 2)
SHORT = Recipe(epochs=4, steps_per_epoch=500, learning_rate=0.1)


def project(**fields):
    run = train_run(dataclasses.replace(SHORT, **fields), 1)
    *_, hidden, predictions = compute_outputs(run.recipe, run.weights, GRID)
    places, lines = project_hidden(hidden, run.weights[-2][..., 0], run.weights[-1][..., 0])
    return run, hidden, predictions[..., 0], places, lines


@pytest.mark.parametrize("units", [1, 2, 8, (2, 5)])
def test_the_line_is_where_the_prediction_is_half(units):
    _, _, predictions, places, lines = project(hidden_units=units)
    sums = np.sum(places * lines[:, None, :2], axis=-1) + lines[:, None, 2]
    np.testing.assert_allclose(1 / (1 + np.exp(-sums)), predictions, atol=1e-5)
    assert np.abs(places).max(axis=(1, 2)) == pytest.approx(np.ones(5), abs=1e-5)


def test_two_units_are_the_axes():
    _, hidden, _, places, _ = project(hidden_units=2)
    for seen, drawn in zip(hidden, places, strict=True):
        offsets = seen - seen[0]
        scale = 2 / max(np.ptp(seen, axis=0))
        np.testing.assert_allclose(drawn - drawn[0], scale * offsets, atol=1e-4)


def test_more_units_are_seen_from_the_side_where_they_spread_most():
    run, hidden, _, places, lines = project(hidden_units=8)
    for epoch in range(5):
        seen = hidden[epoch] - hidden[epoch].mean(axis=0)
        kernel = run.weights[-2][epoch][:, 0]
        along = kernel / np.linalg.norm(kernel)
        rest = seen - np.outer(seen @ along, along)
        spread = np.linalg.svd(rest, compute_uv=False)[0] / np.linalg.norm(seen @ along)
        across, up = (places[epoch] - places[epoch].mean(axis=0)).T
        assert np.linalg.norm(up) / np.linalg.norm(across) == pytest.approx(spread, rel=1e-3)
        assert np.corrcoef(across, seen @ along)[0, 1] == pytest.approx(1, abs=1e-5)
        assert lines[epoch, 1] == pytest.approx(0, abs=1e-4)  # From left to right, y rises.
        assert lines[epoch, 0] > 0


def test_neighbouring_epochs_are_not_mirrored():
    *_, places, _ = project(hidden_units=8, epochs=30, steps_per_epoch=50)
    for before, after in itertools.pairwise(places):
        assert np.sum(before * after) > 0


def test_what_is_not_a_number_or_all_the_same():
    hidden = np.ones((3, 4, 3), np.float32)
    hidden[1], hidden[1, 2:] = np.nan, np.inf
    kernel = np.array([[1.0, 2, 3], [np.nan] * 3, [0, 0, 0]])
    places, lines = project_hidden(hidden, kernel, np.zeros(3))
    np.testing.assert_allclose(places[[0, 2]], 0, atol=1e-6)
    assert np.isnan(places[1]).all()
    assert np.isfinite(lines[[0, 2]]).all()
