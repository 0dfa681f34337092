"""Draw the network as a graph of its layers."""

import keras_xor
from keras_xor import checks
from keras_xor.cli import Parser, add_checked, run


def arguments():
    parser = Parser(description=__doc__)
    add_checked(
        parser,
        "--to-file",
        checks.model_picture,
        "artifacts/model.png",
        "where to write the picture: .png, .svg or .pdf",
        "FILE",
    )
    add_checked(
        parser,
        "--model",
        checks.model_file,
        help="a model written by train.py; default: an untrained one",
        metavar="FILE",
    )
    add_checked(
        parser,
        "--rankdir",
        checks.rankdir,
        "TB",
        "direction of the graph: TB, LR, BT or RL",
        "DIRECTION",
    )
    add_checked(parser, "--dpi", checks.dpi, 200, "dots per inch of a .png")
    return parser.parse_args()


def main(args):
    model = keras_xor.load_model(args.model) if args.model else keras_xor.build_model()
    keras_xor.plots.plot_model(model, args.to_file, args.rankdir, args.dpi)
    print(f"picture: {args.to_file}")


if __name__ == "__main__":
    run(main, arguments)
