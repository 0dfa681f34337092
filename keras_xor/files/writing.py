"""Write files whole or not at all, even if the process is killed, and not too often."""

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from keras_xor.values import KerasXorError

_TEMPORARY = ".keras_xor-"
_HOUR = 3600  # Longer than any file takes to write


def check_writable(path: str | Path) -> None:
    """Raise `KerasXorError` if the file `path` cannot be written; create its folder if needed."""
    with _reporting(path):
        target = _find_target(path)
        if target.is_dir():
            raise OSError("it is a folder")
        tempfile.TemporaryFile(dir=target.parent).close()


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a `Path` to write a file or folder to, which becomes `path` if the block succeeds.

    A file that is there is replaced, and a folder only if it is empty. A link stays, and its
    target is replaced.

    Raises:
        KerasXorError: `path` cannot be written. What is there stays as it is.
    """
    with _reporting(path):
        target = _find_target(path)
        _remove_leftovers(target.parent)
        new = target.with_name(f"{_TEMPORARY}{secrets.token_hex(4)}{Path(path).suffix}")
        try:
            yield new
            _flush(new)
            if target.exists():
                shutil.copymode(target, new)
            new.replace(target)
        finally:
            _remove(new)


def _find_target(path: str | Path) -> Path:
    """What to replace; its folder is created, and a file that is read-only is refused."""
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_file():
        target.open("r+b").close()
    return target


def _remove_leftovers(folder: Path) -> None:
    """Remove leftovers of killed processes, but not what others may be writing."""
    for left in folder.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):  # It may be gone, or somebody else's.
            if left.stat().st_mtime < time.time() - _HOUR:
                _remove(left)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    for file in [path, *path.rglob("*")]:
        if file.is_file():
            with file.open("rb+") as handle:
                os.fsync(handle.fileno())


@contextlib.contextmanager
def _reporting(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise KerasXorError(f"cannot write {path} ({reason}): choose another file") from error


class Throttle:
    """Saves at most once every few seconds, and for at most a 25th of the time."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._due = clock() + seconds

    def __call__(self, save: Callable[[], None]) -> None:
        """Call `save()` if it is time to."""
        start = self._clock()
        if start >= self._due:
            save()
            end = self._clock()
            self._due = end + (self._seconds and max(self._seconds, 25 * (end - start)))
