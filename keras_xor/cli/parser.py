"""Options and their values."""

import argparse
import dataclasses
import itertools
import shlex
import sys

from keras_xor import checks
from keras_xor.checks import KerasXorError
from keras_xor.cli.output import say
from keras_xor.recipe import GUIDE, Recipe

MODEL_FILE = "artifacts/xor.keras"

_SWITCHES = {"off": False, "on": True}


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


def add_recipe(parser, several=False):
    """Add an option for each field of `Recipe`, for one value or for `several`."""
    for field in dataclasses.fields(Recipe):
        name, default = option_of(field.name), GUIDE.settings()[field.name]
        help = field.metadata["help"]
        if several and field.type is bool:
            help += "; off on to study both"
            words = {"nargs": "*", "choices": list(_SWITCHES)}
            parser.add_argument(name, dest=field.name, help=help, **words)
        elif field.type is bool:
            parser.add_argument(name, action="store_true", dest=field.name, help=help)
        else:
            parser.add_argument(
                name,
                type=checked(field.metadata["check"]),
                default=None if several else default,
                help=f"{help}; default: {default}",
                metavar="NAME" if field.type is str else "N",
                dest=field.name,
                nargs="+" if several else None,
            )


def recipe_of(parser, args):
    """The `Recipe` of the options that `add_recipe` added."""
    return _recipe(parser, {name: getattr(args, name) for name in GUIDE.settings()})


def recipes_of(parser, args):
    """The `Recipe`s of every combination of the values of the options for several."""
    values = {name: _values(getattr(args, name), name) for name in GUIDE.settings()}
    return [
        _recipe(parser, dict(zip(values, combination, strict=True)))
        for combination in itertools.product(*values.values())
    ]


def _values(given, name):
    if given is None:
        return [getattr(GUIDE, name)]
    return dict.fromkeys(_SWITCHES.get(value, value) for value in given) or [True]


def _recipe(parser, fields):
    try:
        return Recipe(**fields)
    except KerasXorError as error:
        parser.error(error)


def settings_of(recipe):
    """The fields of a recipe as text, by the names of their options."""
    return {option_of(name): text for name, text in recipe.settings().items()}


def command_to_resume():
    """What to type to run this script again with --resume."""
    typed = [word for word in sys.orig_argv if word != "--resume"]
    return shlex.join([*typed, "--resume"])


def option_of(name):
    """The option of a field of `Recipe`, or of the seed."""
    return "--" + name.removeprefix("kernel_").replace("_", "-")
