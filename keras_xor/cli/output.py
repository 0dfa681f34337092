"""What a script says."""

import sys
from pathlib import Path

from keras_xor import checks


def say(message):
    """Print `message` on standard error, after the name of the script."""
    print(checks.one_line(f"{Path(sys.argv[0]).name}: {message}"), file=sys.stderr)


def table(header, *lines):
    """Text in columns: those of numbers are aligned to the right, others to the left."""
    columns = [
        [cell.rjust(width) if numbers else cell.ljust(width) for cell in cells]
        for cells in zip(header, *lines, strict=True)
        for width in [max(map(len, cells))]
        for numbers in [all(checks.is_number(cell) or not cell for cell in cells[1:])]
    ]
    return "\n".join("   ".join(line).rstrip() for line in zip(*columns, strict=True))


def prediction_table(predictions):
    """What `keras_xor.prediction.predictions` returned, a line a point."""
    return table(
        ("x1", "x2", "probability", "class"),
        *(
            (f"{point['x1']:.15g}", f"{point['x2']:.15g}", f"{point['y']:.5f}", f"{point['class']}")
            for point in predictions
        ),
    )
