"""Silence for C libraries that write to standard error past Python and its settings."""

import contextlib
import os
from pathlib import Path


@contextlib.contextmanager
def silent_stderr():
    """Discard what is written to file descriptor 2 within the block."""
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("w") as null:
            os.dup2(null.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
