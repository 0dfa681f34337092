"""Draw the network as a graph of its layers."""

import keras_xor
from keras_xor import checks, recipe
from keras_xor.command_line import Parser, option, run


def arguments():
    parser = Parser(description=__doc__)
    parser.add_argument(
        "--to-file",
        type=option(checks.model_picture),
        default=recipe.MODEL_PICTURE,
        metavar="FILE",
        help="the picture, .png, .svg or .pdf; default: %(default)s",
    )
    parser.add_argument(
        "--model",
        type=option(checks.model_file),
        metavar="FILE",
        help="a model that train.py wrote; default: a fresh one",
    )
    parser.add_argument(
        "--rankdir",
        type=option(checks.rankdir),
        default="TB",
        help="direction of the graph: TB, LR, BT or RL; default: %(default)s",
    )
    parser.add_argument(
        "--dpi",
        type=option(checks.dpi),
        default=200,
        help="dots per inch of a .png; default: %(default)s",
    )
    return parser.parse_args()


def main(args):
    model = keras_xor.load_model(args.model) if args.model else keras_xor.build_model()
    keras_xor.plots.plot_model(model, args.to_file, args.rankdir, args.dpi)
    print(f"picture: {args.to_file}")


if __name__ == "__main__":
    run(main, arguments())
