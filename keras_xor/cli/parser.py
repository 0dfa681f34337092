"""Options and their values."""

import argparse
import sys

from keras_xor import checks, recipe
from keras_xor.checks import KerasXorError
from keras_xor.cli.output import say


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that takes -1e3 and -inf for numbers and errs in one line."""

    def parse_args(self, args=None, namespace=None):
        args = sys.argv[1:] if args is None else args
        # A leading space keeps argparse from reading a negative number as an option.
        args = [f" {arg}" if arg.startswith("-") and checks.is_number(arg) else arg for arg in args]
        return super().parse_args(args, namespace)

    def error(self, message):
        say(f"{message} (see {self.prog} --help)")
        sys.exit(2)


def add_checked(parser, name, check, default=None, help="", metavar="N"):
    """Add to a parser or group an option of one value, read by a check of `keras_xor.checks`."""
    if default is not None:
        help += "; default: %(default)s"
    parser.add_argument(name, type=checked(check), default=default, help=help, metavar=metavar)


def add_recipe(parser):
    """Add the options of the numbers that training goes by."""
    for name, check, default, help in (
        ("--epochs", checks.count, recipe.EPOCHS, "rounds of training"),
        ("--steps-per-epoch", checks.count, recipe.STEPS_PER_EPOCH, "batches in an epoch"),
        ("--batch-size", checks.batch_size, recipe.BATCH_SIZE, "examples in a batch"),
        ("--learning-rate", checks.learning_rate, recipe.LEARNING_RATE, "of SGD"),
    ):
        add_checked(parser, name, check, default, help)


def checked(check):
    """A check of `keras_xor.checks` as an argparse `type`."""

    def convert(text):
        try:
            return check(text.strip() if checks.is_number(text) else text)
        except KerasXorError as error:
            raise argparse.ArgumentTypeError(error) from None

    return convert
