import datetime
import fractions
import math

import keras
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
        *((1e300, 1e299), (-1e300, 1e300), (1.7e308, 0), (5e-324, -1.7e308), (-4e38, 1)),
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


@pytest.mark.parametrize(
    "value",
    [
        *(math.nan, math.inf, -math.inf, "x", "1", b"1", None, 1j, 1 + 0j, [[0], [0, 1]], {}),
        *(
            np.complex64(1),
            np.datetime64("2022-01-01"),
            np.timedelta64(1, "D"),
            datetime.date.today(),
        ),
        *(np.array(["1"]), np.ma.masked, np.ma.array([0, 1], mask=[0, 1]), [object()], [None, 1]),
        *([math.nan] * 100_000, np.full(100_000, math.nan), 10**400),
    ],
)
@pytest.mark.parametrize("name", ["x1", "x2"])
def test_only_finite_numbers(known, value, name):
    arguments = {"x1": 0, "x2": 0, name: value}
    complaint = f"^{name} must be finite numbers"
    with pytest.raises(keras_xor.KerasXorError, match=complaint) as refusal:
        keras_xor.predict(known[0], **arguments)
    assert len(str(refusal.value)) < 120


def test_real_numbers_of_any_kind(known):
    model, formula = known
    x1 = [fractions.Fraction(1, 4), True, np.float16(0.25), np.ma.array(1), tf.constant(0.5)]
    for x in (*x1, np.ma.array([0, 1]), np.array([1, 0.5], dtype=object)):
        expected = np.vectorize(formula)(np.float64(x), np.zeros(np.shape(x)))
        np.testing.assert_allclose(
            keras_xor.predict(model, x, np.zeros(np.shape(x))), expected, atol=1e-6
        )


def test_weights_that_are_too_large():
    inputs = {name: keras.Input((1,), name=name) for name in ("x1", "x2")}
    hidden = keras.layers.Dense(2, "relu")(keras.layers.Concatenate()(list(inputs.values())))
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden))
    model.set_weights([np.full((2, 2), 1e20), np.zeros(2), np.array([[1.0], [-1.0]]), np.zeros(1)])
    assert keras_xor.predict(model, 1, 1) == 0.5
    with pytest.raises(keras_xor.KerasXorError, match="weights are too large for these x1 and x2"):
        keras_xor.predict(model, 1e30, 1e30)


@pytest.mark.parametrize(("x1", "x2"), [([0], [0, 1]), (0, [0]), ([[0]], [0])])
def test_only_pairs(known, x1, x2):
    with pytest.raises(keras_xor.KerasXorError, match="give them in pairs"):
        keras_xor.predict(known[0], x1, x2)


def test_predictions(known):
    model, formula = known
    rows = prediction.predictions(model, [0, 0.5], [1.0, -2.0])
    assert [(row["x1"], row["x2"]) for row in rows] == [(0, 1), (0.5, -2)]
    for row in rows:
        assert list(row) == ["x1", "x2", "y", "class"]
        assert row["y"] == pytest.approx(formula(row["x1"], row["x2"]), abs=1e-6)
        assert row["class"] == (row["y"] > 0.5)
    assert {row["class"] for row in rows} == {0, 1}
