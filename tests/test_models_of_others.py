"""Models as people build and save them: loaded, asked, drawn, exported and studied."""

import functools
import json
import warnings

import h5py
import keras
import numpy as np
import onnxruntime
import pytest
from conftest import one_line

import keras_xor
from keras_xor.data import TRUTH_TABLE

POINTS = np.transpose(TRUTH_TABLE).astype("float32")
LABELS = np.not_equal(*TRUTH_TABLE).astype("float32")
layers, losses = keras.layers, keras.losses


def compiled(model, loss="binary_crossentropy", **options):
    model.compile(**{"optimizer": "adam", "loss": loss, "metrics": ["accuracy"]} | options)
    return model


def sequential(*hidden, output="sigmoid", units=1, shape=(2,), **compilation):
    last = layers.Dense(units, output)
    return compiled(keras.Sequential([keras.Input(shape), *hidden, last]), **compilation)


def two_inputs(names, structure):
    inputs = [keras.Input((1,), name=name) for name in names]
    y = layers.Dense(1, "sigmoid")(layers.Dense(3, "tanh")(layers.Concatenate()(inputs)))
    return compiled(keras.Model(structure(inputs), y))


def functional():
    x = keras.Input((2,), name="pair")
    return compiled(keras.Model([x], {"y": layers.Dense(1, "sigmoid")(layers.Dense(3)(x))}))


def built_by_fit():
    """It keeps the batch size of `fit` in its shape."""
    model = compiled(keras.Sequential([layers.Dense(3, "tanh"), layers.Dense(1, "sigmoid")]))
    model.fit(POINTS, LABELS, batch_size=4, verbose=0)
    return model


def nested():
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(1, "tanh")])
    return sequential_of([layers.Dense(3), inner], loss="mse")


def sequential_of(things, **compilation):
    return compiled(keras.Sequential([keras.Input((2,)), *things]), **compilation)


LOGITS = {"loss": losses.BinaryCrossentropy(from_logits=True)}
ONE_HOT_LOGITS = {"loss": losses.SparseCategoricalCrossentropy(from_logits=True)}
MODELS = {
    "sequential": lambda: sequential(layers.Dense(8, "tanh")),
    "functional, in a list and a dict": functional,
    "x1 and x2 in a dict": lambda: two_inputs(["x1", "x2"], lambda i: {t.name: t for t in i}),
    "x2 and x1": lambda: two_inputs(["x2", "x1"], list),
    "a and b in a list": lambda: two_inputs(["a", "b"], list),
    "b and a in a list": lambda: two_inputs(["b", "a"], list),
    "softmax of two": lambda: sequential(units=2, output="softmax"),
    "softmax layer": lambda: sequential_of([layers.Dense(2), layers.Softmax()], **ONE_HOT_LOGITS),
    "logits": lambda: sequential(layers.Dense(3, "relu"), output=None, **LOGITS),
    "two logits": lambda: sequential(output=None, units=2, **ONE_HOT_LOGITS),
    "logits through a sigmoid": lambda: sequential(layers.Dense(3), **LOGITS),
    "activation layer": lambda: sequential_of([layers.Dense(1), layers.Activation("sigmoid")]),
    "linear": lambda: sequential(layers.Dense(3, "relu"), output=None, loss="mse"),
    "two linear": lambda: sequential(output=None, units=2, loss="mse"),
    "hinge": lambda: sequential(output="tanh", loss="hinge"),
    "nested": nested,
    "batch normalization": lambda: sequential(layers.BatchNormalization(), layers.Dense(3)),
    "dropout and noise": lambda: sequential(layers.Dropout(0.5), layers.GaussianNoise(1.0)),
    "lstm": lambda: sequential(layers.LSTM(3), shape=(2, 1)),
    "a row": lambda: sequential(layers.Flatten(), layers.Dense(3), shape=(1, 2)),
    "embedding": lambda: sequential(layers.Embedding(2, 3), layers.Flatten()),
    "schedule": lambda: sequential(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 10**6, 1))
    ),
    "many thresholds": lambda: sequential(metrics=[keras.metrics.AUC(num_thresholds=2_000)]),
    "frozen after training": lambda: frozen(),
    "built by fit": built_by_fit,
    "leaky": lambda: sequential(output=layers.LeakyReLU(), loss="mse"),
    "float16": lambda: sequential(layers.Dense(3, dtype="float16")),
    "not compiled": lambda: keras.Sequential([keras.Input((2,)), layers.Dense(1, "sigmoid")]),
}


