"""Files written whole or not at all, whatever ends the process that writes them."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from keras_xor.checks import KerasXorError

try:
    import fcntl
except ImportError:  # On Windows.
    fcntl = None

TEMPORARY = ".keras_xor-"


def check_writable(path):
    """Raise `KerasXorError` now if `path` could not be written later; make its folder."""
    with _reporting(path):
        target = _target(path)
        if target.is_dir():
            raise KerasXorError(f"{path} is a folder: name a file")
        target.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=target.parent).close()


@contextlib.contextmanager
def replacing(path):
    """Give a `Path` to write to, which takes the place of `path` if the block succeeds."""
    with replacing_all([path]) as (new,):
        yield new


@contextlib.contextmanager
def replacing_all(paths):
    """`replacing` for several `paths`, of which none is replaced before all are written."""
    for path in paths:
        check_writable(path)
    targets = [_target(path) for path in paths]
    with _reporting(*paths), contextlib.ExitStack() as stack:
        new = [stack.enter_context(_place_beside(target)) for target in targets]
        yield new
        for file in new:
            _flush(file)
        for file, target in zip(new, targets, strict=True):
            file.replace(target)


@contextlib.contextmanager
def replacing_folder(path):
    """`replacing` for a folder of a SavedModel; no other folder is replaced, but an empty one."""
    target = _target(path)
    with _reporting(path):
        if target.exists() and not target.is_dir():
            raise KerasXorError(f"{path} is a file: name a folder")
        if target.exists() and any(target.iterdir()) and not (target / "saved_model.pb").exists():
            raise KerasXorError(f"{path} is a folder of other things: name a new one")
        target.parent.mkdir(parents=True, exist_ok=True)
        with _place_beside(target) as new:
            yield new
            for file in new.rglob("*"):
                if file.is_file():
                    _flush(file)
            if target.exists():  # A folder takes the place of none but an empty one.
                target.replace(f"{new}.old")
            new.replace(target)


def _target(path):
    return Path(os.path.realpath(path))  # A link stays, and what it names is replaced.


@contextlib.contextmanager
def _place_beside(target):
    """A `Path` like `target` in a folder of its own; that of a killed process is removed."""
    with (
        _lock(target.parent),
        tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=target.parent) as folder,
    ):
        yield Path(folder, target.name)


@contextlib.contextmanager
def _lock(folder):
    """Remove what killed processes left in `folder`, and keep others from doing so.

    Locks tell the living from the dead, with whom they go. Where there are none, as on
    Windows and some network drives, nothing is removed.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # Others are writing.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in folder.glob(f"{TEMPORARY}*"):
                shutil.rmtree(left)
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _flush(file):
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


@contextlib.contextmanager
def _reporting(*paths):
    try:
        yield
    except OSError as error:
        names = " and ".join(map(str, paths))
        raise KerasXorError(
            f"cannot write {names} ({error.strerror or error}): name a file that can be written"
        ) from error
