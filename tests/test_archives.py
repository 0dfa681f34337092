"""Untrusted files that `load_model` must refuse."""

import io
import json
import pickle
import zipfile

import h5py
import keras
import numpy as np
import pytest

import keras_xor
from keras_xor import Recipe

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


@pytest.fixture
def members(trained_file):
    """The contents of a valid file's members, by name."""
    with zipfile.ZipFile(trained_file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a.keras"


def write(file, members, **options):
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def refused(file, complaint):
    with pytest.raises(keras_xor.KerasXorError, match=complaint) as refusal:
        keras_xor.load_model(file)
    message = str(refusal.value)
    assert message.startswith(f"{file} ")
    assert message.endswith(": choose a file written by train.py")
    assert "\n" not in message


def test_the_members_written_anew_are_sound(file, members, trained):
    write(file, members)
    loaded = keras_xor.load_model(file)
    assert keras_xor.predict(loaded, 0, 1) == keras_xor.predict(trained, 0, 1)


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps({"a": 1}), b"PK\3\4 and so on"])
def test_what_is_no_archive(file, content):
    file.write_bytes(content)
    refused(file, "is not a Keras model, or damaged")


def test_hdf5_in_place_of_an_archive(file, trained):
    trained.save(file.with_suffix(".h5"))
    file.with_suffix(".h5").rename(file)
    refused(file, "is not a Keras model, or damaged")


def test_a_cut_file(file, trained_file):
    file.write_bytes(trained_file.read_bytes()[:-1_000])
    refused(file, "is not a Keras model, or damaged")


@pytest.mark.parametrize(
    "names",
    [
        ["a.txt"],
        [CONFIG, METADATA],
        [CONFIG, METADATA, WEIGHTS, "a.py"],
        [CONFIG, METADATA, WEIGHTS, "assets/layers/hidden/a.txt"],
        [CONFIG, METADATA, f"../{WEIGHTS}"],
        [CONFIG, METADATA, "model.weights.npz"],
    ],
)
def test_more_or_less_than_its_members(file, members, names):
    write(file, {name: members.get(name, b"") for name in names})
    refused(file, "it does not contain exactly config.json, metadata.json, model.weights.h5")


def test_a_member_twice(file, members):
    write(file, members)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file, "a") as archive:
        archive.writestr(CONFIG, members[CONFIG])
    refused(file, "it does not contain exactly")


def test_a_large_file(file, members):
    write(file, members | {WEIGHTS: members[WEIGHTS] + bytes(2**22)})
    refused(file, "it is larger than 4 MiB")


def test_a_file_that_unpacks_to_a_large_one(file, members):
    write(file, members | {METADATA: bytes(2**26)}, compression=zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 2**17
    refused(file, "its members are compressed")


def test_one_bit_of_a_weight(file, trained_file):
    kernel = keras_xor.load_model(trained_file).get_weights()[0].tobytes()
    content = bytearray(trained_file.read_bytes())
    content[content.index(kernel)] ^= 1
    file.write_bytes(content)
    refused(file, "or damaged")


@keras.saving.register_keras_serializable("test")
class Custom(keras.layers.Dense):
    pass


def inputs():
    return [keras.Input((1,), name=name) for name in ("x1", "x2")]


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (keras.layers.Lambda(lambda x: x), "Lambda"),
        (Custom(8), "Custom"),
        (keras.layers.Embedding(10**6, 1), "Embedding"),
        (keras.Sequential([keras.layers.Dense(1)]), "Sequential"),
    ],
)
def test_other_layers(file, layer, name):
    x = inputs()
    hidden = keras.layers.Flatten()(layer(keras.layers.Concatenate()(x)))
    keras.Model(x, keras.layers.Dense(1, "sigmoid")(hidden)).save(file)
    refused(file, f"it contains a '{name}', but only the layers InputLayer and Concatenate")


@pytest.mark.parametrize("shared", [True, False])
def test_layers_that_double_what_they_get(file, shared):
    x = doubled = inputs()
    concatenate = keras.layers.Concatenate()
    for _ in range(10):
        doubled = [concatenate(doubled)] * 2
        concatenate = concatenate if shared else keras.layers.Concatenate()
    keras.Model(x, keras.layers.Dense(1, "sigmoid")(doubled[0])).save(file)
    refused(file, "it concatenates or uses a layer more than once")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            b'"momentum": 0.0',
            b'"momentum": {"class_name": "MeanIoU", "module": "keras.metrics", '
            b'"config": {"num_classes": 1000000}}',
            "its 'num_classes' is not 2",
        ),
        (
            b'"momentum": 0.0',
            b'"momentum": {"class_name": "Dense", "module": "keras.layers", '
            b'"config": {"units": 1000000}}',
            "its 'units' is larger than 1024",
        ),
        (b'"threshold": 0.5', b'"threshold": 1e9', "its 'threshold' is larger than 1024"),
        (b'"momentum": 0.0', b'"ns_steps": 1000000000', "its 'ns_steps' is not below 100"),
        (b'"momentum": 0.0', b'"a": [256, null, 256, 256]', "its 'a' is too large"),
    ],
)
def test_other_compilations(file, members, old, new, complaint):
    assert old in members[CONFIG]
    write(file, members | {CONFIG: members[CONFIG].replace(old, new, 1)})
    refused(file, complaint)