def frozen():
    model = sequential(layers.Dense(3))
    model.fit(POINTS, LABELS, verbose=0)
    model.layers[0].trainable = False
    return model


def expected(name, model):
    """The probabilities of class 1, by the model itself and NumPy."""
    columns = dict(zip(("x1", "x2"), POINTS.T[..., None], strict=True))
    if name == "x1 and x2 in a dict":
        x = columns
    elif name == "x2 and x1":
        x = [columns["x2"], columns["x1"]]
    elif name.startswith("functional"):
        x = [POINTS]
    elif " and " in name and "in a list" in name:
        x = [columns["x1"], columns["x2"]]
    else:
        x = POINTS.reshape(-1, *model.inputs[0].shape[1:])
    y = model(x, training=False)
    y = np.float64(y["y"] if isinstance(y, dict) else y)
    if name == "two logits":
        y = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    if name == "logits":
        y = 1 / (1 + np.exp(-y))
    if name in ("hinge", "nested") and y.min() < -0.5:
        y = (y + 1) / 2
    return y[:, -1]


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        *((name, ".keras") for name in MODELS),
        *((name, ".h5") for name in ("sequential", "b and a in a list", "schedule", "lstm")),
    ],
)
def test_any_model_is_loaded_and_asked(tmp_path, name, suffix):
    model = MODELS[name]()
    model.save(tmp_path / f"a{suffix}")
    loaded = keras_xor.load_model(tmp_path / f"a{suffix}")
    assert type(loaded) is type(model)
    y = keras_xor.predict(loaded, *TRUTH_TABLE)
    np.testing.assert_allclose(y, expected(name, model), atol=1e-3 if name == "float16" else 1e-6)
    y = keras_xor.predict(model, np.reshape(TRUTH_TABLE[0], (2, 2)), [[0, 1], [0, 1]])
    np.testing.assert_allclose(y.ravel(), expected(name, model), atol=1e-3)
    assert loaded.compiled == model.compiled


def with_answers(y, loss, activation):
    """A model with the answers y at the four points."""
    model = sequential(layers.Dense(2, "relu"), output=activation, loss=loss)
    a, b, c, d = np.arctanh(np.float64(y)) if activation == "tanh" else np.float64(y)
    assert b == c  # The first unit counts ones, and the second is 1 for two of them.
    kernel = np.ones((2, 2), "float32")
    model.set_weights(
        [kernel, np.array([0, -1], "float32"), np.array([[b - a], [d - 2 * b + a]]), np.array([a])]
    )
    return model


@pytest.mark.parametrize(
    ("answers", "loss", "moved"),
    [
        ((-0.9, 0.8, 0.8, -0.95), "mse", True),
        ((-0.9, 0.8, 0.8, -0.95), "hinge", True),
        ((-0.6, 0, 0, -0.95), "mse", True),
        ((0.1, 0.9, 0.9, -0.05), "mse", False),
        ((-0.9, 0.9, 0.9, -0.99), "binary_crossentropy", False),
        ((-0.9, 0.9, 0.9, -0.99), losses.BinaryFocalCrossentropy(), False),
    ],
)
def test_a_tanh_of_minus_one_and_one_is_moved(tmp_path, answers, loss, moved):
    model = with_answers(answers, loss, "tanh")
    model.save(tmp_path / "a.keras")
    y = keras_xor.predict(keras_xor.load_model(tmp_path / "a.keras"), *TRUTH_TABLE)
    expected = (np.array(answers) + 1) / 2 if moved else answers
    np.testing.assert_allclose(y, expected, atol=1e-5)
    one = keras_xor.predict(model, 0, 1)  # Also where the answers asked for do not tell.
    assert one == pytest.approx(expected[1], abs=1e-5)


class OwnLoss(losses.Loss):
    from_logits = True

    def call(self, y, logits):
        return losses.binary_crossentropy(y, logits, from_logits=True)


