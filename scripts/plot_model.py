"""Draw a network as a graph of its layers."""

import keras_xor
from keras_xor import cli
from keras_xor.values import int_parser


def arguments():
    parser = cli.Parser(__doc__, "plot_model.py --rankdir LR")
    cli.add_model(parser, "any Keras model; default: an untrained network", default=None)
    pictures = cli.path_parser(".png", ".svg", ".pdf")
    help = "where to write the picture: .png, .svg or .pdf"
    cli.add_value(parser, "--to-file", pictures, help, "artifacts/model.png")
    help = "direction of the graph; default: %(default)s"
    parser.add_argument("--rankdir", choices=("TB", "LR", "BT", "RL"), default="TB", help=help)
    cli.add_value(parser, "--dpi", int_parser(1, 600), "dots per inch of a .png", 200, "N")
    return parser.parse_args()


def main(args):
    load = keras_xor.files.load_any_model
    model = load(args.model) if args.model else keras_xor.build_model()
    keras_xor.plots.plot_model(model, args.to_file, args.rankdir, args.dpi)
    print(f"picture: {args.to_file}")


if __name__ == "__main__":
    cli.run_script(main, arguments)
