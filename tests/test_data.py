import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_xor
from keras_xor.data import (
    TRUTH_TABLE,
    StackedXorBatches,
    examples,
    point_counts,
    random_source,
    random_words,
)

seeds = st.integers(0, 2**70)
sizes = st.integers(1, 70)
HALVES = slice(0, 32), slice(32, 64)


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
    batch_size=sizes,
    seed=seeds,
    steps_per_epoch=st.integers(1, 30),
    steps_per_execution=st.integers(1, 30),
)
def test_stacking_leaves_the_stream_as_it_is(
    batch_size, seed, steps_per_epoch, steps_per_execution
):
    stacks = StackedXorBatches(batch_size)(steps_per_epoch, steps_per_execution, seed)
    lengths = [len(y) for _, y in first(stacks, 5)]
    assert max(lengths) == min(steps_per_execution, steps_per_epoch)
    singles = first(keras_xor.xor_batches(batch_size, seed), sum(lengths))
    for (x, y), (stacked_x, stacked_y) in zip(singles, first(stacks.unbatch(), 999), strict=False):
        np.testing.assert_array_equal(x["x1"], stacked_x["x1"])
        np.testing.assert_array_equal(x["x2"], stacked_x["x2"])
        np.testing.assert_array_equal(y, stacked_y)


@pytest.mark.parametrize("batch_size", [1, 2, 7])
@pytest.mark.parametrize("initial_epoch", [1, 2, 5])
def test_later_epochs_are_those_of_the_same_stream(batch_size, initial_epoch):
    stacks = first(StackedXorBatches(batch_size)(3, 2, seed=0), 2 * initial_epoch + 6)
    later = first(StackedXorBatches(batch_size)(3, 2, 0, initial_epoch), 6)
    for (_, y), (_, later_y) in zip(stacks[2 * initial_epoch :], later, strict=True):
        np.testing.assert_array_equal(later_y, y)


@settings(deadline=None)
@given(batch_size=sizes, seed=seeds)
def test_the_bits_of_a_batch_are_its_examples_and_its_counts(batch_size, seed):
    words = random_words(random_source(seed), 5, batch_size)
    x, y = examples(words, batch_size)
    drawn = random_source(seed).random_raw(words.size).tolist()
    per_batch = len(drawn) // 5
    for step in range(5):
        bits = [f"{word:064b}"[::-1] for word in drawn[step * per_batch : (step + 1) * per_batch]]
        x1, x2 = ("".join(word[half] for word in bits)[:batch_size] for half in HALVES)
        np.testing.assert_array_equal(x["x1"][step, :, 0], [*map(int, x1)])
        np.testing.assert_array_equal(x["x2"][step, :, 0], [*map(int, x2)])
        pairs = [*zip(map(int, x1), map(int, x2), strict=True)]
        counts = [pairs.count(point) for point in zip(*TRUTH_TABLE, strict=True)]
        np.testing.assert_array_equal(point_counts(words, batch_size)[:, step], counts)
    np.testing.assert_array_equal(y, x["x1"] ^ x["x2"])


def test_an_epoch_has_exactly_its_steps():
    stacks = StackedXorBatches(1)(steps_per_epoch=10, steps_per_execution=4)
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
    for batches in (keras_xor.xor_batches(), StackedXorBatches(32)(10, 10)):
        assert batches.options().autotune.enabled is False


def test_no_seed_gives_fresh_batches_at_every_iteration():
    dataset = keras_xor.xor_batches(64)
    assert not np.array_equal(first(dataset, 1)[0][1], first(dataset, 1)[0][1])
