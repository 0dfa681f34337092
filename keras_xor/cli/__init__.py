"""Shared by the scripts: options, output and one-line errors."""

from keras_xor.cli.output import prediction_table, say, table
from keras_xor.cli.parser import (
    MODEL_FILE,
    RUN_FILE,
    Parser,
    add_chart,
    add_device,
    add_model,
    add_recipe,
    add_run,
    add_seed,
    add_value,
    command,
    file_name,
    option_of,
    recipe_of,
    recipes_of,
    typed_command,
)
from keras_xor.cli.running import interrupts_at_once, run_script
