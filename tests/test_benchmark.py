import time

import numpy as np
import pytest
import tensorflow as tf

import keras_xor
from keras_xor import Recipe, benchmark
from keras_xor.benchmark import costs, rivals
from keras_xor.data import StackedXorBatches


@pytest.mark.parametrize("rival", [lambda: rivals.numpy_epoch, rivals.jax_epoch])
def test_rivals_do_the_same_work(rival):
    model = keras_xor.build_model(Recipe(learning_rate=0.1), seed=1)
    stack = next(StackedXorBatches(32)(500, 500, seed=2).as_numpy_iterator())
    weights, loss, accuracy = rival()(model.get_weights(), stack, 0.1)
    history = keras_xor.train(
        model, Recipe(epochs=1, steps_per_epoch=500, batch_size=32), seed=2
    ).history
    for actual, expected in zip(weights, model.get_weights(), strict=True):
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)
    assert history["loss"] == pytest.approx([float(loss)], abs=1e-5)
    assert history["accuracy"] == pytest.approx([float(accuracy)], abs=1e-3)


def check_costs(rows):
    for row in rows:
        assert 0 < row["min"] <= row["median"] <= row["max"]


def test_step_costs(monkeypatch):
    monkeypatch.setattr(costs, "GUIDE", Recipe(steps_per_epoch=100))
    rows = benchmark.step_costs(repeats=3)
    assert [row["how"] for row in rows] == [
        "Keras fit",
        "Keras fit, steps_per_execution=1000",
        "keras_xor.train",
        "NumPy loop",
        "JAX lax.scan",
    ]
    check_costs(rows)
    for row in rows:
        assert row["ratio"] == pytest.approx(row["median"] / rows[2]["median"])


def test_without_jax(monkeypatch):
    monkeypatch.setattr(costs, "has_jax", lambda: False)
    monkeypatch.setattr(costs, "_fit", lambda *_: [1.0])
    assert [row["how"] for row in benchmark.step_costs(repeats=1)][-1] == "NumPy loop"
    assert "jax" not in benchmark.machine()


def test_growth(monkeypatch):
    monkeypatch.setattr(costs, "BATCH_SIZES_AND_STEPS", [(1, 50), (64, 20)])
    rows = benchmark.growth(repeats=2)
    assert [(row["batch_size"], row["steps"]) for row in rows] == [(1, 50), (64, 20)]
    check_costs(rows)


def test_a_rival_of_the_study_does_the_same_work():
    models = [keras_xor.build_model(seed=seed) for seed in (1, 2)]
    weights = [np.stack(pair) for pair in zip(*(m.get_weights() for m in models), strict=True)]
    stacks = [next(StackedXorBatches(32)(50, 50, seed).as_numpy_iterator()) for seed in (1, 2)]
    stack = tf.nest.map_structure(lambda *arrays: np.stack(arrays), *stacks)
    together, losses, _ = rivals.jax_study()(weights, stack, 0.1)
    for run, model in enumerate(models):
        alone, loss, _ = rivals.jax_epoch()(model.get_weights(), stacks[run], 0.1)
        assert float(losses[run]) == pytest.approx(float(loss), abs=1e-6)
        for stacked, weight in zip(together, alone, strict=True):
            np.testing.assert_allclose(stacked[run], weight, rtol=0, atol=1e-6)


def test_study_costs(monkeypatch):
    monkeypatch.setattr(costs, "GUIDE", Recipe(steps_per_epoch=2))
    monkeypatch.setattr(costs, "seed_study", lambda seeds: time.sleep(seeds / 1_000))
    rows = benchmark.study_costs(size=20, repeats=2)
    assert [row["how"] for row in rows] == ["keras_xor.seed_study", "JAX vmap in lax.scan"]
    check_costs(rows)
    assert rows[0]["min"] >= 50  # A millisecond per seed, 20 steps each.
    assert rows[1]["ratio"] == pytest.approx(rows[1]["median"] / rows[0]["median"])


def test_process_costs(tmp_path):
    program = "import time; memory = b'x' * (300 << 20); time.sleep(1)"
    (tmp_path / "train.py").write_text(program)
    (tmp_path / "seed_study.py").write_text("import sys; assert sys.argv[2] in ('1000', '10000')")
    alone, large, *studies = benchmark.process_costs(tmp_path, repeats=1)
    assert [alone["what"], large["what"], studies[1]["what"]] == [
        "import keras",
        "train.py",
        "seed_study.py --seeds 10000",
    ]
    assert large["seconds"] > 1
    assert 300 < large["mebibytes"] < 350 < alone["mebibytes"]


def test_machine():
    facts = benchmark.machine()
    assert {"processor", "cores", "device", "python", "tensorflow", "keras", "numpy", "jax"} == set(
        facts
    )
    assert all(facts.values())
