"""How much a page trains, so that nobody has to wait."""

from keras_xor.recipe import Recipe
from keras_xor.values import KerasXorError

_MOST_EPOCHS = 1_000
_MOST_STEPS = 200_000
_MOST_WORK = 2.5e10  # Steps times examples times weights; the sliders reach 2.3e10.


def check_length(recipe: Recipe) -> None:
    """Raise `KerasXorError` if a recipe takes much longer than what the sliders can set."""
    work = recipe.steps * recipe.batch_size * recipe.parameters
    if recipe.epochs > _MOST_EPOCHS:
        raise KerasXorError(
            f"the page trains at most {_MOST_EPOCHS} epochs, not {recipe.epochs}: use train.py"
        )
    if recipe.steps > _MOST_STEPS or work > _MOST_WORK:
        raise KerasXorError(
            "this is too much for the page: use train.py, or fewer epochs, steps, examples in a "
            "batch or hidden units"
        )
