"""What belongs to a compiled model, and is made once: its optimizer's variables, and programs."""

from collections.abc import Callable, Hashable
from typing import Any

import keras


def build_optimizer(model: keras.Model) -> None:
    """Build the optimizer of a model that is built and compiled, unless it is built already."""
    optimizer = getattr(model, "optimizer", None)
    if model.built and optimizer and not optimizer.built:
        optimizer.build(model.trainable_variables)


class _Kept:
    """Things kept with a model, in a class of their own: Keras would save a dict with the model."""

    def __init__(self, state: list) -> None:
        self.state = state
        self.things: dict[Hashable, Any] = {}


def keep_with_model(model: keras.Model, key: Hashable, make: Callable[[], Any]) -> Any:
    """What `make()` returned, kept until the model is compiled anew or trains other weights."""
    state = [model._compile_loss, *model.trainable_variables]  # Private; new with each `compile`
    kept = vars(model).get("_keras_xor")
    if kept is None or [*map(id, kept.state)] != [*map(id, state)]:
        kept = vars(model)["_keras_xor"] = _Kept(state)
    if key not in kept.things:
        kept.things[key] = make()
    return kept.things[key]
