"""Load damaged and hostile variants of model files: each must be refused, or harmless.

test_fuzz.py runs it in its own process, and checks that process's memory and files.
"""

import argparse
import copy
import faulthandler
import io
import json
import math
import os
import random
import resource
import sys
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import h5py
import numpy as np

import keras_xor
from keras_xor.runtime import silence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with silence():
    import keras

    from keras_xor.data import TRUTH_TABLE

layers = keras.layers
CONFIG, METADATA, WEIGHTS = MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
H5_CONFIG = "model_config"

# Variants of bytes.


def flip(rng, content):
    damaged = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        damaged[rng.randrange(len(damaged))] ^= rng.randrange(1, 256)
    return bytes(damaged)


def cut(rng, content):
    start, end = sorted(rng.choices(range(len(content)), k=2))
    return rng.choice([content[:start], content[end:], content[:start] + content[end:]])


# Variants of a configuration.

CLASSES = (
    *("Dense", "Concatenate", "InputLayer", "Lambda", "TFSMLayer", "Embedding", "LSTM", "Add"),
    *("TextVectorization", "BatchNormalization", "Functional", "Model", "SGD", "Adam", "Zeros"),
)
VALUES = (
    *(None, True, False, -1, 0, 1, 2, 3, 16, 511, 2**16, 2**31, 2**63, 10**400),
    *(0.5, -0.0, 1e9, 1e308, math.nan, math.inf, "", "x1", "x2", "y", "hidden", "a\nb"),
    *("linear", "relu", "exponential", "sigmoid", "float16", "int8", "../../x", "a" * 10_000),
    *([], {}, [[]], [None, 1], [None, 10**9], [10**9, 1], {"a": 1}),
    {"class_name": "function", "config": "eval", "module": "builtins", "registered_name": "f"},
    {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}},
    {"class_name": "__typespec__", "config": {"name": "x"}, "spec_name": "x", "module": "os"},
    {"class_name": "Lambda", "config": {"function": "x"}, "module": "keras.layers"},
    {"class_name": "Constant", "config": {"value": 3e38}, "module": "keras.initializers"},
    {"class_name": "MeanIoU", "config": {"num_classes": 10**6}, "module": "keras.metrics"},
    {"class_name": "AUC", "config": {"num_thresholds": 10**9}, "module": "keras.metrics"},
    {"class_name": "Sequential", "config": {"layers": []}, "module": "keras"},
    {"class_name": "get_file", "config": {"origin": "file:///etc/passwd"}, "module": "keras.utils"},
)


