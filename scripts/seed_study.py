"""Train networks with many seeds at once; print how often they learn, and their predictions.

Several values of an option mean a study of each of them, and of every combination.
"""

import contextlib
import sys

import keras_xor
from keras_xor import cli
from keras_xor.checks import whole_number
from keras_xor.recipe import GUIDE, OF_DATA, varied_settings


def arguments():
    parser = cli.Parser(description=__doc__)
    cli.add_value(parser, "--seeds", whole_number(1, 10**6), "number of runs", 1_000, "N")
    cli.add_seed(parser, "determines the seeds of the runs")
    cli.add_model(parser, "a compiled Keras model to study in place of the recipe's network", None)
    help = "the points that --model trains on: a header, and columns of its inputs and labels"
    cli.add_value(parser, "--points", cli.file_name(".csv"), help)
    cli.add_recipe(parser, several=True)
    cli.add_device(parser)
    help = "address of a Dask scheduler whose workers train, such as tcp://127.0.0.1:8786"
    parser.add_argument("--scheduler", help=help, metavar="ADDRESS")
    help = "where to write one row per run, while the study goes on"
    cli.add_value(parser, "--csv", cli.file_name(".csv"), help)
    help = "continue an interrupted study of the file from --csv"
    parser.add_argument("--resume", action="store_true", help=help)
    cli.add_chart(parser)
    args = parser.parse_args()
    args.recipes = cli.recipes_of(parser, args)
    check_together(parser, args)
    return args


def check_together(parser, args):
    unused = [name for recipe in args.recipes for name in recipe.changes() if name not in OF_DATA]
    varied = len(varied_settings(args.recipes)[0])
    if args.model and unused:
        parser.error(
            f"--model has its own network, loss and optimizer: leave out {cli.option_of(unused[0])}"
        )
    if args.points and not args.model:
        parser.error("--points are for --model: add it")
    if args.points and args.labels != [GUIDE.labels]:
        parser.error("--points has its own labels: leave out --labels")
    if args.resume and not args.csv:
        parser.error("--resume continues the file from --csv: add --csv")
    if args.device and args.scheduler:
        parser.error("--device is of this machine, but --scheduler trains on others: leave out one")
    if args.to_file and varied > 4:
        parser.error(f"--to-file draws up to 4 options with several values, not {varied}")


def main(args):
    outputs = {"rows": args.csv, "picture": args.to_file}
    outputs = {name: file for name, file in outputs.items() if file}
    for file in outputs.values():
        keras_xor.files.check_writable(file)
    studies = study(args)
    if args.to_file:
        keras_xor.plots.save(picture(args, studies), args.to_file)
    if args.model and len({*args.labels}) == 1:
        print(f"points: {points_of(studies[0])}\n")
    if len(studies) > 1:
        print(map_of(studies))
    else:
        report(studies[0], article_of(args))
    if outputs:
        print()
    for name, file in outputs.items():
        print(f"{name + ':':<8} {file}")


def study(args):
    """The study of each recipe."""
    scheduler = args.scheduler
    verbose = 1 if sys.stdout.isatty() else 2 if len(args.recipes) > 1 else 0
    try:
        with contextlib.ExitStack() as stack:
            return keras_xor.sweep(
                args.recipes,
                seeds=args.seeds,
                seed=args.seed,
                **what_is_studied(args),
                file=args.csv,
                resume=args.resume,
                verbose=verbose,
                executor=scheduler
                and stack.enter_context(keras_xor.study.dask_executor(scheduler)),
            )
    except KeyboardInterrupt:
        if args.csv:
            raise KeyboardInterrupt(f"continue with {cli.typed_command('--resume')}") from None
        raise


def what_is_studied(args):
    """The model and its points, if they are not a recipe's."""
    if not args.points:
        return {"model": args.model}
    model = keras_xor.files.load_any_model(args.model)
    x, y = keras_xor.study.read_points(args.points, model)
    return {"model": args.model, "x": x, "y": y}


def points_of(study):
    more = [f"... ({len(study.points)} in all)"] if len(study.points) > 8 else []
    return ", ".join(study.points[:8] + more)


def article_of(args):
    """The article's predictions, if they are of this study's recipe."""
    return keras_xor.study.ARTICLE if args.recipes == [GUIDE] and not args.model else {}


def picture(args, studies):
    if len(studies) > 1:
        return keras_xor.plots.share_learned(studies)
    return keras_xor.plots.distributions(studies[0], article_of(args))


def map_of(studies):
    """A table with a line per recipe, with the 95 % interval of the share that learns."""
    labels = varied_settings([study.recipe for study in studies])
    header = *labels[0], "learned, %", "from", "to", "median steps", "median loss"
    return cli.table(header, *map(line_of, labels, (study.summary() for study in studies)))


def line_of(label, summary):
    low, high = (100 * end for end in summary["interval"])
    return (
        *label.values(),
        f"{100 * summary['learned'] / summary['runs']:.1f}",
        f"{low:.1f}",
        f"{high:.1f}",
        f"{summary['median_steps_to_learn'] or 'never'}",
        f"{summary['median_loss']:.4f}",
    )


def report(study, article):
    """Print what the runs of one recipe gave."""
    summary = study.summary(article)
    runs, learned = summary["runs"], summary["learned"]
    low, high = (100 * end for end in summary["interval"])
    print(
        f"{learned} of {runs} runs learned all {len(study.points)} points: "
        f"{100 * learned / runs:.1f} %, with a 95 % interval from {low:.1f} to {high:.1f} %"
    )
    if summary["diverged"] == runs:
        print("All runs diverged: lower the learning rate")
        return
    if summary["diverged"]:
        print(f"{summary['diverged']} runs diverged and are left out below")
    print()
    header = "point", "5 %", "50 %", "95 %", *(["the article", "percentile"] if article else [])
    lines = (
        (label, *(f"{y:.5f}" for y in quantiles), *compared(name, article, summary))
        for label, (name, quantiles) in zip(
            prediction_labels(study), summary["quantiles"].items(), strict=True
        )
    )
    print(cli.table(header, *lines))
    print()
    steps = summary["median_steps_to_learn"]
    if steps is None:
        print("The median run did not learn all points.")
    else:
        print(f"The median run learned all points for good after {steps} steps.")


def prediction_labels(study):
    """What each prediction is of: a point and its label, and an output if there are several."""
    outputs = len(study.names) // len(study.points)
    if outputs == 1:
        return study.points
    return [f"{point}, output {n}" for point in study.points for n in range(outputs)]


def compared(point, article, summary):
    if point in article:
        return f"{article[point]:.5f}", f"{summary['percentiles'][point]:.1f}"
    return ("", "") if article else ()


if __name__ == "__main__":
    cli.run_script(main, arguments)
