"""Plot a network's predictions over the unit square, or what its hidden units make of it."""

from pathlib import Path

import keras_xor
from keras_xor import cli
from keras_xor.values import int_parser, parse_labels


def arguments():
    parser = cli.Parser(__doc__, "plot_surface.py --run --hidden --to-file artifacts/hidden.html")
    source = parser.add_mutually_exclusive_group()
    cli.add_model(source)
    help = (
        "a run written by train.py, to draw how the picture formed: .html and .json get a slider "
        f"over its epochs, .png and .svg show up to eight of them; alone: {cli.RUN_FILE}"
    )
    cli.add_run(source, help, nargs="?", const=cli.RUN_FILE)
    help = "draw the square as the last hidden layer sees it"
    parser.add_argument("--hidden", action="store_true", help=help)
    cli.add_chart(parser, help="; default: artifacts/surface.png, or hidden.png")
    cli.add_value(parser, "--resolution", int_parser(2, 200), "points on each axis", 50, "N")
    help = "labels of the four points, the colours of their dots; of a run, its own"
    cli.add_value(parser, "--labels", parse_labels, help, "0110", "LABELS")
    return parser.parse_args()


def main(args):
    chart = plot_run(args) if args.run else plot_model(args)
    file = args.to_file or Path("artifacts", "hidden.png" if args.hidden else "surface.png")
    keras_xor.plots.save_chart(chart, file)
    print(f"picture: {file}")


def plot_model(args):
    model = keras_xor.load_model(args.model)
    if args.hidden:
        return keras_xor.plots.plot_hidden_space(model, args.labels)
    return keras_xor.plots.plot_surface(model, args.resolution, args.labels)


def plot_run(args):
    run, plots = keras_xor.Run.load(args.run), keras_xor.plots
    moving = args.to_file and args.to_file.suffix in (".html", ".json")
    if args.hidden:
        draw = plots.plot_hidden_space_by_epoch if moving else plots.plot_hidden_space_multiples
        return draw(run)
    draw = plots.plot_surface_by_epoch if moving else plots.plot_surface_multiples
    return draw(run, args.resolution)


if __name__ == "__main__":
    cli.run_script(main, arguments)
