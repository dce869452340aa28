"""Checkpoints: everything comes back bit for bit, and no accident costs more than the newest."""

import errno
import os
import re
import warnings

import numpy as np
import pytest

import minixattn as mx
from minixattn import checkpoints, serialization
from minixattn.checkpoints import Checkpoints, read

STATE = {
    "numbers": [0.1, 1e-320, -0.0, float("inf"), 2**130, True, None, "é"],
    "pair": (0.9, (1, [2.5])),
    "by number": {0: {"m": np.arange(6, dtype=np.float32).reshape(2, 3)}, 1: {}},
    "file": np.float16([1.5, np.nan]),
}


def saved(folder, steps=(1, 2, 3)):
    kept = Checkpoints(folder)
    for step in steps:
        kept.save(step, {"step": step, "x": np.full(50, step, np.float32)})
    return kept


def test_a_state_comes_back_with_its_types_and_every_bit(tmp_path):
    Checkpoints(tmp_path).save(7, STATE)
    step, state = Checkpoints(tmp_path).latest()
    assert step == 7 and list(state) == list(STATE)
    assert state["numbers"] == STATE["numbers"] and state["pair"] == STATE["pair"]
    assert np.signbit(state["numbers"][2]) and state["numbers"][5] is True
    assert state["by number"][1] == {}
    for ours, theirs in (
        (state["by number"][0]["m"], STATE["by number"][0]["m"]),
        (state["file"], STATE["file"]),
    ):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_tensors_come_back_as_arrays(tmp_path, device):
    x = mx.tensor([[1.0, 2.0], [3.0, 4.0]], device=device)
    Checkpoints(tmp_path).save(1, {"x": x.T})
    np.testing.assert_array_equal(Checkpoints(tmp_path).latest()[1]["x"], [[1, 3], [2, 4]])


def test_what_a_file_cannot_hold_is_named_with_its_place(tmp_path):
    with pytest.raises(TypeError, match=r"numbers, strings.*got set at 'state/a/1': \{1\}"):
        Checkpoints(tmp_path).save(1, {"a": [0, {1}]})
    assert list(tmp_path.iterdir()) == []


def test_the_last_two_are_kept(tmp_path):
    assert list(saved(tmp_path, (10, 20, 30, 1000)).files()) == [30, 1000]
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(ValueError, match="2 or more, got 1: where the newest one is damaged"):
        Checkpoints(tmp_path, keep=1)


def test_a_folder_without_checkpoints_has_no_latest_one(tmp_path):
    assert Checkpoints(tmp_path).latest() is None
    assert Checkpoints(tmp_path / "none").latest() is None


def test_sound_checkpoints_give_no_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert saved(tmp_path).latest()[0] == 3


# Accidents ---------------------------------------------------------------------------------------


def test_a_newest_checkpoint_cut_short_anywhere_gives_way_to_the_one_before(tmp_path):
    kept = saved(tmp_path)
    newest = kept.files()[3]
    whole = newest.read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        newest.write_bytes(whole[:size])
        said = r"checkpoint-00000003\.npz is damaged or cut short .* Going back to .*, step 2\."
        with pytest.warns(UserWarning, match=said):
            step, state = kept.latest()
        assert step == state["step"] == 2


def test_a_flipped_bit_is_found_or_harmless(tmp_path, rng):
    """Whatever bit it is, no wrong number comes back."""
    path = saved(tmp_path).files()[3]
    whole, found = path.read_bytes(), 0
    for place in rng.integers(len(whole), size=300):
        bent = bytearray(whole)
        bent[place] ^= 1 << rng.integers(8)
        path.write_bytes(bent)
        try:
            state = read(path)
        except ValueError as error:
            assert "damaged" in str(error)
            found += 1
            continue
        assert state["step"] == 3
        np.testing.assert_array_equal(state["x"], np.full(50, 3, np.float32))
    assert found > 150


def test_where_all_are_damaged_the_error_says_so(tmp_path):
    kept = saved(tmp_path)
    for path in kept.files().values():
        path.write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"no checkpoint in .* can be read: .*03.*damaged.*02"):
        kept.latest()


def test_a_save_after_a_fall_back_removes_the_damaged_one_and_not_the_sound_one(tmp_path):
    kept = saved(tmp_path, (1, 2, 9))
    kept.files()[9].write_bytes(b"")
    kept.save(3, {"step": 3})
    assert list(kept.files()) == [2, 3]


def test_what_a_killed_save_left_behind_is_removed_by_the_next(tmp_path):
    (tmp_path / "checkpoint-00000004.npz.0a1b2c3d.tmp").write_bytes(b"half")
    (tmp_path / "mine.tmp").write_bytes(b"mine")
    kept = saved(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *(p.name for p in kept.files().values()), "mine.tmp",
    ]  # fmt: skip


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_last_good_one_and_names_it(where, tmp_path, monkeypatch):
    kept = saved(tmp_path)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "write":
        monkeypatch.setattr(serialization, "open", full, raising=False)
    else:
        monkeypatch.setattr(serialization.os, where, full)
    said = (
        r"checkpoint of step 4 could not be written to .* \(No space left on device\); the last "
        r"good one is .*checkpoint-00000003\.npz\. Make room"
    )
    with pytest.raises(OSError, match=said) as stop:
        kept.save(4, {"step": 4})
    monkeypatch.undo()
    assert stop.value.errno == errno.ENOSPC
    assert len(list(tmp_path.iterdir())) == 2 and kept.latest()[0] == 3


@pytest.mark.skipif(not os.path.exists("/dev/shm") or os.name != "posix", reason="needs Linux")
def test_a_disk_that_is_really_full_leaves_the_last_good_one(tmp_path):
    resource = pytest.importorskip("resource")
    kept = saved(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
        with pytest.raises(OSError, match=r"step 4 could not be written .*File too large"):
            kept.save(4, {"x": np.zeros(1 << 18)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert len(list(tmp_path.iterdir())) == 2 and kept.latest()[0] == 3


def test_where_there_is_none_before_the_error_says_that(tmp_path):
    (tmp_path / "file").write_text("")
    said = re.escape("there is none before it. Make room, or make the folder writable, and resume")
    with pytest.raises(OSError, match=said):
        Checkpoints(tmp_path / "file").save(1, {})


def test_the_folder_reaches_the_disk_before_an_older_file_goes(tmp_path, monkeypatch):
    kept, seen = saved(tmp_path), []
    monkeypatch.setattr(checkpoints, "to_disk", lambda folder: seen.append(list(kept.files())))
    kept.save(4, {})
    assert seen == [[2, 3, 4]] and list(kept.files()) == [3, 4]
