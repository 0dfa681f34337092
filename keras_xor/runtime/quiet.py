"""Silence libraries that ignore Python's settings for warnings and output."""

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

_TURNS = threading.RLock()


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Discard Python's warnings and all output to file descriptor 2 within the block.

    Both belong to the whole process, so threads take turns.
    """
    with _TURNS, warnings.catch_warnings(action="ignore"), Path(os.devnull).open("w") as null:
        saved = os.dup(2)
        os.dup2(null.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
