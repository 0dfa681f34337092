"""The output of the scripts."""

import contextlib
import sys
import warnings
from pathlib import Path

from keras_xor.checks import one_line


def say(message):
    """Print `message` in one line to standard error, prefixed with the script's name."""
    print(one_line(f"{Path(sys.argv[0]).name}: {message}"), file=sys.stderr)


@contextlib.contextmanager
def warnings_in_one_line():
    """Let `say` print Python's warnings within the block."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *where: say(message)
        yield


def is_number(text):
    """Whether `float` can parse `text`."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def table(header, *lines):
    """Text in columns; columns of numbers (or "never") are right-aligned, others left-aligned."""
    columns = [
        [cell.rjust(width) if numbers else cell.ljust(width) for cell in cells]
        for cells in zip(header, *lines, strict=True)
        for width in [max(map(len, cells))]
        for numbers in [all(is_number(cell) or cell in ("", "never") for cell in cells[1:])]
    ]
    return "\n".join("   ".join(line).rstrip() for line in zip(*columns, strict=True))


def prediction_table(predictions):
    """The result of `keras_xor.prediction.predictions` as text, one line per point."""
    return table(
        ("x1", "x2", "probability", "class"),
        *(
            (f"{point['x1']:.15g}", f"{point['x2']:.15g}", f"{point['y']:.5f}", f"{point['class']}")
            for point in predictions
        ),
    )
