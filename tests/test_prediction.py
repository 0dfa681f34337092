import fractions
import math

import numpy as np
import pytest
import tensorflow as tf

import keras_xor
from keras_xor import prediction


@pytest.fixture(scope="module")
def known():
    """A model with known weights, and its formula in numbers that do not overflow."""
    rng = np.random.default_rng(0)
    w1, b1 = rng.normal(size=(2, 8)), rng.normal(size=8)
    w2, b2 = rng.normal(size=(8, 1)), rng.normal(size=1)
    model = keras_xor.build_model()
    model.set_weights([w1, b1, w2, b2])

    def formula(x1, x2):
        x1, x2 = np.longdouble(x1), np.longdouble(x2)
        hidden = np.tanh(x1 * w1[0] + x2 * w1[1] + b1)
        return 1 / (1 + math.exp(-(hidden @ w2[:, 0] + b2[0])))

    return model, formula


@pytest.mark.parametrize(
    "point",
    [
        *((0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.25), (-3, 7.5), (1e-300, -1e-300), (1e30, 2e30)),
    ],
)
def test_against_the_formula(known, point):
    model, formula = known
    assert keras_xor.predict(model, *point) == pytest.approx(formula(*point), abs=1e-6)


def test_shapes(known):
    model, formula = known
    x1, x2 = np.meshgrid(np.linspace(0, 1, 4), np.linspace(0, 1, 3))
    y = keras_xor.predict(model, x1, x2)
    assert y.dtype == np.float32
    assert y.shape == (3, 4)
    np.testing.assert_allclose(y, np.vectorize(formula)(x1, x2), atol=1e-6)
    assert keras_xor.predict(model, 0, 1).shape == ()
    assert keras_xor.predict(model, [], []).shape == (0,)
    assert keras_xor.predict(model, [0, True], (1.0, np.int8(0))).shape == (2,)


def test_real_numbers_of_any_kind(known):
    model, formula = known
    x1 = [fractions.Fraction(1, 4), True, np.float16(0.25), tf.constant(0.5)]
    for x in (*x1, np.array([1, 0.5], dtype=object)):
        expected = np.vectorize(formula)(np.float64(x), np.zeros(np.shape(x)))
        np.testing.assert_allclose(
            keras_xor.predict(model, x, np.zeros(np.shape(x))), expected, atol=1e-6
        )


def test_shapes_are_broadcast(known):
    model, formula = known
    expected = [[formula(a, b) for b in (0, 1)] for a in (0, 0.5)]
    np.testing.assert_allclose(keras_xor.predict(model, [[0], [0.5]], [0, 1]), expected, atol=1e-6)
    with pytest.raises(ValueError, match="shape mismatch"):
        keras_xor.predict(model, [0, 0], [0, 1, 1])


def test_predictions(known):
    model, formula = known
    rows = prediction.list_predictions(model, [0, 0.5], [1.0, -2.0])
    assert [(row["x1"], row["x2"]) for row in rows] == [(0, 1), (0.5, -2)]
    for row in rows:
        assert list(row) == ["x1", "x2", "prediction", "class"]
        assert row["prediction"] == pytest.approx(formula(row["x1"], row["x2"]), abs=1e-6)
        assert row["class"] == (row["prediction"] > 0.5)
    assert {row["class"] for row in rows} == {0, 1}
