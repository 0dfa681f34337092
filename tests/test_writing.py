import fcntl
import os
import stat
from pathlib import Path

import keras
import pytest

import keras_xor
from keras_xor.files import writing
from keras_xor.files.writing import MARK, check_writable, replacing, replacing_all, replacing_folder

OLD, NEW = f"old, {MARK}", f"new, {MARK}"


def contents(folder):
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}


def test_all_or_none(tmp_path):
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_text(OLD)
    with pytest.raises(KeyError), replacing_all(files) as new:  # noqa: PT012
        for file in new:
            file.write_text(NEW)
        assert contents(tmp_path)["a"] == contents(tmp_path)["b"] == OLD
        raise KeyError
    assert contents(tmp_path) == {"a": OLD, "b": OLD}

    with replacing_all(files) as new:
        for file in new:
            file.write_text(NEW)
    assert contents(tmp_path) == {"a": NEW, "b": NEW}


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.keras"
    path.write_text(OLD)

    def fail(model, file):
        file.write_bytes(b"half a mod")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", fail)
    with pytest.raises(keras_xor.KerasXorError, match="No space left on device"):
        keras_xor.save_model(keras_xor.build_model(), path)
    assert path.read_text() == OLD
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", ["folder.keras", "file/a.keras", "n" * 300 + ".keras"])
def test_unwritable(tmp_path, path):
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "file").write_text("kept")
    with pytest.raises(keras_xor.KerasXorError, match="choose a file"):
        keras_xor.save_model(keras_xor.build_model(), tmp_path / path)
    assert (tmp_path / "file").read_text() == "kept"
    assert not any((tmp_path / "folder.keras").iterdir())


def test_nothing_is_replaced_before_it_is_on_disk(tmp_path, monkeypatch):
    (tmp_path / "a").write_text(OLD)
    there = []
    monkeypatch.setattr(os, "fsync", lambda handle: there.append(contents(tmp_path)))
    with replacing(tmp_path / "a") as new:
        new.write_text(NEW)
    assert there == [{"a": OLD}]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link(tmp_path, there):
    link, target = tmp_path / "link", tmp_path / "elsewhere" / "target"
    if there:
        target.parent.mkdir()
        target.write_text(OLD)
    link.symlink_to(target)
    with replacing(link) as new:
        new.write_text(NEW)
    assert link.readlink() == target
    assert contents(target.parent) == {"target": NEW}
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_to_a_file_of_another_suffix(tmp_path):
    (tmp_path / "a.keras").symlink_to(tmp_path / "version_1")
    model = keras_xor.build_model()
    for _ in range(2):
        keras_xor.save_model(model, tmp_path / "a.keras")
    assert (tmp_path / "a.keras").readlink() == tmp_path / "version_1"
    assert keras_xor.predict(keras_xor.load_model(tmp_path / "a.keras"), 0, 0) == 0.5


def test_what_somebody_writes_meanwhile_is_kept(tmp_path):
    def write():
        with replacing(tmp_path / "a") as new:
            new.write_text(NEW)
            (tmp_path / "a").write_text("precious")

    with pytest.raises(keras_xor.KerasXorError, match="was not written by keras_xor"):
        write()
    assert contents(tmp_path) == {"a": "precious"}


def test_what_the_dead_left_is_removed(tmp_path):
    left = tmp_path / f"{writing.TEMPORARY}abcdefg1" / "new" / "a"
    left.parent.mkdir(parents=True)
    left.write_text("half a fi")

    def write():
        with replacing(tmp_path / "b") as new:
            new.write_text(NEW)

    living = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(living, fcntl.LOCK_SH)
    write()
    assert left.exists()
    os.close(living)
    write()
    assert contents(tmp_path) == {"b": NEW}


def test_what_only_looks_left_is_kept(tmp_path):
    for name in (f"{writing.TEMPORARY}backup", f"{writing.TEMPORARY}abcdefgh"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "precious").write_text("precious")
    with replacing(tmp_path / "b") as new:
        new.write_text(NEW)
    assert len([*tmp_path.glob("*/precious")]) == 2


def test_a_folder_that_somebody_has_locked(tmp_path):
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with replacing(tmp_path / "a") as new:
        new.write_text(NEW)
    os.close(other)
    assert contents(tmp_path) == {"a": NEW}


