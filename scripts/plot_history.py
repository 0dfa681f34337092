"""Draw how loss and accuracy changed from epoch to epoch."""

import keras_xor
from keras_xor import checks, recipe
from keras_xor.command_line import Parser, option, run


def arguments():
    parser = Parser(description=__doc__)
    parser.add_argument(
        "--history",
        type=option(checks.history_file),
        default=recipe.HISTORY_FILE,
        metavar="FILE",
        help="a history that train.py wrote; default: %(default)s",
    )
    parser.add_argument(
        "--to-file",
        type=option(checks.chart_file),
        default=recipe.HISTORY_PICTURE,
        metavar="FILE",
        help="the chart, .png, .svg, .html or .json; default: %(default)s",
    )
    return parser.parse_args()


def main(args):
    history = keras_xor.files.load_history(args.history)
    keras_xor.plots.save(keras_xor.plots.learning_curve(history), args.to_file)
    print(f"picture: {args.to_file}")


if __name__ == "__main__":
    run(main, arguments())
