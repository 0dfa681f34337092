import json
import sys

import benchmark
import numpy as np
import pytest
import rivals

import keras_xor
from keras_xor import Recipe

EPOCH = Recipe(epochs=1, steps_per_epoch=500, learning_rate=0.1)


def draw_stack(seed):
    return next(keras_xor.data.draw_stacks(EPOCH, seed, EPOCH.steps_per_epoch))


def test_the_rivals_of_train_do_the_same_work():
    expected = rivals.fit_fast(EPOCH, callbacks=[]).history
    for train in (
        lambda: rivals.fit_looped(EPOCH, callbacks=[]),
        lambda: rivals.fit_plain(EPOCH, 100, callbacks=[]),
    ):
        history = train().history
        assert history["loss"] == pytest.approx(expected["loss"], abs=1e-5)
        assert history["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-3)


def test_jax_does_the_same_work():
    model = keras_xor.build_model(EPOCH, seed=1)
    weights, loss, accuracy = rivals.make_jax_epoch()(model.get_weights(), draw_stack(2), 0.1)
    history = keras_xor.train(model, EPOCH, seed=2).history
    for actual, expected in zip(weights, model.get_weights(), strict=True):
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)
    assert history["loss"] == pytest.approx([float(loss)], abs=1e-5)
    assert history["accuracy"] == pytest.approx([float(accuracy)], abs=1e-3)


def test_a_rival_of_the_study_does_the_same_work():
    models = [keras_xor.build_model(seed=seed).get_weights() for seed in (1, 2)]
    weights = [np.stack(pair) for pair in zip(*models, strict=True)]
    stacks = [draw_stack(seed) for seed in (1, 2)]
    inputs = {name: np.stack([x[name] for x, _ in stacks]) for name in ("x1", "x2")}
    stack = inputs, np.stack([y for _, y in stacks])
    together, losses, _ = rivals.make_jax_epoch(runs=2)(weights, stack, 0.1)
    for run, own in enumerate(models):
        alone, loss, _ = rivals.make_jax_epoch()(own, stacks[run], 0.1)
        assert float(losses[run]) == pytest.approx(float(loss), abs=1e-6)
        for stacked, weight in zip(together, alone, strict=True):
            np.testing.assert_allclose(stacked[run], weight, rtol=0, atol=1e-6)


def check_costs(rows, ours):
    (_, *header), *rows = rows
    assert header == ["median", "min", "max", "ratio"]
    (own,) = [row[1] for row in rows if row[0] == ours]
    for how, median, least, most, ratio in rows:
        assert 0 < least <= median <= most, how
        assert ratio == pytest.approx(median / own)
    return [row[0] for row in rows]


def test_costs_of_steps_and_studies():
    options = {"recipe": Recipe(steps_per_epoch=50, epochs=2), "call": call}
    assert check_costs(benchmark.measure_steps(**options), "keras_xor.train") == [
        "Keras fit",
        "Keras fit, steps_per_execution=1000",
        "the README's six lines",
        "keras_xor.train",
        "JAX lax.scan",
    ]
    studies = benchmark.measure_studies(**options, runs=4, repeats=2)
    assert check_costs(studies, "keras_xor.seed_study")[1] == "JAX vmap in lax.scan"


def call(function, *arguments):
    return function(*arguments)


def test_microseconds_of_a_step():
    assert benchmark.to_microseconds([0.002, 0.001, 0.006], 1_000) == pytest.approx((2, 1, 6))


def test_growth():
    header, *rows = benchmark.measure_growth([(1, 50), (64, 20)])
    assert header[:2] == ("batch size", "steps")
    assert [row[:2] for row in rows] == [(1, 50), (64, 20)]
    assert all(0 < least <= median <= most for *_, median, least, most in rows)


def test_costs_of_processes(tmp_path):
    program = "import time; memory = b'x' * (300 << 20); time.sleep(0.3)"
    (tmp_path / "train.py").write_text(program)
    (tmp_path / "seed_study.py").write_text("import sys; assert sys.argv[2:] in ([], ['10000'])")
    rows = benchmark.measure_processes(tmp_path, repeats=1, first="import json")
    _, alone, large, *studies = rows
    assert [alone[0], large[0], studies[1][0]] == [
        "import json",
        "train.py",
        "seed_study.py --seeds 10000",
    ]
    assert alone[1] < 0.3 < large[1]
    assert alone[3] < 290 < large[3] < 350
    assert (alone[2], large[2]) == (1, large[1] / alone[1])


def test_machine():
    names = {"machine", "processor", "cores", "device", "python", "tensorflow", "keras", "numpy"}
    facts = dict(benchmark.describe_machine())
    assert {*facts} == {*names, "jax"}
    assert all(fact for name, fact in facts.items() if name != "machine")


@pytest.fixture
def canned(monkeypatch, capsys):
    """Run the script with canned figures; return its output and errors."""
    rows = [("us per step", "median"), ("Keras fit", 1234.56789)]

    def run(*options):
        for name in (
            "describe_machine",
            "measure_steps",
            "measure_growth",
            "measure_studies",
            "measure_processes",
        ):
            monkeypatch.setattr(benchmark, name, lambda: rows)
        monkeypatch.setattr(sys, "argv", ["benchmark.py", *options])
        benchmark.main(benchmark.arguments())
        return capsys.readouterr()

    return run


def test_tables(canned):
    assert canned().out == "us per step     median\nKeras fit     1234.568\n\n" * 5


def test_json(canned):
    report = json.loads(canned("--json").out)
    assert report["growth"] == [["us per step", "median"], ["Keras fit", 1234.56789]]


def test_without_the_extra(monkeypatch):
    monkeypatch.setattr(benchmark.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(keras_xor.KerasXorError, match=r'run pip install -e "\.\[bench\]"$'):
        benchmark.main(None)
