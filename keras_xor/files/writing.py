"""Write files atomically, even if the process is killed."""

import contextlib
import mmap
import os
import re
import shutil
import stat
import tempfile
import time
import zipfile
from pathlib import Path

from keras_xor.checks import KerasXorError

try:
    import fcntl
except ImportError:  # On Windows.
    fcntl = None

TEMPORARY = ".keras_xor-"
MARK = "keras_xor wrote this file"  # In every file of this package except .csv
MARK_OF_FOLDER = "assets.extra/keras_xor.txt"  # Where a SavedModel keeps extra files.

_LEFT = re.compile(rf"{re.escape(TEMPORARY)}[a-z0-9_]{{8}}")
_OUR_SAVED_MODEL = re.compile(
    r"saved_model\.pb|fingerprint\.pb|assets|assets\.extra|assets\.extra/keras_xor\.txt"
    r"|variables|variables/variables\.(index|data-\d{5}-of-\d{5})"
)


def check_writable(path):
    """Raise `KerasXorError` if `path` cannot be written; create its folder if needed.

    Files that are read-only or that this package did not write are not replaced.
    """
    with _reporting(path):
        target = _target(path)
        if target.is_dir():
            raise KerasXorError(f"{path} is a folder: choose a file")
        if target.exists():
            _check_replaceable(path, target)
            if not _ours(target):
                raise KerasXorError(
                    f"{path} was not written by keras_xor and is kept: choose another file"
                )
        target.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=target.parent).close()


def _check_replaceable(path, target):
    mode = target.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise KerasXorError(f"{path} is not a regular file: choose another")
    if not mode & 0o222 or not os.access(target, os.W_OK):  # Root may write anyway.
        raise KerasXorError(f"{path} is read-only and is kept: choose another or make it writable")


def _ours(file):
    if not file.stat().st_size:
        return True  # Nothing is lost.
    read = {"length": 0, "access": mmap.ACCESS_READ}
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), **read) as content:
        return content.find(MARK.encode()) >= 0 or _is_our_csv(content[:10_000])


def _is_our_csv(start):
    """Whether a file with this start is a history from epoch 1, or the rows of a study.

    A spreadsheet may have added a byte order mark, quotes and semicolons.
    """
    lines = start.decode("utf-8-sig", errors="replace").replace('"', "").splitlines()
    (first, *names), *rows = [re.split("[,;]", line) for line in lines[:2]] or [[""]]
    history = first == "epoch" and "loss" in names and names == sorted(names)
    return (first, names[:1]) == ("seed", ["y_00"]) or (history and rows and rows[0][0] == "1")


def mark_archive(file, note=""):
    """Sign a zip archive, a `Path` or file object, in its comment."""
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = f"{MARK}{note}".encode()


@contextlib.contextmanager
def replacing(path):
    """Yield a `Path` to write to, which replaces `path` if the block succeeds."""
    with replacing_all([path]) as (new,):
        yield new


@contextlib.contextmanager
def replacing_all(paths):
    """`replacing` for several `paths`; none is replaced until all are written."""
    for path in paths:
        check_writable(path)
    targets = [_target(path) for path in paths]
    with _reporting(*paths), contextlib.ExitStack() as stack:
        new = [
            stack.enter_context(_place_beside(target, Path(path).name))
            for target, path in zip(targets, paths, strict=True)
        ]
        yield new
        for file, target, path in zip(new, targets, paths, strict=True):
            check_writable(path)  # Again: it may have changed meanwhile.
            _flush(file)
            _keep_mode(file, target)
        for file, target in zip(new, targets, strict=True):
            file.replace(target)


@contextlib.contextmanager
def replacing_folder(path):
    """`replacing` for a SavedModel folder; of other folders, only empty ones are replaced."""
    target = _target(path)
    with _reporting(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _place_beside(target, target.name) as new:
            _check_saved_model(path, target)
            yield new
            mark = new / MARK_OF_FOLDER
            mark.parent.mkdir()
            mark.write_text(f"{MARK}\n")
            for file in new.rglob("*"):
                if file.is_file():
                    _flush(file)
            _check_saved_model(path, target)
            _keep_mode(new, target)
            _exchange(new, target)


def _check_saved_model(path, target):
    """Raise `KerasXorError` unless `target` is missing, empty or just a SavedModel of ours."""
    if not target.exists():
        return
    if not target.is_dir():
        raise KerasXorError(f"{path} is a file: choose a folder")
    _check_replaceable(path, target)
    if not any(target.iterdir()):
        return
    ours = (target / MARK_OF_FOLDER).exists() and all(
        _OUR_SAVED_MODEL.fullmatch(file.relative_to(target).as_posix())
        for file in target.rglob("*")
    )
    if not ours:
        raise KerasXorError(f"{path} is a folder with other files: choose a new one")


def _exchange(new, target):
    """Rename twice, since a folder can replace only an empty one."""
    aside = new.parents[1] / "aside" / target.name
    aside.parent.mkdir()
    try:
        if target.exists():
            target.replace(aside)
        new.replace(target)
    finally:
        _put_back(new.parents[1])


def _put_back(left):
    """Restore a folder that was set aside and has not been replaced."""
    for aside in left.glob("aside/*"):
        target = left.parent / aside.name
        if not target.exists():
            aside.replace(target)


def _target(path):
    return Path(os.path.realpath(path))  # A link stays, and its target is replaced.


def _keep_mode(new, target):
    if target.exists():
        with contextlib.suppress(AttributeError, PermissionError):  # Only root may do this.
            os.chown(new, target.stat().st_uid, target.stat().st_gid)
        shutil.copymode(target, new)


@contextlib.contextmanager
def _place_beside(target, name):
    """Yield a `Path` with `name` in its own folder next to `target`.

    Leftovers of killed processes are removed.
    """
    with (
        _lock(target.parent),
        tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=target.parent) as folder,
    ):
        new = Path(folder, "new", name)
        new.parent.mkdir()
        yield new


@contextlib.contextmanager
def _lock(folder):
    """Remove leftovers of killed processes in `folder`, and keep other processes from doing so.

    A lock ends with its process. Without locks, as on Windows and some network drives, nothing
    is removed.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # Others are writing.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in filter(_is_left, folder.iterdir()):
                _put_back(left)
                shutil.rmtree(left)
        for _ in range(20):  # Not forever: another process may hold the lock for a whole run.
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def _is_left(folder):
    """Whether `_place_beside` made `folder`."""
    made = _LEFT.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink()
    return made and {file.name for file in folder.iterdir()} <= {"new", "aside"}


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
            f"cannot write {names} ({error.strerror or error}): choose a file you can write"
        ) from error
