import pytest

import keras_xor
from keras_xor import checks

OPTIMIZER, LOSS, ACTIVATION, INITIALIZER = (
    checks.one_of(names)
    for names in (checks.OPTIMIZERS, checks.LOSSES, checks.ACTIVATIONS, checks.INITIALIZERS)
)


@pytest.mark.parametrize(
    ("check", "value", "result"),
    [
        (checks.whole_number(1), 1, 1),
        (checks.whole_number(1), "12", 12),
        (checks.whole_number(1, 2), 2, 2),
        (checks.whole_number(0), 2**200, 2**200),
        (checks.real_number(-1e4, 0), "-1e3", -1000.0),
        (checks.real_number(0, 1), " 1", 1.0),
        (checks.units_by_layer, 256, (256,)),
        (checks.units_by_layer, "4x16", (4, 16)),
        (checks.units_by_layer, [1, 2, 3, 4], (1, 2, 3, 4)),
        (checks.switch, True, True),
        (checks.switch, "off", False),
        (OPTIMIZER, "AdamW", "adamw"),
        (LOSS, "MeanSquaredError", "mean_squared_error"),
        (LOSS, "MSE", "mean_squared_error"),
        (INITIALIZER, "HeNormal", "he_normal"),
        (ACTIVATION, "LeakyReLU", "leaky_relu"),
        (ACTIVATION, "swish", "silu"),
    ],
)
def test_a_check_converts(check, value, result):
    assert check(value) == result
    assert type(check(value)) is type(result)


@pytest.mark.parametrize(
    ("check", "values"),
    [
        (checks.whole_number(1), [0, -1, 1.5, 2.0, "x", "", "1.0", "1e3", None]),
        (checks.whole_number(1, 600), [0, 601, "601"]),
        (checks.real_number(0, 1), [-0.1, 1.1, "x", "", "nan", "inf", "-inf", "1e400", None, 1j]),
        (checks.units_by_layer, [0, 257, "4x", "x", "", "4x4x4x4x4", (), None, "4,4", [[4]]]),
        (checks.switch, ["True", "maybe", None, 2]),
        (OPTIMIZER, ["", "adma", None, 1]),
        (LOSS, ["categorical_crossentropy", "", "swish", None]),
        (INITIALIZER, ["he", "constant", None]),
        (ACTIVATION, ["", "tahn", "glu", "mse", None, ["tanh"], abs]),
    ],
)
def test_a_check_refuses_in_one_line(check, values):
    for value in values:
        with pytest.raises(keras_xor.KerasXorError, match=r"^must be .+, not ") as refusal:
            check(value)
        assert "\n" not in str(refusal.value)
        assert repr(value)[:10] in str(refusal.value)


@pytest.mark.parametrize("path", ["a.pb", "a.h5", "a.keras", "a/b.txt", "a/.onnx.txt"])
def test_what_names_no_runtime(path):
    with pytest.raises(
        keras_xor.KerasXorError, match=r"must end in \.onnx or \.tflite, or in / for"
    ):
        checks.export_suffix(path)


def test_an_error_is_one_line():
    assert str(keras_xor.KerasXorError("a\nb\r\n  c")) == "a b c"
    assert str(keras_xor.KerasXorError("\x1b[1mbold\x1b[0m \x1b]0;title")) == "bold ?]0;title"
    long = str(keras_xor.KerasXorError("a" * 10_000 + ": name another"))
    assert len(long) <= 1_000
    assert long.endswith(": name another")
