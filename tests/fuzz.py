"""Load damaged and hostile variants of a model file: each must be refused, or harmless.

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
from keras_xor import Recipe
from keras_xor.runtime import silence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with silence():
    import keras

    from keras_xor.data import TRUTH_TABLE

CONFIG, METADATA, WEIGHTS = MEMBERS = ("config.json", "metadata.json", "model.weights.h5")

# Variants of the bytes of a file or member.


def flip(rng, content):
    damaged = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        damaged[rng.randrange(len(damaged))] ^= rng.randrange(1, 256)
    return bytes(damaged)


def cut(rng, content):
    start, end = sorted(rng.choices(range(len(content)), k=2))
    return rng.choice([content[:start], content[end:], content[:start] + content[end:]])


def double(rng, content):
    start, end = sorted(rng.choices(range(len(content)), k=2))
    return rng.choice([content * 2, content[:end] + content[start:]])


# Variants of the members of an archive, made in place.

NAMES = (
    *("../escaped", "../../escaped", "/tmp/keras_xor_escaped", "..\\escaped", "assets/../../x"),
    *("assets/layers/hidden/a.txt", "model.weights.npz", "a.py", "folder/", "config.json\0"),
)


def remove(rng, members):
    del members[rng.choice(MEMBERS)]


def swap(rng, members):
    one, other = rng.sample(MEMBERS, 2)
    members[one], members[other] = members[other], members[one]


def rename(rng, members):
    members[rng.choice(NAMES)] = members.pop(rng.choice(MEMBERS))


def add(rng, members):
    members[rng.choice(NAMES)] = rng.randbytes(100)


def enlarge(rng, members):
    members[rng.choice(MEMBERS)] = bytes(2 ** rng.choice([16, 20, 22, 25]))


def damage(rng, members):
    name = rng.choice(MEMBERS)
    members[name] = rng.choice([flip, flip, flip, cut, double])(rng, members[name])


# Variants of the configuration.

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
    {"class_name": "Identity", "config": {"gain": 1e38}, "module": "keras.initializers"},
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


def reconfigure(rng, members):
    config = json.loads(members[CONFIG])
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        everywhere = list(places(config))
        container, key = rng.choice(everywhere)
        if key == "class_name":
            container[key] = rng.choice(CLASSES)
        elif rng.random() < 0.2:
            del container[key]
        elif rng.random() < 0.2:
            other, other_key = rng.choice(everywhere)
            container[key] = copy.deepcopy(other[other_key])
        else:
            container[key] = copy.deepcopy(rng.choice(VALUES))
    members[CONFIG] = json.dumps(config).encode()


def nest(rng, members):
    opening, closing = rng.choice([(b"[", b"]"), (b'{"config":', b"}")])
    depth = rng.choice([50, 100, 400, 900, 2_000, 5_000])
    nested = opening * depth + b"1" + closing * depth
    place = rng.choice([b'"tanh"', b"null", b"true", members[CONFIG]])
    members[CONFIG] = members[CONFIG].replace(place, nested, 1)


# Variants of the weights.


def reweigh(rng, members):
    file = io.BytesIO(members[WEIGHTS])
    with h5py.File(file, "r+") as weights:
        names = []
        weights.visit(names.append)
        kinds = [unlink, move, soft_link, external_link, elsewhere, expand, retype, loop]
        rng.choice([*kinds, refill, refill])(rng, weights, rng.choice(names))
    members[WEIGHTS] = file.getvalue()


def unlink(rng, weights, name):
    del weights[name]


def move(rng, weights, name):
    weights.move(name, rng.choice([f"{name}_", "layers/z", "z"]))


def soft_link(rng, weights, name):
    del weights[name]
    weights[name] = h5py.SoftLink(rng.choice(["/", "/layers", f"/{name}", "/missing"]))


def external_link(rng, weights, name):
    del weights[name]
    weights[name] = h5py.ExternalLink(rng.choice(["/etc/passwd", "variant.keras"]), "/")


def elsewhere(rng, weights, name):
    del weights[name]
    if rng.random() < 0.5:
        weights.create_dataset(name, (8,), "f4", external=[("/etc/passwd", 0, 32)])
    else:
        layout = h5py.VirtualLayout((8,), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "data", (8,))
        weights.create_virtual_dataset(name, layout)


def expand(rng, weights, name):
    del weights[name]
    shape = (2 ** rng.choice([10, 20, 28, 40]),)
    weights.create_dataset(name, shape, "f4", chunks=(1024,), compression="gzip")


def retype(rng, weights, name):
    del weights[name]
    weights[name] = rng.choice([b"a", 0, [1.5, 2.5], np.zeros((8, 1), "i8")])


def loop(rng, weights, name):
    weights["layers/loop"] = weights["layers"]


def refill(rng, weights, name):
    value = rng.choice([math.nan, math.inf, -math.inf, 3e38, -3e38, 1e30, 0.5])
    for name in ("layers/dense/vars/0", "layers/dense/vars/1", "layers/dense_1/vars/0"):
        weight = weights[name]
        weight[...] = np.where(
            [rng.random() < 0.3 for _ in range(len(weight))], value, weight[()].T
        ).T


# Variants of a file.


def archive(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with (
        warnings.catch_warnings(action="ignore"),
        zipfile.ZipFile(file, "w", compression) as zipped,
    ):
        for name, content in members.items():
            zipped.writestr(name, content)
    return file.getvalue()


def compress(rng, members):
    return archive(members, rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))


def repeat(rng, members):
    file = io.BytesIO(archive(members))
    with zipfile.ZipFile(file, "a") as zipped:
        zipped.writestr(rng.choice(MEMBERS), rng.choice([members[CONFIG], rng.randbytes(100)]))
    return file.getvalue()


OF_BYTES = [flip, cut, double]
OF_MEMBERS = [remove, swap, rename, add, enlarge, nest, *[damage, reweigh] * 3, *[reconfigure] * 6]
OF_FILE = [compress, repeat]


def variant(rng, content):
    """The name of a random kind of variant, and a variant of that kind."""
    kind = rng.choice(OF_BYTES + OF_MEMBERS + OF_FILE)
    if kind in OF_BYTES:
        return kind.__name__, kind(rng, content)
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        members = {name: zipped.read(name) for name in zipped.namelist()}
    if kind in OF_FILE:
        return kind.__name__, kind(rng, members)
    kind(rng, members)
    if rng.random() < 0.1:
        return f"{kind.__name__}, compressed", compress(rng, members)
    return kind.__name__, archive(members)


# Variants of models that `save_model` writes.


def sound_models():
    """The guide's model, trained, and some that are compiled or layered differently."""
    guide = keras_xor.build_model(seed=0)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 1_000, 0.9)
    scheduled = keras_xor.build_model(seed=1)
    scheduled.compile(
        keras.optimizers.Adam(schedule),
        "mse",
        metrics=["auc"],
        jit_compile=True,
        steps_per_execution=9,
    )
    momentum = keras_xor.build_model(Recipe(hidden_units=3, activation="relu"), seed=2)
    momentum.compile(keras.optimizers.SGD(0.01, 0.9, nesterov=True), "mae", jit_compile=True)
    x1, x2 = inputs = [keras.Input((1,), name=name) for name in ("x1", "x2")]
    hidden = keras.layers.Concatenate()([x1, x2])
    for _ in range(2):
        hidden = keras.layers.Dense(4, "tanh", kernel_regularizer="l2")(hidden)
    deep = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden))
    deep.compile("rmsprop", "binary_crossentropy", jit_compile=True)
    for model in (guide, scheduled, momentum, deep):
        keras_xor.train(model, seed=0)
    return guide, scheduled, momentum, deep


