"""Open the guide as a live page in the browser: change the recipe, and watch the network learn."""

from pathlib import Path

import keras_xor
from keras_xor.checks import whole_number
from keras_xor.cli import Parser, add_value, interrupts_at_once, run

NOTEBOOK = Path(__file__).with_name("guide.py")


def arguments():
    parser = Parser(description=__doc__)
    help = "port to listen on, 0 for any that is free"
    add_value(parser, "--port", whole_number(0, 65535), help, 2719, "N")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    return parser.parse_args()


def main(args):
    with interrupts_at_once():
        keras_xor.playground.serve(NOTEBOOK, args.port, open_browser=not args.no_browser)


if __name__ == "__main__":
    run(main, arguments)
