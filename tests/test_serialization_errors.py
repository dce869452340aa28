"""Saving and loading: what cannot be saved or loaded is explained, and how to mend it."""

import json
import pickle
import struct
import sys
import zipfile

import numpy as np
import pytest

import minixattn as mx

pytest.importorskip("safetensors.numpy", reason='needs pip install "minixattn[interop]"')


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def handmade(path, contents, numbers=b"", length=None):
    """A file with this table of contents and these bytes of numbers."""
    text = contents if isinstance(contents, bytes) else json.dumps(contents).encode()
    length = len(text) if length is None else length
    path.write_bytes(struct.pack("<Q", length) + text + numbers)


# What cannot be saved ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (lambda: {"__metadata__": mx.ones(2)}, "not '__metadata__'"),
        (lambda: {"x": {1.0}}, r"cannot save obj\['x'\]: it is of type set, .*leave it out"),
        (
            lambda: {"of": [mx.nn.Linear(2, 1)]},
            r"cannot save obj\['of'\]\[0\]: it is of type Linear, .*save its state_dict\(\)",
        ),
        (
            lambda: {"x": {(1, 2): 3}},
            r"cannot save obj\['x'\]: one of its keys is \(1, 2\), of type tuple\. Keys are",
        ),
        (lambda: {"x": np.ones(2, complex)}, "'x' has dtype complex128: expected one of float16"),
        (lambda: {"x": np.array(["a"])}, "'x' has dtype <U1"),
    ],
)
def test_what_cannot_be_saved_is_explained(obj, message, path):
    with pytest.raises(TypeError, match=message):
        mx.save(obj(), path)
    assert not path.exists()


@pytest.mark.parametrize("wrong", [{"epoch": 3}, {3: "epoch"}])
def test_metadata_are_strings(wrong, path):
    with pytest.raises(TypeError, match=r"metadata holds strings only, got .*3.*Use str\(\)"):
        mx.save({"x": mx.ones(1)}, path, metadata=wrong)


def test_a_missing_folder_is_named(tmp_path):
    path = tmp_path / "nowhere" / "model.safetensors"
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere'.*os\.makedirs"):
        mx.save({"x": mx.ones(1)}, path)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match="cannot save to .*: that is a folder"):
        mx.save({"x": mx.ones(1)}, tmp_path)
    with pytest.raises(IsADirectoryError, match="cannot load .*: that is a folder"):
        mx.load(tmp_path)


def test_a_folder_that_is_not_writable_is_named(path, monkeypatch):
    def refuse(name, *_args, **_options):
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(PermissionError, match=r"cannot save .*model\.safetensors': Permission den"):
        mx.save({"x": mx.ones(1)}, path)


# What cannot be loaded ---------------------------------------------------------------------------


def test_a_missing_file_is_named(path):
    with pytest.raises(FileNotFoundError, match=r"cannot load .*: there is no file .*model\.safe"):
        mx.load(path)


def test_a_file_cut_anywhere_is_refused(path):
    mx.save({"x": mx.ones(3), "y": mx.arange(4)}, path, metadata={"a": "b"})
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="cut short|too short"):
            mx.load(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(
        ValueError, match=f"has {len(whole) + 1} bytes, .* should have {len(whole)}"
    ):
        mx.load(path)


def test_a_file_with_damaged_contents_is_refused(path):
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    for contents in (
        {"x": {**entry, "shape": [3]}},
        {"x": {**entry, "data_offsets": [4, 8]}},
        {"x": entry, "y": entry},
    ):
        handmade(path, contents, b"\0" * 8)
        with pytest.raises(ValueError, match=r"the file is damaged \("):
            mx.load(path)
    for contents in ({"x": 3}, {"x": {}}, {"x": {"data_offsets": ["a", "b"]}}, b"{nonsense}"):
        handmade(path, contents, b"\0" * 8)
        with pytest.raises(ValueError, match="not a safetensors file"):
            mx.load(path)


def written(path, save):
    """A file by one of NumPy's functions, under any ending."""
    with open(path, "wb") as file:
        save(file, np.ones(3))


def zipped(path):
    """An archive of something else than arrays."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"")


def test_files_of_numpys_are_told_apart_and_numpy_reads_them(path):
    for save, message in (
        (np.save, r"an array that numpy\.save\(\) wrote. NumPy reads it:\n    x = tensor\(numpy"),
        (np.savez, r"arrays that numpy\.savez\(\) wrote. NumPy reads it:\n    weights = \{k: "),
    ):
        written(path, save)
        with pytest.raises(ValueError, match=f"not a safetensors file but {message}"):
            mx.load(path)


FOREIGN = {
    "zip": (zipped, "a zip archive, as torch.save"),
    "pickle": (lambda p: p.write_bytes(pickle.dumps({"x": 1})), "a pickle, as older versions"),
    "hdf5": (lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 50), "an HDF5 file"),
    "lfs": (lambda p: p.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
    "text": (lambda p: p.write_bytes(b"hello, hello, hello"), "begins with b'hello, h'"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_files_of_other_formats_are_recognised_and_the_mend_is_told(kind, path):
    write, message = FOREIGN[kind]
    write(path)
    with pytest.raises(ValueError, match=f"not a safetensors file but .*{message}") as raised:
        mx.load(path)
    assert "torch.load(" in str(raised.value) and "save_file(" in str(raised.value)


def test_bfloat16_is_named_and_the_mend_is_told(path):
    handmade(path, {"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, b"\0" * 4)
    with pytest.raises(mx.DTypeError, match=r"'w' has the type BF16, which NumPy lacks") as raised:
        mx.load(path)
    assert "v.float()" in str(raised.value)


def test_pickles_are_never_run(path):
    with pytest.raises(ValueError, match="never runs a pickle: leave weights_only=True"):
        mx.load(path, weights_only=False)


def test_without_the_library_the_extra_is_named(path, monkeypatch):
    mx.save({"x": mx.ones(1)}, path)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    message = r'needs the package safetensors.*pip install "minixattn\[interop\]"'
    with pytest.raises(ImportError, match=message):
        mx.save({"x": mx.ones(1)}, path)
    with pytest.raises(ImportError, match=message):
        mx.load(path)
