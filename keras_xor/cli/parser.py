"""Options and their values."""

import argparse
import dataclasses
import sys

from keras_xor import checks
from keras_xor.checks import KerasXorError
from keras_xor.cli.output import say
from keras_xor.recipe import Recipe

MODEL_FILE = "artifacts/xor.keras"


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that reads -1e3 and -inf as numbers and reports errors in one line."""

    def parse_args(self, args=None, namespace=None):
        args = sys.argv[1:] if args is None else args
        # A leading space keeps argparse from reading a negative number as an option.
        args = [f" {arg}" if arg.startswith("-") and checks.is_number(arg) else arg for arg in args]
        return super().parse_args(args, namespace)

    def error(self, message):
        say(f"{message} (see {self.prog} --help)")
        sys.exit(2)


def checked(check):
    """A check of `keras_xor.checks` as an argparse `type`."""

    def convert(text):
        try:
            return check(text.strip() if checks.is_number(text) else text)
        except KerasXorError as error:
            raise argparse.ArgumentTypeError(error) from None

    return convert


def add_checked(parser, name, check, default=None, help="", metavar="N", **options):
    """Add an option with one value, parsed by a check of `keras_xor.checks`."""
    if default is not None:
        help += "; default: %(default)s"
    parser.add_argument(
        name, type=checked(check), default=default, help=help, metavar=metavar, **options
    )


def add_trained_model(parser):
    """Add --model, a file written by train.py."""
    help = "a model written by train.py"
    add_checked(parser, "--model", checks.model_file, MODEL_FILE, help, "FILE")


def add_chart(parser, default=None):
    """Add --to-file, the file to write a chart to."""
    help = "where to write the chart: .png, .svg, .html or .json"
    add_checked(parser, "--to-file", checks.chart_file, default, help, "FILE")


def add_device(parser):
    """Add --device, the device that `run` uses."""
    help = "device, such as cpu, gpu or gpu:1; default: a GPU if there is one"
    add_checked(parser, "--device", checks.device, None, help, "NAME")


def add_recipe(parser):
    """Add an option for each field of `Recipe`."""
    for field in _fields():
        name, help = _option(field.name), field.metadata["help"]
        if field.type is bool:
            parser.add_argument(name, action="store_true", dest=field.name, help=help)
        else:
            metavar = "NAME" if field.type is str else "N"
            check, default = field.metadata["check"], _text(field.default)
            add_checked(parser, name, check, default, help, metavar, dest=field.name)


def recipe_of(parser, args):
    """The `Recipe` of the options that `add_recipe` added."""
    try:
        return Recipe(**{field.name: getattr(args, field.name) for field in _fields()})
    except KerasXorError as error:
        parser.error(error)


def settings_of(recipe):
    """The fields of a recipe as text, by the names of their options."""
    return {_option(field.name): _text(getattr(recipe, field.name)) for field in _fields()}


def _fields():
    return dataclasses.fields(Recipe)


def _option(name):
    return "--" + name.removeprefix("kernel_").replace("_", "-")


def _text(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
