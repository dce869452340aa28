"""Reading named weights: what is read, what is refused, and with which words."""

import json

import numpy as np
import pytest

import minixattn as mx
from minixattn import interop
from minixattn.interop.weights import Weights, listed, plain

NAMES = ("W_q", "W_k", "W_v", "W_o")


def state(rng, dtype=np.float64, prefix="", names=NAMES):
    return {f"{prefix}{n}.weight": rng.standard_normal((4, 4)).astype(dtype) for n in names}


def write(path, tensors):
    """A safetensors file by hand: {name: (type code, shape, bytes)}."""
    header, data = {}, b""
    for name, (code, shape, content) in tensors.items():
        end = len(data) + len(content)
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [len(data), end]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_only_the_needed_tensors_of_a_file_are_read(rng, tmp_path, monkeypatch):
    safetensors = pytest.importorskip("safetensors")
    tensors = {
        name: ("F64", a.shape, a.tobytes())
        for name, a in {**state(rng, prefix="a."), **state(rng, prefix="b.")}.items()
    }
    write(tmp_path / "x.safetensors", tensors)
    read = []

    class Counted:
        def __init__(self, *args, **options):
            self.file = original(*args, **options)

        def __enter__(self):
            self.open = self.file.__enter__()
            return self

        def __exit__(self, *error):
            return self.file.__exit__(*error)

        def get_tensor(self, name):
            read.append(name)
            return self.open.get_tensor(name)

    original = safetensors.safe_open
    monkeypatch.setattr(safetensors, "safe_open", Counted)
    interop.from_torch(tmp_path / "x.safetensors", num_heads=2, prefix="b")
    assert sorted(read) == sorted(f"b.{n}.weight" for n in NAMES)


def test_tensors_of_unknown_types_matter_only_if_they_are_needed(rng, tmp_path):
    pytest.importorskip("safetensors")
    tensors = {n: ("F64", a.shape, a.tobytes()) for n, a in state(rng, prefix="a.").items()}
    tensors["b.W_q.weight"] = ("BF16", (4, 4), bytes(32))
    tensors["b.W_k.weight"] = tensors["b.W_v.weight"] = tensors["b.W_q.weight"]
    write(tmp_path / "x.safetensors", tensors)
    interop.from_torch(str(tmp_path / "x.safetensors"), num_heads=2, prefix="a")
    with pytest.raises(TypeError, match="'b.W_q.weight' has the type BF16, which NumPy lacks"):
        interop.from_torch(tmp_path / "x.safetensors", num_heads=2, prefix="b")


def test_a_pickle_is_refused_and_never_run(tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="not a safetensors file but a pickle"):
        interop.from_torch(path, num_heads=2)
    assert not (tmp_path / "sprung").exists()


def test_a_missing_or_cut_file_is_said_to_be_one(rng, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        interop.from_torch(tmp_path / "no.safetensors", num_heads=2)
    write(tmp_path / "x.safetensors", {"a": ("F64", (4,), bytes(32))})
    whole = (tmp_path / "x.safetensors").read_bytes()
    (tmp_path / "x.safetensors").write_bytes(whole[:-8])
    with pytest.raises(ValueError, match="cut short"):
        interop.from_torch(tmp_path / "x.safetensors", num_heads=2)


def test_without_safetensors_the_sentence_says_how_to_install_it(rng, tmp_path, monkeypatch):
    import sys

    tensors = {n: ("F64", a.shape, a.tobytes()) for n, a in state(rng).items()}
    write(tmp_path / "x.safetensors", tensors)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r'pip install "minixattn\[interop\]"'):
        interop.from_torch(tmp_path / "x.safetensors", num_heads=2)


def test_arrays_tensors_and_modules_are_sources(rng, device):
    arrays = state(rng)
    tensors = {k: mx.tensor(v, device=device, requires_grad=True) for k, v in arrays.items()}
    layer = interop.from_torch(arrays, num_heads=2)
    for source in (tensors, {k: t.array for k, t in tensors.items()}):
        other = interop.from_torch(source, num_heads=2)
        assert np.array_equal(other.W_Q.weight.array, layer.W_Q.weight.array)

    class Foreign:
        def state_dict(self):
            return arrays

    other = interop.from_torch(Foreign(), num_heads=2)
    assert np.array_equal(other.W_Q.weight.array, layer.W_Q.weight.array)


def test_a_source_that_is_no_state_is_refused():
    with pytest.raises(TypeError, match="expected a dict of tensors by name .* got list"):
        interop.from_torch([1, 2], num_heads=2)


def test_an_unknown_prefix_lists_what_the_names_begin_with(rng):
    with pytest.raises(ValueError, match=r"no name begins with 'c\.'.* begin with 'a', 'b'\."):
        Weights(state(rng, prefix="a.") | state(rng, prefix="b."), "c")


def test_a_prefix_may_end_in_a_point_or_not(rng):
    source = state(rng, prefix="a.b.")
    assert Weights(source, "a.b").shapes == Weights(source, "a.b.").shapes
    assert list(Weights(source, "a.b").shapes) == [f"{n}.weight" for n in NAMES]


@pytest.mark.parametrize("bad", [np.ones(3, int), "text", np.ones(2, complex), None])
def test_what_is_no_float_array_is_refused_by_name(bad):
    with pytest.raises(TypeError, match="'a.weight' is a .* expected float16, float32 or float64"):
        plain("a.weight", bad)


def test_arrays_are_copied_in_row_major_order(rng):
    a = rng.standard_normal((3, 4)).T
    b = plain("a", a)
    assert b.flags.c_contiguous and not np.shares_memory(a, b)
    np.testing.assert_array_equal(a, b)


def test_long_lists_of_names_are_cut():
    assert listed(["a", "b"]) == "'a', 'b'"
    assert listed([*"abcd"], most=2) == "'a', 'b' and 2 more"