def places(value):
    """All (container, key) pairs in `value`."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from places(item)


def reconfigured(rng, text):
    config = json.loads(text)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        container, key = rng.choice([*places(config)])
        if key == "class_name":
            container[key] = rng.choice(CLASSES)
        elif rng.random() < 0.2:
            del container[key]
        else:
            container[key] = copy.deepcopy(rng.choice(VALUES))
    return json.dumps(config)


def enlarged(rng, text):
    """Ask for gigabytes of weights, or of a metric."""
    config = json.loads(text)
    sizes = "units", "filters", "input_dim", "output_dim", "num_thresholds", "num_classes"
    found = [(container, key) for container, key in places(config) if key in sizes]
    container, key = rng.choice(found)
    container[key] = 10 ** rng.choice([5, 7, 9, 12])
    return json.dumps(config)


def nested(rng, text):
    opening, closing = rng.choice([("[", "]"), ('{"config":', "}")])
    depth = rng.choice([50, 400, 900, 2_000, 5_000])
    place = rng.choice(['"tanh"', "null", "true", text])
    return text.replace(place, opening * depth + "1" + closing * depth, 1)


# Variants of weights, made in place.


def unlink(rng, weights, name):
    del weights[name]


def soft_link(rng, weights, name):
    del weights[name]
    weights[name] = h5py.SoftLink(rng.choice(["/", "/layers", f"/{name}", "/missing"]))


def external_link(rng, weights, name):
    del weights[name]
    weights[name] = h5py.ExternalLink(rng.choice(["/etc/passwd", "variant.keras"]), "/")


def elsewhere(rng, weights, name):
    del weights[name]
    weights.create_dataset(name, (8,), "f4", external=[("/etc/passwd", 0, 32)])


def expand(rng, weights, name):
    del weights[name]
    shape = (2 ** rng.choice([10, 20, 28, 40]),)
    weights.create_dataset(name, shape, "f4", chunks=(1024,), compression="gzip")


def retype(rng, weights, name):
    del weights[name]
    weights[name] = rng.choice([b"a", 0, [1.5, 2.5], np.zeros((8, 1), "i8")])


def loop(rng, weights, name):
    weights["loop"] = weights["/"]


def refill(rng, weights, name):
    value = rng.choice([math.nan, math.inf, -math.inf, 3e38, -3e38, 1e30, 0.5])
    if isinstance(weights[name], h5py.Dataset) and weights[name].dtype.kind == "f":
        weights[name][...] = value


KINDS = (unlink, soft_link, external_link, elsewhere, expand, retype, loop, *[refill] * 4)


def reweighed(rng, content):
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as weights:
        names = []
        weights.visit(names.append)
        rng.choice(KINDS)(rng, weights, rng.choice(names))
    return file.getvalue()


# Variants of a file.

OF_TEXT = [reconfigured, reconfigured, reconfigured, enlarged, nested]
OF_BYTES = [flip, flip, cut]


def variant(rng, content, suffix):
    """The name of a random kind of variant, and a variant of that kind."""
    if rng.random() < 0.2:
        change = rng.choice(OF_BYTES)
        return change.__name__, change(rng, content)
    return (keras_variant if suffix == ".keras" else h5_variant)(rng, content)


def keras_variant(rng, content):
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        members = {name: zipped.read(name) for name in zipped.namelist()}
    change = rng.choice([*OF_TEXT, reweighed, reweighed, *OF_BYTES, None])
    name = rng.choice(MEMBERS)
    if change in OF_TEXT:
        members[CONFIG] = change(rng, members[CONFIG].decode()).encode()
    elif change is reweighed:
        members[WEIGHTS] = reweighed(rng, members[WEIGHTS])
    elif change:
        members[name] = change(rng, members[name])
    else:
        members[rng.choice(["../escaped", "assets/x", name])] = bytes(rng.choice([0, 9, 2**25]))
    compression = rng.choice([zipfile.ZIP_STORED] * 4 + [zipfile.ZIP_DEFLATED])
    return change.__name__ if change else "members", archive(members, compression)


def archive(members, compression):
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(file, "w", compression) as new:
        for name, content in members.items():
            new.writestr(name, content)
    return file.getvalue()


def h5_variant(rng, content):
    change = rng.choice([*OF_TEXT, reweighed])
    if change is reweighed:
        return "reweighed", reweighed(rng, content)
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as weights:
        text = change(rng, weights.attrs[H5_CONFIG])
        weights.attrs[H5_CONFIG] = text if len(text) < 60_000 else "{}"  # HDF5 takes no more.
    return change.__name__, file.getvalue()


# Variants of models of several kinds.


def sound_models():
    """The guide's model, and models as other people build them, trained for some steps."""
    guide = keras_xor.build_model(seed=0)
    keras_xor.train(guide, seed=0)
    yield guide
    for hidden, last, loss in (
        ([layers.Dense(8, "tanh")], layers.Dense(1, "sigmoid"), "binary_crossentropy"),
        ([layers.BatchNormalization(), layers.Dense(4, "relu")], layers.Dense(1), "mse"),
        ([layers.Embedding(2, 3), layers.Flatten()], layers.Dense(2, "softmax"), None),
        ([layers.Reshape((2, 1)), layers.LSTM(3), layers.Dropout(0.5)], layers.Dense(1), "mae"),
    ):
        model = keras.Sequential([keras.Input((2,)), *hidden, last])
        one_hot = keras.metrics.MeanIoU(num_classes=2, sparse_y_pred=False)
        metrics = ["auc"] if last.units == 1 else [one_hot]
        model.compile("adam", loss or "sparse_categorical_crossentropy", metrics=metrics)
        model.fit(np.transpose(TRUTH_TABLE), np.not_equal(*TRUTH_TABLE), verbose=0)
        yield model


def outcome(file):
    """The outcome of loading `file`."""
    try:
        model = keras_xor.load_model(file)
        y = keras_xor.predict(model, *TRUTH_TABLE)
    except keras_xor.KerasXorError as refusal:
        return "refused" if "\n" not in str(refusal) else f"FAILED: {refusal}"
    except BaseException as error:
        return f"FAILED: {error!r}"
    return "loaded" if np.isfinite(y).all() else f"FAILED: {y}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--variants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    warnings.filterwarnings("ignore")
    originals = []
    for model in sound_models():
        for suffix in (".keras", ".h5"):
            file = args.folder / f"variant{suffix}"
            with silence():
                model.save(file)
            assert outcome(file) == "loaded"
            originals.append((suffix, file.read_bytes()))
            file.unlink()

    rng = random.Random(args.seed)
    counts = Counter()
    for number in range(args.variants):
        suffix, content = rng.choice(originals)
        kind, changed = variant(rng, content, suffix)
        file = args.folder / f"variant{suffix}"
        file.write_bytes(changed)
        faulthandler.dump_traceback_later(60, exit=True)  # In case it hangs.
        result = outcome(file)
        file.unlink()
        if "FAILED" in result:
            sys.exit(f"variant {number} of {suffix}, {kind} {result}")
        counts[result, kind] += 1
        if number % 1_000 == 999:
            keras.utils.clear_session(free_memory=False)  # Forget layer names and more.

    for (result, kind), count in sorted(counts.items()):
        print(f"{count:6} {result:<8} {kind}")
    print("peak MiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)


if __name__ == "__main__":
    main()
