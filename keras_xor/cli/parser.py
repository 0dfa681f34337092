"""Options and their values."""

import argparse
import dataclasses
import itertools
import shlex
import sys
from pathlib import Path

from keras_xor.checks import KerasXorError, whole_number
from keras_xor.cli.output import is_number, say
from keras_xor.recipe import GUIDE, Recipe

MODEL_FILE = Path("artifacts/xor.keras")
RUN_FILE = MODEL_FILE.with_suffix(".run.npz")


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that takes -1e3 for a number and reports errors in one line."""

    def parse_args(self, args=None, namespace=None):
        args = sys.argv[1:] if args is None else args
        # A leading space keeps argparse from taking a negative number for an option.
        args = [f" {arg}" if arg.startswith("-") and is_number(arg) else arg for arg in args]
        return super().parse_args(args, namespace)

    def error(self, message):
        say(f"{message} (see {self.prog} --help)")
        sys.exit(2)


def checked(check):
    """A check of `keras_xor.checks` as an argparse `type`."""

    def convert(text):
        try:
            return check(text.strip())
        except KerasXorError as error:
            raise argparse.ArgumentTypeError(error) from None

    return convert


def file_name(*suffixes):
    """A check for the `Path` of a file that ends in one of `suffixes`."""

    def check(text):
        if not text.endswith(suffixes):
            raise KerasXorError(f"must end in {' or '.join(suffixes)}, not {text!r:.80}")
        return Path(text)

    return check


def add_value(parser, name, check, help, default=None, metavar="FILE", **options):
    """Add an option with a value, which `check` converts."""
    if default is not None:
        help += "; default: %(default)s"
    parser.add_argument(
        name, type=checked(check), help=help, default=default, metavar=metavar, **options
    )


def add_model(parser, help="a Keras model of two numbers, .keras or .h5", default=MODEL_FILE):
    """Add --model, a file that anybody saved."""
    add_value(parser, "--model", file_name(".keras", ".h5"), help, default)


def add_run(parser, help, **options):
    """Add --run, a file that train.py wrote."""
    add_value(parser, "--run", file_name(".npz"), help, **options)


def add_chart(parser, default=None):
    """Add --to-file, the file to write a chart to."""
    suffixes = (".png", ".svg", ".html", ".json")
    help = "where to write the chart: .png, .svg, .html or .json"
    add_value(parser, "--to-file", file_name(*suffixes), help, default)


def add_seed(parser, help):
    """Add --seed."""
    add_value(parser, "--seed", whole_number(0), help, 0, "N")


def add_device(parser):
    """Add --device, the device that `run` uses."""
    help = "device, such as cpu, gpu or gpu:1; default: a GPU if there is one"
    parser.add_argument("--device", help=help, metavar="NAME")


def add_recipe(parser, several=False):
    """Add an option for each field of `Recipe`, for one value or for `several`."""
    for field in dataclasses.fields(Recipe):
        default, is_switch = GUIDE.settings()[field.name], field.type is bool
        if several:
            own = [getattr(GUIDE, field.name)]
            options = {"default": own, "nargs": "*" if is_switch else "+"}
        else:
            options = {"default": default} | ({"nargs": "?", "const": True} if is_switch else {})
        parser.add_argument(
            option_of(field.name),
            dest=field.name,
            type=checked(field.metadata["check"]),
            help=f"{field.metadata['help']}; default: {default}",
            metavar={str: "NAME", bool: "on"}.get(field.type, "N"),
            **options,
        )


def recipe_of(parser, args):
    """The `Recipe` of the options that `add_recipe` added."""
    return _recipe(parser, {name: getattr(args, name) for name in GUIDE.settings()})


def recipes_of(parser, args):
    """The `Recipe`s of every combination of the values of the options for several."""
    names = GUIDE.settings()
    values = [dict.fromkeys(getattr(args, name)) or [True] for name in names]  # A switch is on.
    return [
        _recipe(parser, dict(zip(names, combination, strict=True)))
        for combination in itertools.product(*values)
    ]


def _recipe(parser, fields):
    try:
        return Recipe(**fields)
    except KerasXorError as error:
        parser.error(error)


def option_of(name):
    """The option of a field of `Recipe`, or of the seed."""
    return "--" + name.removeprefix("kernel_").replace("_", "-")


def command(recipe, seed, *more):
    """The command that gives the run of a recipe and a seed, with more options."""
    changes = recipe.changes(seed).items()
    words = [word for name, text in changes for word in (option_of(name), text)]
    return shlex.join(["python", "scripts/train.py", *words, *more])


def typed_command(*more):
    """What was typed to run this script, with options that it may have had already."""
    return shlex.join([*(word for word in sys.orig_argv if word not in more), *more])
