"""Silence libraries that ignore Python's settings for warnings and output."""

import contextlib
import os
import threading
import warnings
from pathlib import Path

_TURNS = threading.RLock()


@contextlib.contextmanager
def no_warnings():
    """Discard Python's warnings within the block.

    Warning filters apply to the whole process, so threads take turns.
    """
    with _TURNS, warnings.catch_warnings(action="ignore"):
        yield


@contextlib.contextmanager
def silence():
    """Discard Python's warnings and all output to file descriptor 2 within the block."""
    with no_warnings(), _silent_stderr():
        yield


@contextlib.contextmanager
def _silent_stderr():
    try:
        saved = os.dup(2)
    except OSError:  # It is closed.
        yield
        return
    try:
        with Path(os.devnull).open("w") as null:
            os.dup2(null.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
