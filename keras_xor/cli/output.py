"""The output of the scripts."""

import contextlib
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from keras_xor.values import to_one_line


def print_message(message: object) -> None:
    """Print a message in one line to standard error, prefixed with the script's name."""
    print(to_one_line(f"{Path(sys.argv[0]).name}: {message}"), file=sys.stderr)


@contextlib.contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Let `print_message` print Python's warnings within the block."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *where: print_message(message)  # type: ignore[assignment]
        yield


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def format_table(header: Sequence[str], *lines: Sequence[str]) -> str:
    """Text in columns; columns of numbers (or "never") are right-aligned, others left-aligned."""
    columns = [
        [cell.rjust(width) if numbers else cell.ljust(width) for cell in cells]
        for cells in zip(header, *lines, strict=True)
        for width in [max(map(len, cells))]
        for numbers in [all(is_number(cell) or cell in ("", "never") for cell in cells[1:])]
    ]
    return "\n".join("   ".join(line).rstrip() for line in zip(*columns, strict=True))


def format_predictions(predictions: Iterable[dict[str, Any]], labels: str = "") -> str:
    """What `keras_xor.prediction.list_predictions` returns as text, one line per point.

    With a label for each, such as "0110", a mark tells which predictions are right.
    """
    header = ["x1", "x2", "prediction", "class"]
    lines = [
        [f"{x1:.15g}", f"{x2:.15g}", f"{prediction:.5f}", f"{label}"]
        for x1, x2, prediction, label in (point.values() for point in predictions)
    ]
    if labels:
        header.append("")
        for line, label in zip(lines, labels, strict=True):
            line.append("\u2713" if line[-1] == label else "\u2717")
    return format_table(header, *lines)
