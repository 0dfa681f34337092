"""Open the guide as a live page in the browser: change the recipe, and watch the network learn."""

from pathlib import Path

import keras_xor
from keras_xor import cli
from keras_xor.values import int_parser

NOTEBOOK = Path(__file__).with_name("guide.py")


def arguments():
    parser = cli.Parser(__doc__, "playground.py --port 0 --no-browser")
    help = "port to listen on, 0 for any that is free"
    cli.add_value(parser, "--port", int_parser(0, 65535), help, 2719, "N")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    return parser.parse_args()


def main(args):
    with cli.interrupts_at_once():
        keras_xor.playground.serve(NOTEBOOK, args.port, open_browser=not args.no_browser)


if __name__ == "__main__":
    cli.run_script(main, arguments)