@pytest.mark.parametrize(
    "loss", [functools.partial(losses.binary_crossentropy, from_logits=True), OwnLoss()]
)
def test_other_losses_of_logits(loss):
    model = sequential(layers.Dense(3), output=None, loss=loss)
    y = 1 / (1 + np.exp(-model(POINTS).numpy()[:, 0]))
    np.testing.assert_allclose(keras_xor.predict(model, *TRUTH_TABLE), y, atol=1e-6)


def test_a_subclass_is_asked_in_python():
    class Xor(keras.Model):
        def call(self, inputs):
            return keras.ops.abs(inputs["x1"] - inputs["x2"])

    np.testing.assert_array_equal(keras_xor.predict(Xor(), *TRUTH_TABLE), LABELS)


@pytest.mark.parametrize("loss", ["mse", "mae", "msle", "mean_squared_error"])
def test_short_names_of_losses_in_h5(tmp_path, loss):
    sequential(loss=loss).save(tmp_path / "a.h5")
    loaded = keras_xor.load_model(tmp_path / "a.h5")
    assert loaded.compiled
    assert float(loaded.compute_loss(y=np.ones((1, 1)), y_pred=np.ones((1, 1)))) == 0


def test_a_file_of_keras_2(tmp_path):
    """What Keras 2 wrote: no modules, and other names of some fields."""
    model = sequential(layers.Dense(3, "tanh"))
    model.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            fields = layer["config"]
            if "batch_shape" in fields:
                fields["batch_input_shape"] = fields.pop("batch_shape")
            for name in ("module", "registered_name"):
                layer.pop(name, None)
            for name in ("quantization_config", "optional"):
                fields.pop(name, None)
            fields["dtype"] = "float32"
        del config["config"]["dtype"], config["config"]["trainable"]
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
        training = json.loads(file.attrs["training_config"])
        training["optimizer_config"]["class_name"] = "Custom>Adam"
        optimizer = training["optimizer_config"]["config"]
        optimizer |= {"name": "Adam", "jit_compile": False, "is_legacy_optimizer": False}
        for name in ("loss_scale_factor", "gradient_accumulation_steps"):
            del optimizer[name]
        file.attrs["training_config"] = json.dumps(training)
    loaded = keras_xor.load_model(tmp_path / "a.h5")
    y = keras_xor.predict(model, *TRUTH_TABLE)
    np.testing.assert_array_equal(keras_xor.predict(loaded, *TRUTH_TABLE), y)


# Loading and what comes of it, with the scripts.


def own_loss(y_true, y_pred):
    return keras.ops.mean((y_true - y_pred) ** 4)


def test_a_metric_of_ones_own_is_left_out_with_the_loss(script, tmp_path):
    model = sequential(layers.Dense(3), output=None, metrics=[own_loss], **LOGITS)
    model.save(tmp_path / "a.keras")
    with pytest.warns(UserWarning, match="without its loss and metrics, because Keras does not"):
        loaded = keras_xor.load_model(tmp_path / "a.keras")
    assert not loaded.compiled
    x = POINTS.reshape(4, 2)
    np.testing.assert_array_equal(keras_xor.predict(loaded, *TRUTH_TABLE), model(x).numpy()[:, 0])
    with pytest.raises(keras_xor.KerasXorError, match="must be compiled, with a loss: call"):
        keras_xor.seed_study(model=loaded)
    with warnings.catch_warnings(action="default"):
        status, _, errors = script("predict.py", "--model", "a.keras")
    assert status == 0
    assert "its outputs are taken for probabilities" in errors


EXPORTED = ("functional, in a list and a dict", "a and b in a list", "softmax layer", "nested")


@pytest.mark.parametrize("name", [*EXPORTED, "built by fit", "a row", "batch normalization"])
def test_any_model_is_exported(tmp_path, name):
    keras_xor.export(MODELS[name](), tmp_path / "a.onnx")


