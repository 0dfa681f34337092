"""What the tests share: a quiet TensorFlow and one trained model."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

import keras_xor


@pytest.fixture(scope="session")
def trained_file(tmp_path_factory):
    """A model file of the default recipe at the default seed."""
    model = keras_xor.build_model(seed=0)
    keras_xor.train(model, seed=0)
    path = tmp_path_factory.mktemp("trained") / "xor.keras"
    keras_xor.save_model(model, path)
    return path


@pytest.fixture(scope="session")
def trained(trained_file):
    return keras_xor.load_model(trained_file)