def essence(model):
    """Everything that determines the predictions of `model`, as text."""
    graph = [
        (layer["class_name"], layer["config"].get("activation"), layer["inbound_nodes"])
        for layer in model.get_config()["layers"]
    ]
    return repr((graph, [weight.tolist() for weight in model.get_weights()]))


def outcome(file, sound):
    """The outcome of loading `file`, compared with the model `sound`."""
    try:
        model = keras_xor.load_model(file)
    except keras_xor.KerasXorError as refusal:
        one_line = "\n" not in str(refusal)
        return "refused" if one_line else f"FAILED: {refusal}"
    except BaseException as error:
        return f"FAILED: {error!r}"
    y, expected = (keras_xor.predict(either, *TRUTH_TABLE) for either in (model, sound))
    if not np.all((y >= 0) & (y <= 1)):
        return f"FAILED: no probabilities {y}"
    if essence(model) != essence(sound):
        return "another"
    return "the same" if np.array_equal(y, expected) else f"FAILED: {y} in place of {expected}"


def network_outcome(file):
    """The outcome of loading only the network of `file`."""
    try:
        keras_xor.files.load_network(file)
    except keras_xor.KerasXorError as refusal:
        return f"FAILED: {refusal}" if "\n" in str(refusal) else "refused"
    except BaseException as error:
        return f"FAILED: {error!r}"
    return "loaded"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--variants", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    file = args.folder / "variant.keras"
    warnings.filterwarnings("ignore", "Duplicate name")
    originals = []
    for model in sound_models():
        keras_xor.save_model(model, file)
        originals.append((model, file.read_bytes()))

    rng = random.Random(args.seed)
    counts = Counter()
    for number in range(args.variants):
        sound, content = rng.choice(originals)
        kind, changed = variant(rng, content)
        file.write_bytes(changed)
        faulthandler.dump_traceback_later(60, exit=True)  # In case it hangs.
        result = outcome(file, sound)
        network = network_outcome(file) if number % 4 == 0 else ""
        if "FAILED" in result + network:
            sys.exit(f"variant {number}, {kind} {result} {network}")
        counts[result, kind] += 1
        if number % 1_000 == 999:
            keras.utils.clear_session(free_memory=False)  # Forget layer names and more.

    for (result, kind), count in sorted(counts.items()):
        print(f"{count:6} {result:<8} {kind}")
    print("peak MiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)


if __name__ == "__main__":
    main()
