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
    table,
)
from keras_xor.recipe import GUIDE


def arguments():
    parser = Parser(description=__doc__)
    add_checked(parser, "--seeds", checks.seeds, checks.SEEDS, "number of runs")
    add_checked(parser, "--seed", checks.seed, 0, "determines the seeds of the runs")
    add_recipe(parser)
    add_device(parser)
    add_checked(parser, "--csv", checks.csv_file, None, "where to write one row per run", "FILE")
    add_chart(parser)
    args = parser.parse_args()
    args.recipe = recipe_of(parser, args)
    return args


def main(args):
    outputs = {"rows": args.csv, "picture": args.to_file}
    outputs = {name: file for name, file in outputs.items() if file}
    for file in outputs.values():
        keras_xor.files.check_writable(file)
    rows = keras_xor.seed_study(
        args.recipe, args.seeds, args.seed, verbose=int(sys.stdout.isatty())
    )
    if args.csv:
        keras_xor.study.save_rows(rows, args.csv)
    article = keras_xor.study.ARTICLE if args.recipe == GUIDE else {}
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
