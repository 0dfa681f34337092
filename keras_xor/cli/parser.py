"""Options and their values."""

import argparse
import dataclasses
import itertools
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_xor.cli.output import is_number, print_message
from keras_xor.recipe import DEFAULT, Recipe
from keras_xor.values import KerasXorError, parse_seed

MODEL_FILE = Path("artifacts/xor.keras")
RUN_FILE = MODEL_FILE.with_suffix(".run.npz")


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that takes -1e3 for a number and reports errors in one line."""

    def __init__(self, description: str | None, example: str) -> None:
        super().__init__(description=description, epilog=f"example: python scripts/{example}")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        args = sys.argv[1:] if args is None else args
        # A leading space keeps argparse from taking a negative number for an option.
        args = [f" {arg}" if arg.startswith("-") and is_number(arg) else arg for arg in args]
        return super().parse_args(args, namespace)

    def error(self, message: object) -> Any:
        print_message(f"{message} (see {self.prog} --help)")
        sys.exit(2)


def path_parser(*suffixes: str) -> Callable[[str], Path]:
    """For the path of a file that ends in one of these."""

    def parse(text: str) -> Path:
        if not text.endswith(suffixes):
            raise KerasXorError(f"must end in {' or '.join(suffixes)}, not {text!r:.80}")
        return Path(text)

    return parse


def add_value(
    parser: Any,
    name: str,
    parse: Callable,
    help: str,
    default: Any = None,
    metavar: str = "FILE",
    **options: Any,
) -> None:
    """Add an option with a value to a parser, or to a group of one."""
    if default is not None:
        help += "; default: %(default)s"

    def convert(text: str) -> Any:
        try:
            return parse(text.strip())
        except KerasXorError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    parser.add_argument(name, type=convert, help=help, default=default, metavar=metavar, **options)


def add_model(
    parser: Any,
    help: str = "a Keras model of two numbers, .keras or .h5",
    default: Any = MODEL_FILE,
) -> None:
    """Add --model, a file that anybody saved."""
    add_value(parser, "--model", path_parser(".keras", ".h5"), help, default)


def add_run(parser: Any, help: str, **options: Any) -> None:
    """Add --run, a file that train.py wrote."""
    add_value(parser, "--run", path_parser(".npz"), help, **options)


def add_chart(parser: Any, default: Any = None, help: str = "") -> None:
    """Add --to-file, the file to write a chart to."""
    suffixes = (".png", ".svg", ".html", ".json")
    help = f"where to write the chart: .png, .svg, .html or .json{help}"
    add_value(parser, "--to-file", path_parser(*suffixes), help, default)


def add_seed(parser: Any, help: str) -> None:
    add_value(parser, "--seed", parse_seed, help, 0, "N")


def add_device(parser: Any) -> None:
    """Add --device, on which `run_script` runs."""
    help = "device, such as cpu, gpu or gpu:1; default: a GPU if there is one"
    parser.add_argument("--device", help=help, metavar="NAME")


def add_recipe(parser: Parser, several: bool = False) -> None:
    """Add a group with an option for each field of `Recipe`, for one value or for `several`."""
    text = "each option takes one or several values" if several else None
    group = parser.add_argument_group("recipe", text)
    for field in dataclasses.fields(Recipe):
        is_switch = field.type is bool
        nargs = ("*" if is_switch else "+") if several else ("?" if is_switch else None)
        add_value(
            group,
            name_option(field.name),
            field.metadata["parse"],
            f"{field.metadata['help']}; default: {DEFAULT.settings()[field.name]}",
            metavar="on" if is_switch else "NAME" if field.type is str else "N",
            nargs=nargs,
            **({"const": True} if nargs == "?" else {}),
        )


def parse_recipe(parser: Parser, args: argparse.Namespace) -> Recipe:
    """The recipe of the options that `add_recipe` added."""
    return _make_recipe(parser, _list_given(args))


def parse_recipes(parser: Parser, args: argparse.Namespace) -> list[Recipe]:
    """The recipes of every combination of the values of the options for several."""
    # A switch without a value is on.
    values = {name: dict.fromkeys(each) or [True] for name, each in _list_given(args).items()}
    return [
        _make_recipe(parser, dict(zip(values, combination, strict=True)))
        for combination in itertools.product(*values.values())
    ]


def _list_given(args: argparse.Namespace) -> dict[str, Any]:
    options = {name: getattr(args, name) for name in DEFAULT.settings()}
    return {name: value for name, value in options.items() if value is not None}


def _make_recipe(parser: Parser, fields: dict[str, Any]) -> Recipe:
    try:
        return Recipe(**fields)
    except KerasXorError as error:
        return parser.error(error)


def name_option(field: str) -> str:
    """The option for a field of `Recipe`, or for the seed."""
    return f"--{field.replace('_', '-')}"


def write_command(recipe: Recipe, seed: int, *more: str) -> str:
    """The command that gives the run of a recipe and a seed, with more options."""
    changes = recipe.changes(seed).items()
    words = [word for name, text in changes for word in (name_option(name), text)]
    return shlex.join(["python", "scripts/train.py", *words, *more])


def repeat_command(*more: str) -> str:
    """What was typed to run this script, with options that it may have had already."""
    return shlex.join([*(word for word in sys.orig_argv if word not in more), *more])
