import pytest

import keras_xor
from keras_xor import values

OPTIMIZER, LOSS, ACTIVATION, INITIALIZER = (
    values.name_parser(names)
    for names in (values.OPTIMIZERS, values.LOSSES, values.ACTIVATIONS, values.INITIALIZERS)
)


@pytest.mark.parametrize(
    ("parse", "value", "result"),
    [
        (values.int_parser(1), 1, 1),
        (values.int_parser(1), "12", 12),
        (values.int_parser(1, 2), 2, 2),
        (values.parse_seed, 2**32 - 1, 2**32 - 1),
        (values.float_parser(-1e4, 0), "-1e3", -1000.0),
        (values.float_parser(0, 1), " 1", 1.0),
        (values.parse_units, 256, (256,)),
        (values.parse_units, "4x16", (4, 16)),
        (values.parse_units, [1, 2, 3, 4], (1, 2, 3, 4)),
        (values.parse_switch, True, True),
        (values.parse_switch, "off", False),
        (OPTIMIZER, "AdamW", "adamw"),
        (LOSS, "MeanSquaredError", "mean_squared_error"),
        (LOSS, "MSE", "mean_squared_error"),
        (INITIALIZER, "HeNormal", "he_normal"),
        (ACTIVATION, "LeakyReLU", "leaky_relu"),
        (ACTIVATION, "swish", "silu"),
    ],
)
def test_a_value_is_converted(parse, value, result):
    assert parse(value) == result
    assert type(parse(value)) is type(result)


@pytest.mark.parametrize(
    ("parse", "wrong"),
    [
        (values.int_parser(1), [0, -1, 1.5, 2.0, "x", "", "1.0", "1e3", None]),
        (values.int_parser(1, 600), [0, 601, "601"]),
        (values.float_parser(0, 1), [-0.1, 1.1, "x", "", "nan", "inf", "-inf", "1e400", None, 1j]),
        (values.parse_units, [0, 257, "4x", "x", "", "4x4x4x4x4", (), None, "4,4", [[4]]]),
        (values.parse_switch, ["True", "maybe", None, 2]),
        (OPTIMIZER, ["", "adma", None, 1]),
        (LOSS, ["categorical_crossentropy", "", "swish", None]),
        (INITIALIZER, ["he", "constant", None]),
        (ACTIVATION, ["", "tahn", "glu", "mse", None, ["tanh"], abs]),
    ],
)
def test_a_wrong_value_is_refused_in_one_line(parse, wrong):
    for value in wrong:
        with pytest.raises(keras_xor.KerasXorError, match=r"^must be .+, not ") as refusal:
            parse(value)
        assert "\n" not in str(refusal.value)
        assert repr(value)[:10] in str(refusal.value)


@pytest.mark.parametrize("path", ["a.pb", "a.h5", "a.keras", "a/b.txt", "a/.onnx.txt"])
def test_what_names_no_runtime(path):
    with pytest.raises(
        keras_xor.KerasXorError, match=r"must end in \.onnx or \.tflite, or in / for"
    ):
        values.parse_export_suffix(path)


def test_an_error_is_one_line():
    assert str(keras_xor.KerasXorError("a\nb\r\n  c")) == "a b c"
    assert str(keras_xor.KerasXorError("\x1b[1mbold\x1b[0m \x1b]0;title")) == "bold ?]0;title"
    long = str(keras_xor.KerasXorError("a" * 10_000 + ": name another"))
    assert len(long) <= 1_000
    assert long.endswith(": name another")
