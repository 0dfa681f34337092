"""Train networks with many seeds at once; print how often they learn, and their predictions.

Several values of an option mean a study of each of them, and of every combination.
"""

import contextlib
import sys

import keras_xor
from keras_xor import cli
from keras_xor.recipe import DATA_FIELDS, DEFAULT, compare_settings
from keras_xor.values import int_parser


def arguments():
    parser = cli.Parser(__doc__, "seed_study.py --hidden-units 2 3 4 8")
    cli.add_recipe(parser, several=True)
    files = parser.add_argument_group("files")
    cli.add_model(files, "a compiled Keras model to study in place of the recipe's network", None)
    help = "the points that --model trains on: a header, and columns of its inputs and labels"
    cli.add_value(files, "--points", cli.path_parser(".csv"), help)
    help = "where to write one row per run, while the study goes on"
    cli.add_value(files, "--csv", cli.path_parser(".csv"), help)
    cli.add_chart(files)
    run = parser.add_argument_group("run")
    cli.add_value(run, "--seeds", int_parser(1, 10**6), "number of runs", 1_000, "N")
    cli.add_seed(run, "determines the seeds of the runs")
    cli.add_device(run)
    help = "address of a Dask scheduler whose workers train, such as tcp://127.0.0.1:8786"
    run.add_argument("--scheduler", help=help, metavar="ADDRESS")
    help = "continue an interrupted study of the file from --csv"
    run.add_argument("--resume", action="store_true", help=help)
    args = parser.parse_args()
    args.recipes = cli.parse_recipes(parser, args)
    check_together(parser, args)
    return args


def check_together(parser, args):
    unused = [
        name for recipe in args.recipes for name in recipe.changes() if name not in DATA_FIELDS
    ]
    varied = len(compare_settings(args.recipes)[0])
    if args.model and unused:
        option = cli.name_option(unused[0])
        parser.error(f"--model has its own network, loss and optimizer: leave out {option}")
    if args.points and not args.model:
        parser.error("--points are for --model: add it")
    if args.points and args.labels:
        parser.error("--points has its own labels: leave out --labels")
    if args.resume and not args.csv:
        parser.error("--resume continues the file from --csv: add --csv")
    if args.device and args.scheduler:
        parser.error("--scheduler trains on other machines: leave out --device")
    if args.to_file and varied > 4:
        parser.error(f"--to-file draws up to 4 options with several values, not {varied}")


def main(args):
    outputs = {"rows": args.csv, "picture": args.to_file}
    outputs = {name: file for name, file in outputs.items() if file}
    for file in outputs.values():
        keras_xor.files.check_writable(file)
    studies = study(args)
    article = keras_xor.study.ARTICLE if args.recipes == [DEFAULT] and not args.model else {}
    if args.to_file:
        plots = keras_xor.plots
        several = len(studies) > 1
        chart = (
            plots.plot_recipes(studies) if several else plots.plot_distributions(*studies, article)
        )
        plots.save_chart(chart, args.to_file)
    if args.model and len({recipe.labels for recipe in args.recipes}) == 1:
        points = studies[0].points
        more = [f"... ({len(points)} in all)"] if len(points) > 8 else []
        print(f"points: {', '.join(points[:8] + more)}\n")
    print(format_map(studies) if len(studies) > 1 else format_study(studies[0], article))
    if outputs:
        print()
    for name, file in outputs.items():
        print(f"{name + ':':<8} {file}")


def study(args):
    """The study of each recipe."""
    x = y = executor = None
    if args.points:
        x, y = keras_xor.study.read_points(args.points, keras_xor.files.load_any_model(args.model))
    with contextlib.ExitStack() as stack:
        if args.scheduler:
            executor = stack.enter_context(keras_xor.study.connect_dask(args.scheduler))
        try:
            return keras_xor.sweep(
                args.recipes,
                args.seeds,
                args.seed,
                model=args.model,
                x=x,
                y=y,
                file=args.csv,
                resume=args.resume,
                verbose=1 if sys.stdout.isatty() else 2 if len(args.recipes) > 1 else 0,
                executor=executor,
            )
        except KeyboardInterrupt:
            if args.csv:
                raise KeyboardInterrupt(f"continue with {cli.repeat_command('--resume')}") from None
            raise


def format_map(studies):
    """A table with a line per recipe, with the 95 % interval of the share that learns."""
    labels = compare_settings([study.recipe for study in studies])
    header = *labels[0], "learned, %", "from", "to", "median steps", "median loss"
    lines = []
    for label, summary in zip(labels, (study.summarize() for study in studies), strict=True):
        shares = summary["learned"] / summary["runs"], *summary["interval"]
        steps = summary["median_steps_to_learn"] or "never"
        loss = f"{summary['median_loss']:.4f}"
        lines.append((*label.values(), *(f"{100 * s:.1f}" for s in shares), f"{steps}", loss))
    return cli.format_table(header, *lines)


def format_study(study, article):
    """The results of the runs of one recipe, as text."""
    summary = study.summarize(article)
    runs, learned, diverged = (summary[name] for name in ("runs", "learned", "diverged"))
    low, high = (100 * end for end in summary["interval"])
    share = (
        f"{learned} of {runs} runs learned all {len(study.points)} points: "
        f"{100 * learned / runs:.1f} %, with a 95 % interval from {low:.1f} to {high:.1f} %"
    )
    if diverged == runs:
        return f"{share}\nAll runs diverged: lower the learning rate"
    if diverged:
        share += f"\n{diverged} runs diverged and are left out below"
    header = "point", "5 %", "50 %", "95 %", *(["the article", "percentile"] if article else [])
    lines = []
    for label, name in zip(label_predictions(study), study.names, strict=True):
        compared = ("", "") if article else ()
        if name in article:
            compared = f"{article[name]:.5f}", f"{summary['percentiles'][name]:.1f}"
        lines.append((label, *(f"{y:.5f}" for y in summary["quantiles"][name]), *compared))
    steps = summary["median_steps_to_learn"]
    median = "learned all points for good after" if steps else "did not learn all points"
    end = f"The median run {median}{f' {steps} steps' if steps else ''}."
    return f"{share}\n\n{cli.format_table(header, *lines)}\n\n{end}"


def label_predictions(study):
    """The point and the label of each prediction, and the output if there are several."""
    outputs = len(study.names) // len(study.points)
    if outputs == 1:
        return study.points
    return [f"{point}, output {n}" for point in study.points for n in range(outputs)]


if __name__ == "__main__":
    cli.run_script(main, arguments)
