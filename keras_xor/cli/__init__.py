"""Shared by the scripts: options, output and one-line errors."""

from keras_xor.cli.output import format_predictions, format_table, print_message
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
    name_option,
    parse_recipe,
    parse_recipes,
    path_parser,
    repeat_command,
    write_command,
)
from keras_xor.cli.running import interrupts_at_once, run_script
