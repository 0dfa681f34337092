"""Shared by the scripts: options, output and one-line errors."""

from keras_xor.cli.output import prediction_table, say, table
from keras_xor.cli.parser import (
    MODEL_FILE,
    Parser,
    add_chart,
    add_checked,
    add_device,
    add_recipe,
    add_trained_model,
    checked,
    command_to_resume,
    option_of,
    recipe_of,
    recipes_of,
    settings_of,
)
from keras_xor.cli.running import interrupts_at_once, run
