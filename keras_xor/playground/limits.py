"""How much a page trains, so that nobody has to wait."""

import itertools

from keras_xor.recipe import Recipe
from keras_xor.values import KerasXorError

_MOST_EPOCHS = 1_000
_MOST_SECONDS = 15
_SECONDS_PER_EPOCH = 5e-3  # In addition to its steps
_MOST_WEIGHTS = 2**24  # Of all epochs: 64 MiB


def check_length(recipe: Recipe) -> None:
    """Raise `KerasXorError` if a recipe has more than 1,000 epochs, or takes over 15 seconds.

    It may also have at most 2**24 weights in all epochs.
    """
    if recipe.epochs > _MOST_EPOCHS:
        raise KerasXorError(
            f"the page trains at most {_MOST_EPOCHS} epochs, not {recipe.epochs}: use train.py"
        )
    seconds_per_epoch = _SECONDS_PER_EPOCH + recipe.steps_per_epoch * _estimate_step(recipe)
    if (
        recipe.epochs * seconds_per_epoch > _MOST_SECONDS
        or recipe.epochs * recipe.parameters > _MOST_WEIGHTS
    ):
        raise KerasXorError(
            "this is too much for the page: use train.py, or fewer epochs, steps, examples in a "
            "batch or hidden units"
        )


def _estimate_step(recipe: Recipe) -> float:
    """A rough upper bound in seconds, fitted to measurements on two cores."""
    kernels = [*itertools.pairwise([2, *recipe.hidden_units, 1])]
    per_kernel = 4e-6 if recipe.optimizer == "sgd" else 16e-6
    seconds = per_kernel * len(kernels) + 4e-10 * recipe.batch_size * recipe.parameters
    if recipe.optimizer == "muon":  # It multiplies matrices of each kernel.
        seconds += sum(5e-10 * a * b * min(a, b) for a, b in kernels)
    return seconds
