"""A recipe and a seed as the query in the address of a page."""

import urllib.parse
from collections.abc import Mapping
from typing import Any

from keras_xor.playground.limits import check_length
from keras_xor.recipe import DEFAULT, Recipe
from keras_xor.values import KerasXorError, join_names, parse_seed

_NAMES = (*DEFAULT.settings(), "seed")
_MARIMO_NAMES = ("include-code", "show-code", "theme", "view-as")


def parse_query(query: Mapping[str, Any]) -> tuple[Recipe, int, str]:
    """The recipe, the seed, and the problem with them.

    The query has texts by name: "seed" and the fields of `Recipe`. If a name is unknown or a value
    is out of range, the recipe is the default, the seed is 0, and the problem is one line.
    """
    try:
        return *_parse(query), ""
    except KerasXorError as error:
        return DEFAULT, 0, f"This is the guide's recipe, because of the address: {error}"


def _parse(query: Mapping[str, Any]) -> tuple[Recipe, int]:
    texts = {name: text for name, text in query.items() if name not in _MARIMO_NAMES}
    for name, text in texts.items():
        if name not in _NAMES:
            raise KerasXorError(f"{name!r:.80} must be {join_names(_NAMES)}")
        if not isinstance(text, str):
            raise KerasXorError(f"{name} must be given once, not {len(text)} times")
    try:
        seed = parse_seed(texts.pop("seed", "0"))
    except KerasXorError as problem:
        raise KerasXorError(f"seed {problem}") from None
    recipe = Recipe(**texts)
    check_length(recipe)
    return recipe, seed


def make_query(recipe: Recipe, seed: int = 0) -> dict[str, str | None]:
    """All settings of a query: `Recipe.changes`, and `None` for the default."""
    return dict.fromkeys(_NAMES) | recipe.changes(seed)


def make_link(recipe: Recipe, seed: int = 0) -> str:
    """The settings as a link, such as "?hidden_units=2&seed=1"."""
    return "?" + urllib.parse.urlencode(recipe.changes(seed))
