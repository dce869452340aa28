"""Files exchanged with PyTorch through safetensors."""

import numpy as np
import pytest
import torch

import minixattn as mx

safetensors_torch = pytest.importorskip("safetensors.torch")

DTYPES = ["float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"]


def some(dtype, shape=(3, 4)):
    return (np.random.default_rng(0).standard_normal(shape) * 9).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pytorch_reads_what_was_saved(dtype, tmp_path):
    path = tmp_path / "ours.safetensors"
    mx.save({"a": mx.tensor(some(dtype)).T, "b": mx.tensor(some(dtype, ()))}, path)
    loaded = safetensors_torch.load_file(path)
    assert str(loaded["a"].dtype) == f"torch.{dtype}"
    np.testing.assert_array_equal(loaded["a"].numpy(), some(dtype).T)
    np.testing.assert_array_equal(loaded["b"].numpy(), some(dtype, ()))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_pytorch_saved_is_read(dtype, tmp_path):
    path = tmp_path / "theirs.safetensors"
    safetensors_torch.save_file({"a": torch.tensor(some(dtype))}, path, metadata={"format": "pt"})
    np.testing.assert_array_equal(mx.load(path)["a"].numpy(), some(dtype))
    assert mx.serialization.metadata(path) == {"format": "pt"}


@pytest.mark.parametrize("zipped", [True, False])
def test_the_conversion_that_the_error_tells_works(zipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights = torch.nn.Linear(3, 4).state_dict()
    weights["tied"] = weights["weight"]
    torch.save(weights, "model.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"torch\.save\(\)") as raised:
        mx.load("model.pt")
    lines = [line.strip() for line in str(raised.value).splitlines()[1:]]
    exec("\n".join(lines), {"torch": torch})
    loaded = mx.load("model.safetensors")
    for name, value in weights.items():
        np.testing.assert_array_equal(loaded[name].numpy(), value.numpy())


def test_the_conversion_of_bfloat16_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    safetensors_torch.save_file({"a": torch.full((2,), 1.5, dtype=torch.bfloat16)}, "b.safetensors")
    with pytest.raises(mx.DTypeError, match="BF16") as raised:
        mx.load("b.safetensors")
    exec("\n".join(line.strip() for line in str(raised.value).splitlines()[1:]))
    assert mx.load("float32.safetensors")["a"].tolist() == [1.5, 1.5]
