"""Predict x1 xor x2 with a trained network; without --x1 and --x2, the whole truth table."""

import json

import keras_xor
from keras_xor import cli
from keras_xor.values import float_parser


def arguments():
    parser = cli.Parser(__doc__, "predict.py --x1 0 0.5 --x2 1 0.5 --json")
    for name in ("--x1", "--x2"):
        help = "numbers, as many as for the other input"
        cli.add_value(parser, name, float_parser(-1e30, 1e30), help, metavar="NUMBER", nargs="+")
    parser.set_defaults(x1=[], x2=[])
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    cli.add_model(parser)
    args = parser.parse_args()
    if len(args.x1) != len(args.x2):
        parser.error(
            f"{len(args.x1)} numbers for --x1, {len(args.x2)} for --x2: give them in pairs"
        )
    return args


def main(args):
    x1, x2 = (args.x1, args.x2) if args.x1 else keras_xor.data.TRUTH_TABLE
    points = keras_xor.prediction.list_predictions(keras_xor.load_model(args.model), x1, x2)
    print(json.dumps(points) if args.json else cli.format_predictions(points))
    if not all(0 <= point["prediction"] <= 1 for point in points):
        cli.print_message("this model does not predict probabilities; its class is 1 above 0.5")
    if not all(0 <= x <= 1 for x in (*x1, *x2)):
        cli.print_message("a network that learned on [0, 1] extrapolates outside it")


if __name__ == "__main__":
    cli.run_script(main, arguments)
