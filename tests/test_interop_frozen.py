"""Loaded layers give the numbers of torch, diffusers and transformers, which are not needed here.

`check` is what the live comparison in tests/parity holds the running modules against.
"""

import warnings

import numpy as np
import pytest
from freeze_interop import CASES, FROZEN, KEEP, B, L, S, weighted
from helpers import values

import minixattn as mx
from minixattn import interop

TOLERANCE = 1e-9


def frozen(name):
    """What the other library computed."""
    with np.load(FROZEN / f"interop_{CASES[name].load}.npz") as file:
        start = f"{name}/"
        return {k.removeprefix(start): file[k] for k in file.files if k.startswith(start)}


def state_of(found, start="state."):
    return {k.removeprefix(start): v for k, v in found.items() if k.startswith(start)}


def loaded(name, source, **options):
    case = CASES[name]
    return getattr(interop, f"from_{case.load}")(source, **case.options, **options)


def written(name, layer):
    case = CASES[name]
    return getattr(interop, f"to_{case.load}")(layer, **case.back)


def run(layer, x, c):
    """(output, weights) of any of the layers, with the mask of the frozen cases."""
    drop = mx.tensor(~KEEP, device=x.device)
    if isinstance(layer, interop.DecoderLayer):
        future = mx.ones(L, L, device=x.device).triu(1).bool()
        return layer(x, c, tgt_mask=future, memory_key_padding_mask=drop)
    if isinstance(layer, mx.nn.MultiheadAttention):
        if layer.batch_first:
            return layer(x, c, c, drop, average_attn_weights=False)
        x, c = x.transpose(0, 1), c.transpose(0, 1)
        output, weights = layer(x, c, c, drop, average_attn_weights=False)
        return output.transpose(0, 1), weights
    return layer(x, c, mx.tensor(KEEP[:, None], device=x.device))


def close(what, ours, theirs, tolerance):
    ours = values(ours) if isinstance(ours, mx.Tensor) else ours
    assert ours.shape == theirs.shape, f"{what}: {ours.shape}, there {theirs.shape}"
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=what)


def check(name, found, device="cpu", tolerance=TOLERANCE):
    """Output, weights and the gradients of inputs and parameters are those that were found."""
    layer = loaded(name, state_of(found)).to(device).eval()
    x, c = (mx.tensor(found[k], device=device, requires_grad=True) for k in "xc")
    output, weights = run(layer, x, c)
    close("output", output, found["output"], tolerance)
    loss = (output * mx.tensor(weighted(found["output"]), device=device)).sum()
    if "weights" in found:
        close("weights", weights, found["weights"], tolerance)
        loss = loss + (weights * mx.tensor(weighted(found["weights"]), device=device)).sum()
    loss.backward()
    close("gradient of x", x.grad, found["grad:x"], tolerance)
    close("gradient of c", c.grad, found["grad:c"], tolerance)
    for p in layer.parameters():
        p.data = p.grad
    grads = written(name, layer)
    there = state_of(found, "grad.")
    assert there.keys() <= grads.keys()
    for key, gradient in there.items():
        close(f"gradient of {key}", grads[key], gradient, tolerance)


@pytest.mark.parametrize("name", CASES)
def test_a_loaded_layer_computes_what_the_module_computes(name, device):
    found = frozen(name)
    assert found["output"].shape[:2] == (B, L)
    if "weights" in found:
        assert found["weights"].shape[-1] >= S
        np.testing.assert_allclose(found["weights"].sum(-1), 1)
    check(name, found, device)


@pytest.mark.parametrize("name", CASES)
def test_a_round_trip_gives_back_the_same_names_and_numbers(name):
    state = state_of(frozen(name))
    back = written(name, loaded(name, state))
    assert back.keys() == state.keys()
    for key, a in state.items():
        assert back[key].dtype == a.dtype and type(back[key]) is np.ndarray
        np.testing.assert_array_equal(back[key], a)


@pytest.mark.parametrize("name", CASES)
def test_a_file_gives_the_same_layer_as_a_dict(name):
    pytest.importorskip("safetensors")
    path = FROZEN / f"interop_{CASES[name].load}.safetensors"
    of_file = written(name, loaded(name, path, prefix=name))
    of_dict = written(name, loaded(name, state_of(frozen(name))))
    assert of_file.keys() == of_dict.keys()
    for key, a in of_file.items():
        np.testing.assert_array_equal(a, of_dict[key])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_layer_takes_on_the_dtype_of_the_weights(name, dtype):
    state = {k: v.astype(dtype) for k, v in state_of(frozen(name)).items()}
    layer = loaded(name, state)
    assert {p.dtype for p in layer.parameters()} == {np.dtype(dtype)}
    x, c = (mx.tensor(frozen(name)[k].astype(dtype)) for k in "xc")
    output, _ = run(layer, x, c)
    assert output.dtype == dtype
    tolerance = 2e-2 if dtype is np.float16 else 1e-4
    close("output", output, frozen(name)["output"], tolerance)


def test_the_loaded_layer_has_memory_of_its_own():
    state = state_of(frozen("T5"))
    layer = loaded("T5", state)
    layer.W_Q.weight.data += 1
    assert not np.array_equal(state["q.weight"], values(layer.W_Q.weight))
    back = written("T5", layer)
    back["q.weight"] += 1
    assert not np.array_equal(back["q.weight"], values(layer.W_Q.weight))


def test_loading_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in CASES:
            check(name, frozen(name))
