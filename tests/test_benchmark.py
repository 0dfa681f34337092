import time

import numpy as np
import pytest

import keras_xor
from keras_xor import Recipe, benchmark
from keras_xor.benchmark import costs, rivals
from keras_xor.data import stacked_xor_batches


@pytest.mark.parametrize("rival", [lambda: rivals.numpy_epoch, rivals.jax_epoch])
def test_rivals_do_the_same_work(rival):
    model = keras_xor.build_model(Recipe(learning_rate=0.1), seed=1)
    stack = next(stacked_xor_batches(500, 500, 32, seed=2).as_numpy_iterator())
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


def test_study_costs(monkeypatch):
    monkeypatch.setattr(costs, "GUIDE", Recipe(steps_per_epoch=2))
    monkeypatch.setattr(costs, "seed_study", lambda seeds: time.sleep(seeds / 1_000))
    rows = benchmark.study_costs(sizes=(10, 20), repeats=2)
    assert [row["seeds"] for row in rows] == [10, 20]
    check_costs(rows)
    for row in rows:
        assert row["min"] >= 50  # A millisecond per seed, 20 steps each.


def test_process_costs(tmp_path):
    script = tmp_path / "large.py"
    script.write_text("import time; memory = b'x' * (300 << 20); time.sleep(1)")
    alone, large = benchmark.process_costs(script, repeats=1)
    assert (alone["what"], large["what"]) == ("import keras", "scripts/train.py")
    assert large["seconds"] > 1
    assert 300 < large["mebibytes"] < 350 < alone["mebibytes"]


def test_machine():
    facts = benchmark.machine()
    assert {"processor", "cores", "device", "python", "tensorflow", "keras", "numpy", "jax"} == set(
        facts
    )
    assert all(facts.values())
