import os
import stat
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_xor
from keras_xor.files import check_writable, replacing

OLD, NEW = "old", "new"


def contents(folder):
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}


def replace(path, text=NEW):
    with replacing(path) as new:
        new.write_text(text)


def test_a_file_is_replaced_when_the_new_one_is_complete(tmp_path):
    file = tmp_path / "a"
    file.write_text(OLD)
    with pytest.raises(KeyError), replacing(file) as new:  # noqa: PT012
        new.write_text("half a fi")
        assert file.read_text() == OLD
        raise KeyError
    assert contents(tmp_path) == {"a": OLD}
    replace(file)
    assert contents(tmp_path) == {"a": NEW}


def test_any_file_is_replaced(tmp_path):
    """Also what another program wrote: it was named."""
    file = tmp_path / "a.keras"
    file.write_bytes(b"PK\3\4 a model of hours")
    keras_xor.save_model(keras_xor.build_model(seed=7), file)
    check_weights(file, seed=7)


def check_weights(file, seed):
    expected = keras_xor.build_model(seed=seed).get_weights()
    for weight, other in zip(keras_xor.load_model(file).get_weights(), expected, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.keras"
    path.write_text(OLD)

    def fail(model, file):
        file.write_bytes(b"half a mod")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", fail)
    with pytest.raises(keras_xor.KerasXorError, match="No space left on device"):
        keras_xor.save_model(keras_xor.build_model(), path)
    assert contents(tmp_path) == {"a.keras": OLD}


@pytest.mark.parametrize("path", ["folder.keras", "file/a.keras", "n" * 300 + ".keras"])
def test_unwritable(tmp_path, path):
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "folder.keras" / "precious").write_text("kept")
    (tmp_path / "file").write_text("kept")
    for write in (check_writable, lambda path: keras_xor.save_model(keras_xor.build_model(), path)):
        with pytest.raises(keras_xor.KerasXorError, match=r"cannot write .+: choose another"):
            write(tmp_path / path)
    assert contents(tmp_path) == {"file": "kept"}
    assert contents(tmp_path / "folder.keras") == {"precious": "kept"}


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    model = keras_xor.build_model()
    model.layers[-1].bias.assign([float("nan")])
    with pytest.raises(keras_xor.KerasXorError, match="weights that are not finite: lower the"):
        keras_xor.save_model(model, tmp_path / "a.keras")
    assert not any(tmp_path.iterdir())


def test_nothing_is_replaced_before_it_is_on_disk(tmp_path, monkeypatch):
    (tmp_path / "a").write_text(OLD)
    there = []
    monkeypatch.setattr(os, "fsync", lambda handle: there.append((tmp_path / "a").read_text()))
    replace(tmp_path / "a")
    with replacing(tmp_path / "b") as new:
        (new / "c").mkdir(parents=True)
        (new / "c" / "d").write_text(NEW)
    assert there == [OLD, NEW]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link(tmp_path, there):
    link, target = tmp_path / "link", tmp_path / "elsewhere" / "target"
    if there:
        target.parent.mkdir()
        target.write_text(OLD)
    link.symlink_to(target)
    replace(link)
    assert link.readlink() == target
    assert contents(target.parent) == {"target": NEW}
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_to_a_file_of_another_suffix(tmp_path):
    (tmp_path / "a.keras").symlink_to(tmp_path / "version_1")
    for seed in (1, 2):
        keras_xor.save_model(keras_xor.build_model(seed=seed), tmp_path / "a.keras")
        check_weights(tmp_path / "a.keras", seed)
    assert (tmp_path / "a.keras").readlink() == tmp_path / "version_1"


def test_what_the_dead_left_is_removed_after_an_hour(tmp_path):
    names = ".keras_xor-1234abcd.keras", ".keras_xor-folder", ".keras_xor-young", ".keras_other"
    for name in names:
        (tmp_path / name).mkdir() if "folder" in name else (tmp_path / name).write_text("half")
        if "young" not in name:
            os.utime(tmp_path / name, (time.time() - 3_700,) * 2)
    replace(tmp_path / "b")
    assert {path.name for path in tmp_path.iterdir()} == {"b", *names[2:]}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_mode_is_kept(tmp_path, mode):
    file = tmp_path / "a"
    file.write_text(OLD)
    file.chmod(mode)
    replace(file)
    assert contents(tmp_path) == {"a": NEW}
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_new_file_has_the_mode_of_any_other(tmp_path):
    replace(tmp_path / "a")
    (tmp_path / "b").write_text(NEW)
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_what_is_read_only_is_kept(somebody):
    with somebody() as folder:
        (folder / "a").write_text(OLD)
        (folder / "a").chmod(0o444)
        for write in (check_writable, replace):
            with pytest.raises(keras_xor.KerasXorError, match="Permission denied"):
                write(folder / "a")
        assert contents(folder) == {"a": OLD}


def test_a_folder_is_replaced_only_if_it_is_empty(tmp_path):
    def write():
        with replacing(tmp_path / "a") as new:
            new.mkdir()
            (new / "b").write_text(NEW)

    (tmp_path / "a").mkdir(mode=0o750)
    write()
    assert contents(tmp_path / "a") == {"b": NEW}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o750
    (tmp_path / "a" / "b").write_text("precious")
    with pytest.raises(keras_xor.KerasXorError, match="Directory not empty"):
        write()
    assert contents(tmp_path / "a") == {"b": "precious"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    (tmp_path / "a" / "b").unlink()
    Path(tmp_path / "a").rmdir()
    (tmp_path / "a").write_text("precious")
    with pytest.raises(keras_xor.KerasXorError, match="Not a directory"):
        write()
    assert contents(tmp_path) == {"a": "precious"}
