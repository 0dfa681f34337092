"""How much a page trains: it would have to wait for more, or to keep too much."""

import itertools

from keras_xor.checks import KerasXorError

_MOST_EPOCHS = 1_000
_MOST_SECONDS = 15
_SECONDS_OF_AN_EPOCH = 5e-3  # In addition to its steps
_MOST_WEIGHTS = 2**24  # Of all epochs: 64 MiB


def check_length(recipe):
    """Raise `KerasXorError` if a page would have to wait for a recipe, or to keep too much.

    Args:
        recipe: A `Recipe`. It may have 1,000 epochs, train for some 15 seconds, and have 2**24
            weights in all epochs.
    """
    if recipe.epochs > _MOST_EPOCHS:
        raise KerasXorError(
            f"the page trains at most {_MOST_EPOCHS} epochs, not {recipe.epochs}: use train.py"
        )
    of_an_epoch = _SECONDS_OF_AN_EPOCH + recipe.steps_per_epoch * _seconds_of_a_step(recipe)
    if (
        recipe.epochs * of_an_epoch > _MOST_SECONDS
        or recipe.epochs * recipe.parameters > _MOST_WEIGHTS
    ):
        raise KerasXorError(
            "this is too much for the page: use train.py, or fewer epochs, steps, examples in a "
            "batch or hidden units"
        )


def _seconds_of_a_step(recipe):
    """A rough upper bound, fitted to measurements on two cores."""
    kernels = [*itertools.pairwise([2, *recipe.hidden_units, 1])]
    of_a_kernel = 4e-6 if recipe.optimizer == "sgd" else 16e-6
    seconds = of_a_kernel * len(kernels) + 4e-10 * recipe.batch_size * recipe.parameters
    if recipe.optimizer == "muon":  # It multiplies matrices of each kernel.
        seconds += sum(5e-10 * a * b * min(a, b) for a, b in kernels)
    return seconds