def test_half_of_an_optimizer(file):
    model = keras_xor.build_model()
    model.compile("adam", "mse")
    keras_xor.train(model, Recipe(epochs=1, steps_per_epoch=1))
    model.save(file)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    content = io.BytesIO(members[WEIGHTS])
    with h5py.File(content, "r+") as weights:
        del weights["optimizer/vars/3"]
    write(file, members | {WEIGHTS: content.getvalue()})
    refused(file, "its optimizer state is incomplete")


@pytest.mark.parametrize("name", ["Sequential", "Model"])
def test_other_models(file, members, name):
    config = json.loads(members[CONFIG]) | {"class_name": name, "module": "keras"}
    write(file, members | {CONFIG: json.dumps(config)})
    refused(file, "it is not a functional model")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b'"units": 8', b'"units": 1000000000', "its 'units' is larger than 256"),
        (b'"units": 8', b'"units": 1e12', "its 'units' is larger than 256"),
        (b'"batch_shape": [null, 1]', b'"batch_shape": [null, 999]', "its 'batch_shape' is larger"),
        (b'"units": 8', b'"units": 9', "or damaged"),
        (b'"units": 8', b'"units": "8"', "or damaged"),
        (b'"tanh"', b'"os.system"', "or damaged"),
        (b'"tanh"', b'{"class_name": "function", "module": "os"}', "it contains a 'function'"),
        (
            b'"tanh"',
            b'{"module": "builtins", "class_name": "function", "config": "os.system"}',
            "it contains a function 'os.system'",
        ),
        (b'"tanh"', b"[" * 5_000 + b"]" * 5_000, "or damaged"),
        (b'"tanh"', b'"' + b" " * 70_000 + b'"', "its config.json is larger than 16 KiB"),
        (b'"GlorotUniform"', b'"Glorot"', "or damaged"),
        (b'"GlorotUniform"', b'"a\\nb", "module": "c"', r"it contains a 'a\\nb', but"),
        (b"{", b"", "or damaged"),
    ],
)
def test_other_configurations(file, members, old, new, complaint):
    write(file, members | {CONFIG: members[CONFIG].replace(old, new, 1)})
    refused(file, complaint)


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        (None, "or damaged"),
        (np.zeros(9), "or damaged"),
        (b"text", "or damaged"),
        (h5py.SoftLink("/layers/dense_1/vars/1"), "its weight 'layers/dense/vars/1' is a link"),
        (h5py.ExternalLink("other.h5", "/"), "its weight 'layers/dense/vars/1' is a link"),
        (2**40, "its weight 'layers/dense/vars/1' is chunked, unlike those of Keras"),
        (8, "its weight 'layers/dense/vars/1' is chunked, unlike those of Keras"),
        ("large", "its weight 'layers/dense/vars/1' is larger than the file"),
        ("external", "its weight 'layers/dense/vars/1' is in another file"),
        ("virtual", "its weight 'layers/dense/vars/1' is in another file"),
    ],
)
def test_other_weights(file, members, item, complaint):
    content = io.BytesIO(members[WEIGHTS])
    with h5py.File(content, "r+") as weights:
        vars = weights["layers/dense/vars"]
        del vars["1"]
        if isinstance(item, str) and item == "external":
            vars.create_dataset("1", (8,), "f4", external=[("/etc/passwd", 0, 32)])
        elif isinstance(item, str) and item == "virtual":
            layout = h5py.VirtualLayout((8,), "f4")
            layout[:] = h5py.VirtualSource("other.h5", "data", (8,))
            vars.create_virtual_dataset("1", layout)
        elif isinstance(item, str) and item == "large":
            vars.create_dataset("1", (2**24,), "f4")
        elif isinstance(item, int):
            vars.create_dataset("1", (item,), "f4", chunks=(min(item, 1024),))
        elif item is not None:
            vars["1"] = item
    write(file, members | {WEIGHTS: content.getvalue()})
    refused(file, complaint)
