"""Plot a network's predictions over the unit square, or how they formed during training."""

import keras_xor
from keras_xor import cli
from keras_xor.values import int_parser


def arguments():
    parser = cli.Parser(__doc__, "plot_surface.py --run --to-file artifacts/surface.html")
    source = parser.add_mutually_exclusive_group()
    cli.add_model(source)
    help = (
        "a run written by train.py, to draw how its predictions formed: .html and .json get a "
        f"slider over its epochs, .png and .svg show up to eight of them; alone: {cli.RUN_FILE}"
    )
    cli.add_run(source, help, nargs="?", const=cli.RUN_FILE)
    cli.add_chart(parser, "artifacts/surface.png")
    cli.add_value(parser, "--resolution", int_parser(2, 200), "points on each axis", 50, "N")
    return parser.parse_args()


def main(args):
    plots = keras_xor.plots
    if args.run:
        moving = args.to_file.suffix in (".html", ".json")
        draw = plots.plot_surface_by_epoch if moving else plots.plot_surface_multiples
        chart = draw(keras_xor.Run.load(args.run), args.resolution)
    else:
        chart = plots.plot_surface(keras_xor.load_model(args.model), args.resolution)
    plots.save_chart(chart, args.to_file)
    print(f"picture: {args.to_file}")


if __name__ == "__main__":
    cli.run_script(main, arguments)
