"""Draw what a trained network says over the unit square, or how it came to say so."""

import keras_xor
from keras_xor import checks, recipe
from keras_xor.command_line import Parser, option, run


def arguments():
    parser = Parser(description=__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--model",
        type=option(checks.model_file),
        default=recipe.MODEL_FILE,
        metavar="FILE",
        help="a model that train.py wrote; default: %(default)s",
    )
    source.add_argument(
        "--record",
        type=option(checks.record_file),
        metavar="FILE",
        help="a record that train.py --record wrote: .html and .json get a slider over its "
        "epochs, .png and .svg up to eight of them",
    )
    parser.add_checked(
        "--to-file",
        checks.chart_file,
        recipe.SURFACE_PICTURE,
        "the chart, .png, .svg, .html or .json",
        "FILE",
    )
    parser.add_checked("--resolution", checks.resolution, recipe.RESOLUTION, "points on each axis")
    return parser.parse_args()


def main(args):
    plots = keras_xor.plots
    if not args.record:
        chart = plots.surface(keras_xor.load_model(args.model), args.resolution)
    elif args.to_file.suffix in (".html", ".json"):
        chart = plots.surface_by_epoch(keras_xor.files.load_record(args.record), args.resolution)
    else:
        chart = plots.surface_multiples(keras_xor.files.load_record(args.record), args.resolution)
    plots.save(chart, args.to_file)
    print(f"picture: {args.to_file}")


if __name__ == "__main__":
    run(main, arguments())
