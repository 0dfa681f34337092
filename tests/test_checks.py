from pathlib import Path

import numpy as np
import pytest

import keras_xor
from keras_xor import checks


@pytest.mark.parametrize(
    ("check", "value", "result"),
    [
        (checks.whole_number, 1, 1),
        (checks.whole_number, "12", 12),
        (checks.batch_size, 2**24, 2**24),
        (checks.seed, 0, 0),
        (checks.seeds, "1000000", 10**6),
        (checks.seed, 2**200, 2**200),
        (checks.dpi, "600", 600),
        (checks.resolution, "2", 2),
        (checks.finite_number, "-1e3", -1000.0),
        (checks.learning_rate, "1e-9", 1e-9),
        (checks.hidden_units, 256, (256,)),
        (checks.hidden_units, "4x16", (4, 16)),
        (checks.hidden_units, [1, 2, 3, 4], (1, 2, 3, 4)),
        (checks.momentum, "0.9", 0.9),
        (checks.switch, True, True),
        (checks.optimizer, "AdamW", "adamw"),
        (checks.loss, "MeanSquaredError", "mean_squared_error"),
        (checks.loss, "MSE", "mean_squared_error"),
        (checks.kernel_initializer, "HeNormal", "he_normal"),
        (checks.activation, "LeakyReLU", "leaky_relu"),
        (checks.device, "GPU", "gpu:0"),
        (checks.device, "cpu:1", "cpu:1"),
        (checks.activation, "relu", "relu"),
        (checks.rankdir, "LR", "LR"),
        (checks.model_file, "a/b.keras", Path("a/b.keras")),
        (checks.model_picture, "a.svg", Path("a.svg")),
    ],
)
def test_check_converts(check, value, result):
    assert check(value) == result
    assert type(check(value)) is type(result)


@pytest.mark.parametrize(
    ("check", "values"),
    [
        (checks.whole_number, [0, -1, 1.5, 2.0, "x", "", "1.0", "1e3", None, float("nan")]),
        (checks.batch_size, [0, 2**24 + 1]),
        (checks.seed, [-1, 0.5, "x"]),
        (checks.seeds, [0, 10**6 + 1]),
        (checks.dpi, [0, 601]),
        (checks.resolution, [1, 201]),
        (checks.finite_number, ["x", "", None, "nan", "inf", "-inf", "1e400", 10**400]),
        (checks.count, [0, 2**53 + 1, 10**5_000, -(10**5_000)]),
        (checks.finite_number, [np.zeros(9), 1j, [np.nan] * 10**5, b"1" * 10**5]),
        (checks.learning_rate, [0, -0.01, "nan", "inf", "x", 1e-39, 1e-50, 3.5e38]),
        (checks.hidden_units, [0, 257, "4x", "x", "", "4x4x4x4x4", (), None, "4,4", [[4]], {4: 4}]),
        (checks.momentum, [-0.1, 1.1, "nan", None]),
        (checks.switch, [1, 0, "True", None]),
        (checks.optimizer, ["", "adma", None, 1]),
        (checks.loss, ["categorical_crossentropy", "", None]),
        (checks.kernel_initializer, ["he", "constant", None]),
        (checks.device, ["", "cpu:", "cpu:-1", "cuda", "gpu:x", "cpu:\u0661", None]),
        (checks.activation, ["", "tahn", "glu", None, np.zeros(3), ["tanh"], abs]),
        (checks.rankdir, ["lr", "", "XY", None, np.array(["TB", "LR"])]),
        (checks.path, [None, b"a.keras", "a\0b", 1, ["a"], np.array("a")]),
        (checks.model_file, [None, b"a.keras", "a\0.keras", "a\n.h5", "a" * 10**5]),
        (checks.export_file, [None, b"a.onnx", "a\0.onnx", "", ".", "/", "..", ".onnx"]),
        (checks.model_file, ["a", "a.h5", "a.keras.zip", ""]),
        (checks.model_picture, ["a", "a.gif", "a.PNG"]),
        (checks.chart_file, ["a", "a.pdf"]),
        (checks.csv_file, ["a", "a.tsv"]),
        (checks.record_file, ["a", "a.npy"]),
    ],
)
def test_check_refuses_in_one_line(check, values):
    for value in values:
        with pytest.raises(keras_xor.KerasXorError, match=r"^size must .+") as refusal:
            check(value, "size")
        assert "\n" not in str(refusal.value)
        assert len(str(refusal.value)) < 500


def test_an_error_is_one_line():
    assert str(keras_xor.KerasXorError("a\nb\r\nc")) == "a b c"
    long = str(keras_xor.KerasXorError("a" * 10_000 + ": name another"))
    assert len(long) <= 1_000
    assert long.endswith(": name another")
