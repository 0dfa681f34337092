import fcntl
import os

import keras
import pytest

import keras_xor
from keras_xor import writing
from keras_xor.writing import replacing, replacing_all


def contents(folder):
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}


def test_all_or_none(tmp_path):
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_text("old")
    with pytest.raises(KeyError), replacing_all(files) as new:  # noqa: PT012
        for file in new:
            file.write_text("new")
        assert contents(tmp_path)["a"] == contents(tmp_path)["b"] == "old"
        raise KeyError
    assert contents(tmp_path) == {"a": "old", "b": "old"}

    with replacing_all(files) as new:
        for file in new:
            file.write_text("new")
    assert contents(tmp_path) == {"a": "new", "b": "new"}


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.keras"
    path.write_bytes(b"old")

    def fail(model, file):
        file.write_bytes(b"half a mod")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", fail)
    with pytest.raises(keras_xor.KerasXorError, match="No space left on device"):
        keras_xor.save_model(keras_xor.build_model(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", ["folder.keras", "file/a.keras", "n" * 300 + ".keras"])
def test_unwritable(tmp_path, path):
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "file").write_text("kept")
    with pytest.raises(keras_xor.KerasXorError, match="name a file"):
        keras_xor.save_model(keras_xor.build_model(), tmp_path / path)
    assert (tmp_path / "file").read_text() == "kept"
    assert not any((tmp_path / "folder.keras").iterdir())


def test_nothing_is_replaced_before_it_is_on_disk(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")
    there = []
    monkeypatch.setattr(os, "fsync", lambda handle: there.append(contents(tmp_path)))
    with replacing(tmp_path / "a") as new:
        new.write_text("new")
    assert there == [{"a": "old"}]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link(tmp_path, there):
    link, target = tmp_path / "link", tmp_path / "elsewhere" / "target"
    if there:
        target.parent.mkdir()
        target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as new:
        new.write_text("new")
    assert link.readlink() == target
    assert contents(target.parent) == {"target": "new"}
    assert len(list(tmp_path.iterdir())) == 2


def test_what_the_dead_left_is_removed(tmp_path):
    left = tmp_path / f"{writing.TEMPORARY}abc" / "a"
    left.parent.mkdir()
    left.write_text("half a fi")

    def write():
        with replacing(tmp_path / "b") as new:
            new.write_text("new")

    living = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(living, fcntl.LOCK_SH)
    write()
    assert left.exists()
    os.close(living)
    write()
    assert contents(tmp_path) == {"b": "new"}


def test_where_there_are_no_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "fcntl", None)
    with replacing(tmp_path / "a") as new:
        new.write_text("new")
    assert contents(tmp_path) == {"a": "new"}