@pytest.mark.parametrize("name", ["b and a in a list", "softmax of two"])
def test_the_scripts_take_any_model(script, tmp_path, name):
    model = MODELS[name]()
    model.save(tmp_path / "a.keras")
    status, output, errors = script("predict.py", "--model", "a.keras")
    assert (status, errors) == (0, "")
    shown = [float(line.split()[2]) for line in output.splitlines()[1:]]
    assert shown == pytest.approx(expected(name, model), abs=1e-5)
    for command in ("plot_surface.py --resolution 5", "plot_model.py"):
        options = ("--model", "a.keras", "--to-file", "a.svg")
        assert script(*command.split(), *options) == (0, "picture: a.svg\n", "")
    status, output, errors = script("export.py", "--model", "a.keras", "--to-file", "a.onnx")
    assert (status, errors) == (0, "")
    inputs = onnxruntime.InferenceSession(tmp_path / "a.onnx").get_inputs()
    names = {tensor.name for tensor in keras_xor.load_model("a.keras").inputs}
    assert {put.name for put in inputs} == names
    if name != "softmax of two":
        options = ("--model", "a.keras", "--seeds", 2, "--epochs", 1, "--steps-per-epoch", 5)
        status, output, errors = script("seed_study.py", *options)
        assert (status, errors) == (0, "")
        assert " of 2 runs learned" in output


def test_any_model_is_drawn(script, tmp_path):
    inputs = [keras.Input((3, 3)), keras.Input((7,))]
    keras.Model(inputs, [layers.Dense(4)(x) for x in inputs]).save(tmp_path / "a.keras")
    options = ("--model", "a.keras", "--to-file", "a.svg")
    assert script("plot_model.py", *options) == (0, "picture: a.svg\n", "")
    assert "(None, 3, 4)" in (tmp_path / "a.svg").read_text()


class Own(layers.Layer):
    def call(self, x):
        return x


class OwnModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)


def own_model():
    model = OwnModel()
    model(POINTS)
    return model


UNLOADABLE = {
    "code: a class": (lambda: sequential(Own()), "it needs class 'Own', which is code, so build"),
    "code: a model": (own_model, "it needs class 'OwnModel', which is code, so build the"),
    "code: lambda": (
        lambda: sequential(layers.Lambda(lambda x: x)),
        "it needs a `Lambda` layer, which is code, so build the model in Python",
    ),
    "three numbers": (lambda: sequential(shape=(3,)), "shapes (None, 3)"),
    "many numbers": (lambda: sequential(layers.LSTM(2), shape=(None, 1)), "shapes (None, None, 1)"),
    "three answers": (
        lambda: sequential(units=3),
        "one output, of one or two numbers for each example",
    ),
}


@pytest.mark.parametrize("name", UNLOADABLE)
def test_what_cannot_be_loaded_says_why(script, tmp_path, name):
    build, complaint = UNLOADABLE[name]
    build().save(tmp_path / "a.keras")
    status, output, errors = script("predict.py", "--model", "a.keras")
    assert (status, output) == (1, "")
    assert complaint in one_line(errors)
    assert "a.keras" in errors


def test_other_things_than_models(script, tmp_path):
    model = sequential()
    model.save_weights(tmp_path / "a.weights.h5")
    model.export(tmp_path / "saved_model", verbose=False)
    (tmp_path / "b.keras").mkdir()
    for name, complaint in (
        ("a.weights.h5", "has only weights: build the model in Python, load them with its load_w"),
        ("saved_model", "is a folder, such as a SavedModel, which holds no Keras model"),
        ("a.txt", "a model file must end in .keras or .h5"),
        ("missing.h5", "no model at"),
    ):
        with pytest.raises(keras_xor.KerasXorError, match=complaint):
            keras_xor.load_model(tmp_path / name)
    assert "is a folder, such as" in one_line(script("predict.py", "--model", "b.keras")[2])


@pytest.mark.parametrize("weight", [np.nan, 3e38])
def test_weights_that_are_not_finite_or_too_large(tmp_path, weight):
    model = sequential(output=None, loss="mse")
    model.set_weights([np.array([[weight], [weight]]), np.zeros(1)])
    model.save(tmp_path / "a.keras")
    with pytest.raises(keras_xor.KerasXorError, match="weights that are not finite, or too large"):
        keras_xor.load_model(tmp_path / "a.keras")
