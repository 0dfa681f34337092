"""What the scripts share: options, output, errors in one line."""

from keras_xor.cli.output import prediction_table, say, table
from keras_xor.cli.parser import Parser, add_checked, add_recipe, checked
from keras_xor.cli.running import run