def test_where_there_are_no_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "fcntl", None)
    with replacing(tmp_path / "a") as new:
        new.write_text(NEW)
    assert contents(tmp_path) == {"a": NEW}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("xor.keras", b"PK\3\4 a model of hours"),
        ("weather.csv", b"day,rain\n1,0.5\n"),
        ("log.csv", b"epoch,accuracy,loss\n0,0.5,0.7\n"),
        ("time.csv", b"epoch,rain\n1,0.5\n"),
        ("torch.csv", b"epoch,loss,val_loss,notes\n1,0.5,0.6,A100\n"),
        ("long.csv", b"epoch," + b" loss" * 40_000),
        ("a.npz", b"PK\3\4"),
        ("a.checkpoint", b"of another program"),
        ("holiday.png", b"\x89PNG\r\n"),
        ("package.json", b"{}"),
        ("log.json", b'"a.keras was not written by keras_xor and is kept: choose another file"'),
    ],
)
def test_what_others_wrote_is_kept(tmp_path, name, content):
    file = tmp_path / name
    file.write_bytes(content)
    with (
        pytest.raises(keras_xor.KerasXorError, match=f"{name} was not written by keras_xor and"),
        replacing(file),
    ):
        raise AssertionError("it would be written")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: content}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 10**6 + MARK.encode(),
        b"epoch,accuracy,loss\n1,0.5,0.7\n",
        b"\xef\xbb\xbfepoch,accuracy,loss\r\n1,0.5,0.7\r\n",
        b"\xef\xbb\xbfepoch;accuracy;loss\r\n1;0,5;0,7\r\n",
        b"seed,y_00,y_01\n",
    ],
)
def test_what_was_written_here_or_is_empty_is_replaced(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with replacing(tmp_path / "a") as new:
        new.write_text(NEW)
    assert contents(tmp_path) == {"a": NEW}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_mode_is_kept(tmp_path, mode):
    file = tmp_path / "a"
    file.write_text(OLD)
    file.chmod(mode)
    with replacing(file) as new:
        new.write_text(NEW)
    assert contents(tmp_path) == {"a": NEW}
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_what_is_read_only_is_kept(tmp_path):
    file, folder = tmp_path / "a", tmp_path / "b"
    file.write_text(OLD)
    folder.mkdir()
    for path, write in ((file, replacing), (folder, replacing_folder)):
        path.chmod(0o444)
        with pytest.raises(keras_xor.KerasXorError, match="is read-only and is kept"), write(path):
            raise AssertionError("it would be written")
    assert contents(tmp_path) == {"a": OLD}


def test_what_is_no_regular_file_is_kept(tmp_path):
    os.mkfifo(tmp_path / "fifo.keras")
    (tmp_path / "null.keras").symlink_to("/dev/null")
    for name in ("fifo.keras", "null.keras"):
        with pytest.raises(keras_xor.KerasXorError, match="is not a regular file"):
            check_writable(tmp_path / name)
    assert stat.S_ISFIFO((tmp_path / "fifo.keras").stat().st_mode)
    assert Path("/dev/null").is_char_device()


# SavedModel folders.


def saved_model(folder, text):
    (folder / "variables").mkdir(parents=True)
    (folder / "assets").mkdir()
    for name in ("saved_model.pb", "variables/variables.index"):
        (folder / name).write_text(text)
    (folder / "variables" / "variables.data-00000-of-00001").write_text(text)
    return folder


def old_saved_model(folder):
    saved_model(folder, "old")
    mark = folder / writing.MARK_OF_FOLDER
    mark.parent.mkdir()
    mark.write_text(MARK)
    return folder


def texts(folder):
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {file.read_text().strip() for file in files} - {MARK}


def test_a_saved_model_is_replaced(tmp_path):
    old_saved_model(tmp_path / "a").chmod(0o750)
    with replacing_folder(tmp_path / "a") as new:
        saved_model(new, "new")
        assert texts(tmp_path / "a") == {"old"}
    assert texts(tmp_path / "a") == {"new"}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o750
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["xor.keras", "notes.txt", "variables/a", "assets/a", "a/b"])
@pytest.mark.parametrize("late", [False, True])
def test_a_saved_model_beside_other_things_is_kept(tmp_path, name, late):
    folder = old_saved_model(tmp_path / "sm")

    def add():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("precious")

    def replace():
        with replacing_folder(folder) as new:
            saved_model(new, "new")
            if late:
                add()

    if not late:
        add()
    with pytest.raises(keras_xor.KerasXorError, match="is a folder with other files: choose a new"):
        replace()
    assert texts(tmp_path) == {"old", "precious"}


def test_a_saved_model_of_others_is_kept(tmp_path):
    saved_model(tmp_path / "sm", "precious")
    with (
        pytest.raises(keras_xor.KerasXorError, match="is a folder with other files"),
        replacing_folder(tmp_path / "sm"),
    ):
        raise AssertionError("it would be written")
    assert texts(tmp_path) == {"precious"}


class Kill(BaseException):
    pass


def test_a_folder_that_a_kill_left_without_its_name_gets_it_back(tmp_path, monkeypatch):
    """A kill between the two renames, after which no `finally` runs."""
    old_saved_model(tmp_path / "a")
    monkeypatch.setattr(writing, "_put_back", lambda left: None)
    monkeypatch.setattr(writing.tempfile, "TemporaryDirectory", LeftFolder)
    rename = Path.replace

    def kill(path, target):
        if "new" in path.parts:
            raise Kill
        return rename(path, target)

    def replace():
        with replacing_folder(tmp_path / "a") as new:
            saved_model(new, "new")

    monkeypatch.setattr(Path, "replace", kill)
    with pytest.raises(Kill):
        replace()
    assert not (tmp_path / "a").exists()
    monkeypatch.undo()

    with replacing(tmp_path / "b") as new:  # Any later write next to it.
        new.write_text(NEW)
    assert texts(tmp_path / "a") == {"old"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


class LeftFolder:
    """A `TemporaryDirectory` of a process that is killed."""

    def __init__(self, prefix, dir):
        self.folder = Path(dir, f"{prefix}abcdefg1")

    def __enter__(self):
        self.folder.mkdir()
        return str(self.folder)

    def __exit__(self, *exception):
        pass


def test_a_folder_gets_its_name_back_when_the_new_one_cannot_have_it(tmp_path, monkeypatch):
    old_saved_model(tmp_path / "a")
    rename = Path.replace

    def fail(path, target):
        if "new" in path.parts:
            raise OSError(5, "Input/output error")
        return rename(path, target)

    def replace():
        with replacing_folder(tmp_path / "a") as new:
            saved_model(new, "new")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(keras_xor.KerasXorError, match="Input/output error"):
        replace()
    assert texts(tmp_path / "a") == {"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
