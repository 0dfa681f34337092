"""Train the network with many seeds at once; print how often it learns XOR, and its predictions."""

import sys

import keras_xor
from keras_xor import checks
from keras_xor.cli import (
    Parser,
    add_chart,
    add_checked,
    add_device,
    add_recipe,
    recipe_of,
    run,
    settings_of,
    table,
)
from keras_xor.recipe import GUIDE

GUIDES = settings_of(GUIDE)


def arguments():
    parser = Parser(description=__doc__)
    add_checked(parser, "--seeds", checks.seeds, checks.SEEDS, "number of runs")
    add_checked(parser, "--seed", checks.seed, 0, "determines the seeds of the runs")
    help = "a compiled Keras model, saved by model.save, to study in place of the recipe's network"
    add_checked(parser, "--model", checks.model_file, None, help, "FILE")
    add_recipe(parser)
    add_device(parser)
    add_checked(parser, "--csv", checks.csv_file, None, "where to write one row per run", "FILE")
    add_chart(parser)
    args = parser.parse_args()
    args.recipe = recipe_of(parser, args)
    given = [name for name, value in settings_of(args.recipe).items() if value != GUIDES[name]]
    unused = [
        name for name in given if name not in ("--batch-size", "--steps-per-epoch", "--epochs")
    ]
    if args.model and unused:
        parser.error(f"--model has its own network, loss and optimizer: leave out {unused[0]}")
    return args


def main(args):
    outputs = {"rows": args.csv, "picture": args.to_file}
    outputs = {name: file for name, file in outputs.items() if file}
    for file in outputs.values():
        keras_xor.files.check_writable(file)
    model = keras_xor.files.load_network(args.model) if args.model else None
    rows = keras_xor.seed_study(
        args.recipe, args.seeds, args.seed, model, verbose=int(sys.stdout.isatty())
    )
    if args.csv:
        keras_xor.study.save_rows(rows, args.csv)
    article = keras_xor.study.ARTICLE if args.recipe == GUIDE and not model else {}
    report(keras_xor.study.summary(rows, article), article)
    if args.to_file:
        keras_xor.plots.save(keras_xor.plots.distributions(rows, article), args.to_file)
    for name, file in outputs.items():
        print(f"{name + ':':<8} {file}")


def report(summary, article):
    runs, learned = summary["runs"], summary["learned"]
    low, high = (100 * end for end in summary["interval"])
    print(
        f"{learned} of {runs} runs learned all four points: {100 * learned / runs:.1f} %, "
        f"with a 95 % interval from {low:.1f} to {high:.1f} %"
    )
    if summary["diverged"]:
        print(f"{summary['diverged']} runs diverged and are left out below")
    print()
    print(
        table(
            (
                "x1",
                "x2",
                "5 %",
                "50 %",
                "95 %",
                *(["the article", "percentile"] if article else []),
            ),
            *(
                (*point[-2:], *(f"{y:.5f}" for y in quantiles), *compared(point, article, summary))
                for point, quantiles in summary["quantiles"].items()
            ),
        )
    )
    print()
    steps = summary["median_steps_to_learn"]
    if steps is None:
        print("The median run did not learn all four points.")
    else:
        print(f"The median run learned all four points for good after {steps} steps.")


def compared(point, article, summary):
    if point in article:
        return f"{article[point]:.5f}", f"{summary['percentiles'][point]:.1f}"
    return ("", "") if article else ()


if __name__ == "__main__":
    run(main, arguments)
