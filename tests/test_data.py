import dataclasses
import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_xor
from keras_xor import Recipe
from keras_xor.data import draw_stacks, recipe_batches, stacked_batches
from keras_xor.sampling import make_sampler

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 70)
recipes = st.builds(
    Recipe,
    batch_size=sizes,
    data=st.sampled_from(["random", "shuffled"]),
    labels=st.text("01", min_size=4, max_size=4),
    noise=st.sampled_from([0, 0.1]),
)


def draw(recipe, seed, steps):
    """NumPy arrays of the first batches."""
    return next(draw_stacks(dataclasses.replace(recipe, steps_per_epoch=steps), seed, steps))


def first(dataset, count):
    return [({"x1": x["x1"], "x2": x["x2"]}, y) for x, y in dataset.take(count).as_numpy_iterator()]


@settings(max_examples=25, deadline=None)
@given(batch_size=sizes, seed=seeds | st.none())
def test_batches_are_labelled_bits(batch_size, seed):
    dataset = keras_xor.xor_batches(batch_size, seed)
    spec = dataset.element_spec
    for x, y in first(dataset, 3):
        for values, declared in ((x["x1"], spec[0]["x1"]), (x["x2"], spec[0]["x2"]), (y, spec[1])):
            assert values.shape == (batch_size, 1) == tuple(declared.shape)
            assert values.dtype == np.uint8 == declared.dtype.as_numpy_dtype
        assert set(x) == {"x1", "x2"}
        assert set(np.unique([x["x1"], x["x2"]])) <= {0, 1}
        np.testing.assert_array_equal(y, np.logical_xor(x["x1"], x["x2"]))


@settings(max_examples=10, deadline=None)
@given(
    recipe=recipes,
    seed=seeds,
    steps_per_epoch=st.integers(1, 30),
    steps_per_execution=st.integers(1, 30),
    initial_epoch=st.integers(0, 2),
)
def test_stacking_leaves_the_stream_as_it_is(
    recipe, seed, steps_per_epoch, steps_per_execution, initial_epoch
):
    recipe = dataclasses.replace(recipe, steps_per_epoch=steps_per_epoch)
    drawn = draw_stacks(recipe, seed, steps_per_execution, initial_epoch)
    stacks = [*itertools.islice(drawn, 5)]
    lengths = [len(y) for _, y in stacks]
    assert max(lengths) == min(steps_per_execution, steps_per_epoch)
    singles = first(
        recipe_batches(recipe, seed).skip(initial_epoch * steps_per_epoch), sum(lengths)
    )
    for expected, got in (
        ([x["x1"] for x, _ in singles], [x["x1"] for x, _ in stacks]),
        ([x["x2"] for x, _ in singles], [x["x2"] for x, _ in stacks]),
        ([y for _, y in singles], [y for _, y in stacks]),
    ):
        np.testing.assert_array_equal(expected, np.concatenate(got))


@settings(deadline=None)
@given(batch_size=sizes, seed=seeds)
def test_a_batch_is_random_bits(batch_size, seed):
    x, y = draw(Recipe(batch_size=batch_size), seed, 5)
    per_batch = 4 * -(-batch_size // 32)
    rng = np.random.default_rng(seed)
    for step in range(5):
        for name in ("x1", "x2"):
            bits = "".join(f"{byte:08b}" for byte in rng.bytes(per_batch))[:batch_size]
            np.testing.assert_array_equal(x[name][step, :, 0], [*map(int, bits)])
    np.testing.assert_array_equal(y, x["x1"] ^ x["x2"])


@settings(deadline=None)
@given(recipe=recipes, seed=seeds, points=st.integers(1, 9))
def test_counts_are_those_of_the_points(recipe, seed, points):
    sampler, other = (make_sampler(recipe, [seed, 5], points) for _ in range(2))
    for steps in (5, 1, 6):
        drawn = sampler.draw(steps)
        assert drawn.shape == (2, steps, sampler.batch_size)
        expected = [[[[*batch].count(n) for batch in run] for run in drawn] for n in range(points)]
        np.testing.assert_array_equal(other.draw_counts(steps), expected)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 32])
def test_shuffled_data_are_passes_over_the_points(batch_size):
    x, y = draw(Recipe(data="shuffled", batch_size=batch_size), 0, 1_200)
    assert y.shape[1] == min(batch_size, 4)
    passes = (2 * x["x1"] + x["x2"]).reshape(-1, 4)
    np.testing.assert_array_equal(np.sort(passes), [[0, 1, 2, 3]] * len(passes))
    if batch_size < 4:  # Each of the 24 orders; the chance to miss one is below 1e-4.
        assert len(np.unique(passes, axis=0)) == 24


@pytest.mark.parametrize("labels", ["0001", "0111", "1001"])
def test_labels_are_those_of_the_points(labels):
    x, y = draw(Recipe(labels=labels), 0, 20)
    truth = {(a, b): int(labels[2 * a + b]) for a in (0, 1) for b in (0, 1)}
    pairs = zip(x["x1"].ravel().tolist(), x["x2"].ravel().tolist(), strict=True)
    assert [truth[pair] for pair in pairs] == y.ravel().tolist()


def test_noise_is_normal():
    x, y = draw(Recipe(noise=0.1), 0, 5_000)
    plain, same = draw(Recipe(), 0, 5_000)
    np.testing.assert_array_equal(y, same)
    noise = np.sort(((x["x1"] - plain["x1"]) / 0.1).ravel().astype(float))
    quantiles = np.array([NormalDist().inv_cdf(p) for p in np.linspace(0.001, 0.999, 999)])
    share = np.searchsorted(noise, quantiles) / len(noise)
    assert np.max(abs(share - np.linspace(0.001, 0.999, 999))) < 1.95 / math.sqrt(len(noise))
    other = ((x["x2"] - plain["x2"]) / 0.1).ravel()
    first_numbers = ((x["x1"] - plain["x1"]) / 0.1).ravel()
    assert abs(np.corrcoef(first_numbers, other)[0, 1]) < 4 / math.sqrt(len(other))


def test_an_epoch_has_exactly_its_steps():
    stacks = stacked_batches(Recipe(batch_size=1, steps_per_epoch=10), steps=4)
    assert [len(y) for _, y in first(stacks, 6)] == [4, 4, 2, 4, 4, 2]


def test_the_four_pairs_are_equally_frequent():
    x, _ = first(keras_xor.xor_batches(100_000, seed=0), 1)[0]
    counts = np.bincount((2 * x["x1"] + x["x2"]).ravel(), minlength=4)
    chi_square = np.sum((counts - 25_000) ** 2 / 25_000)
    assert 0.024 < chi_square < 16.27  # The 0.1 % and 99.9 % quantiles at 3 degrees of freedom.


def test_the_batches_are_known_to_be_endless():
    batches = keras_xor.xor_batches(4, seed=0)
    assert batches.cardinality() == tf.data.INFINITE_CARDINALITY
    model = keras_xor.build_model()
    model.fit(batches, steps_per_epoch=3, epochs=2, shuffle=False, verbose=0)  # Without a warning.


def test_no_thread_tunes_the_data():
    for batches in (keras_xor.xor_batches(), stacked_batches(Recipe(), steps=10)):
        assert batches.options().autotune.enabled is False


def test_no_seed_gives_fresh_batches_at_every_iteration():
    dataset = keras_xor.xor_batches(64)
    assert not np.array_equal(first(dataset, 1)[0][1], first(dataset, 1)[0][1])
