"""A recipe and a seed as the settings in the address of a page."""

import urllib.parse

from keras_xor import checks
from keras_xor.checks import KerasXorError
from keras_xor.playground.limits import check_length
from keras_xor.recipe import GUIDE, Recipe

_GUIDE = GUIDE.settings() | {"seed": "0"}
_OF_MARIMO = ("include-code", "show-code", "theme", "view-as")


def settings_of_address(query):
    """The recipe and the seed of an address.

    Args:
        query: Dict of texts by name, as after the question mark of an address: "seed", and the
            names of the fields of `Recipe`. Those that are missing are the guide's, and 0.

    Returns:
        A tuple `(recipe, seed, problem)`. If a name is unknown or a value is out of range, these
        are the guide's recipe, 0, and one line about it; otherwise, the problem is empty.
    """
    try:
        return *_settings(query), ""
    except KerasXorError as error:
        return GUIDE, 0, f"This is the guide's recipe, because of the address: {error}"


def _settings(query):
    texts = {name: text for name, text in query.items() if name not in _OF_MARIMO}
    for name, text in texts.items():
        if name not in _GUIDE:
            raise KerasXorError(f"{name!r:.80} must be {checks.alternatives(_GUIDE)}")
        if not isinstance(text, str):
            raise KerasXorError(f"{name} must be given once, not {len(text)} times")
    try:
        seed = checks.whole_number(0)(texts.pop("seed", "0"))
    except KerasXorError as problem:
        raise KerasXorError(f"seed {problem}") from None
    recipe = Recipe(**texts)
    check_length(recipe)
    return recipe, seed


def address_of(recipe, seed=0):
    """All settings as in an address: `Recipe.changes`, and `None` for the guide's own."""
    return dict.fromkeys(_GUIDE) | recipe.changes(seed)


def link(recipe, seed=0):
    """The settings as a link, such as "?hidden_units=2&seed=1"; see `Recipe.changes`."""
    return "?" + urllib.parse.urlencode(recipe.changes(seed))
