"""Plot a network's predictions over the unit square, or how they formed during training."""

import keras_xor
from keras_xor import checks
from keras_xor.cli import Parser, add_chart, add_checked, add_trained_model, run, say


def arguments():
    parser = Parser(description=__doc__)
    source = parser.add_mutually_exclusive_group()
    add_trained_model(source)
    add_checked(
        source,
        "--record",
        checks.record_file,
        help="a record written by train.py --record; .html and .json get a slider over its "
        "epochs, .png and .svg show up to eight of them",
        metavar="FILE",
    )
    add_chart(parser, "artifacts/surface.png")
    add_checked(parser, "--resolution", checks.resolution, checks.RESOLUTION, "points on each axis")
    return parser.parse_args()


def main(args):
    plots = keras_xor.plots
    if args.record:
        record = keras_xor.files.load_record(args.record)
        if keras_xor.files.is_record_of_another(record, args.record):
            say(f"{args.record} is not from the same run as the model next to it")
        moving = args.to_file.suffix in (".html", ".json")
        draw = plots.surface_by_epoch if moving else plots.surface_multiples
        chart = draw(record, args.resolution)
    else:
        chart = plots.surface(keras_xor.load_model(args.model), args.resolution)
    plots.save(chart, args.to_file)
    print(f"picture: {args.to_file}")


if __name__ == "__main__":
    run(main, arguments)
