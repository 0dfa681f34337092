"""Measure the cost of training: per step, for growing batches and epochs, studies, processes."""

import json
from pathlib import Path

import keras_xor
from keras_xor.cli import Parser, run, say, table

SCRIPTS = Path(__file__).parent


def arguments():
    parser = Parser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    return parser.parse_args()


def main(args):
    benchmark = keras_xor.benchmark
    if not benchmark.has_jax():
        say("JAX is not installed, so its row is missing: pip install jax")
    report = {}
    for name, measure, show in (
        ("machine", benchmark.machine, machine_table),
        ("steps", benchmark.step_costs, steps_table),
        ("growth", benchmark.growth, growth_table),
        ("studies", benchmark.study_costs, studies_table),
        ("processes", lambda: benchmark.process_costs(SCRIPTS), processes_table),
    ):
        report[name] = measure()
        if not args.json:
            print(show(report[name]), end="\n\n", flush=True)
    if args.json:
        print(json.dumps(report, indent=2))


def machine_table(facts):
    return table(*((name, str(fact)) for name, fact in facts.items()))


def steps_table(rows):
    return compared_table("us per step", rows, digits=2)


def growth_table(rows):
    return table(
        ("batch size", "steps", "us per step, median", "min", "max"),
        *((str(row["batch_size"]), str(row["steps"]), *microseconds(row)) for row in rows),
    )


def studies_table(rows):
    return compared_table("us per step and run", rows, digits=3)


def compared_table(title, rows, digits):
    return table(
        (title, "median", "min", "max", "ratio"),
        *((row["how"], *microseconds(row, digits), f"{row['ratio']:.2f}") for row in rows),
    )


def microseconds(row, digits=2):
    return tuple(f"{row[name]:.{digits}f}" for name in ("median", "min", "max"))


def processes_table(rows):
    alone = rows[0]
    return table(
        ("a process", "seconds", "ratio", "peak MiB", "ratio"),
        *(
            (
                row["what"],
                f"{row['seconds']:.2f}",
                f"{row['seconds'] / alone['seconds']:.2f}",
                f"{row['mebibytes']:.0f}",
                f"{row['mebibytes'] / alone['mebibytes']:.2f}",
            )
            for row in rows
        ),
    )


if __name__ == "__main__":
    run(main, arguments)
