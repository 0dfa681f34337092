"""Open files safely, whatever their type."""

import contextlib
import os
import stat
from pathlib import Path

from keras_xor.checks import KerasXorError

ADVICE = "choose a file written by train.py"


@contextlib.contextmanager
def opening(path, what, made_by="train.py"):
    """Open a regular file to read bytes; raise `KerasXorError` if it is missing or another type."""
    try:
        # Without waiting, since a FIFO would wait for its writer.
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise KerasXorError(f"{path} is not a regular file: {ADVICE}")
            yield file
    except FileNotFoundError:
        raise KerasXorError(f"no {what} at {path}: run python scripts/{made_by} first") from None
    except OSError as error:
        reason = error.strerror or error
        raise KerasXorError(f"cannot read {path} ({reason}): {ADVICE}") from error


def _open_without_waiting(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def model_beside(path):
    """The `Path` of the model that train.py wrote along with the file at `path`."""
    return Path(path).with_suffix(".keras")
