"""einops works on Tensors with gradients, where it is installed."""

import subprocess
import sys

import numpy as np
import pytest
from helpers import assert_close, values, weighted

import minixattn as mx
from minixattn import interop
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.interop import einops_backend

try:
    import einops
except ImportError:
    einops = None

needs_einops = pytest.mark.skipif(einops is None, reason="needs einops")
FUNCTIONS = {
    "heads apart": lambda e, t: e.rearrange(t, "b l (h d) -> b h l d", h=2),
    "heads joined": lambda e, t: e.rearrange(t, "b l d -> l (b d)"),
    "images to tokens": lambda e, t: e.rearrange(t, "b (h w) c -> b c h w", h=1),
    "a list": lambda e, t: e.rearrange([t, 2 * t], "n b l d -> (n b) d l"),
    "sum": lambda e, t: e.reduce(t, "b l d -> b d", "sum"),
    "mean of two": lambda e, t: e.reduce(t, "b l d -> l", "mean"),
    "max of two": lambda e, t: e.reduce(t, "b l d -> d", "max"),
    "min": lambda e, t: e.reduce(t, "b l d -> b l", "min"),
    "prod of two": lambda e, t: e.reduce(t, "b l d -> b 1 1", "prod"),
    "pooling": lambda e, t: e.reduce(t, "b l (d two) -> b l d", "mean", two=2),
    "repeat": lambda e, t: e.repeat(t, "b l d -> b (l n) d m", n=3, m=2),
    "product": lambda e, t: e.einsum(t, 2 * t, "b l d, b s d -> b l s"),
    "long names": lambda e, t: e.einsum(t, "batch length width -> width batch"),
    "packed": lambda e, t: e.pack([t, 3 * t[:, :1]], "b * d")[0],
    "unpacked": lambda e, t: e.unpack(t, [[1], [2]], "b * d")[1],
}


@needs_einops
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gives_numpys_numbers_and_our_gradients(name, rng, device):
    a = rng.standard_normal((2, 3, 4))
    t = mx.tensor(a, device=device, requires_grad=True)
    y = FUNCTIONS[name](einops, t)
    assert isinstance(y, mx.Tensor) and y.requires_grad and y.device == device
    assert_close(y, FUNCTIONS[name](einops, a))
    weighted(y).backward()
    there = t.grad
    assert gradcheck(lambda t: FUNCTIONS[name](einops, t), [t.detach().requires_grad_()])
    assert there.shape == a.shape and np.abs(values(there)).max() > 0


@needs_einops
@pytest.mark.parametrize("name", ["heads apart", "mean of two", "product", "prod of two"])
def test_second_derivatives_flow_too(name, rng):
    t = mx.tensor(rng.standard_normal((2, 3, 4)), requires_grad=True)
    assert gradgradcheck(lambda t: FUNCTIONS[name](einops, t), [t])


@needs_einops
def test_attention_written_with_einops_is_cross_attention(rng):
    layer = mx.nn.CrossAttention(8, 6, num_heads=2).to(mx.float64)
    x, c = (mx.tensor(rng.standard_normal(s)) for s in ((2, 3, 8), (2, 5, 6)))
    Q, K, V = (
        einops.rearrange(W(s), "b l (h d) -> b h l d", h=2)
        for W, s in ((layer.W_Q, x), (layer.W_K, c), (layer.W_V, c))
    )
    weights = (einops.einsum(Q, K, "b h l d, b h s d -> b h l s") / 2).softmax(-1)
    heads = einops.einsum(weights, V, "b h l s, b h s d -> b h l d")
    output = layer.W_O(einops.rearrange(heads, "b h l d -> b l (h d)"))
    expected, expected_weights = layer(x, c)
    assert_close(output, expected)
    assert_close(weights, expected_weights)


@needs_einops
def test_parameters_integers_and_bools_are_tensors_too():
    p = mx.nn.Parameter(mx.arange(6.0).reshape(2, 3))
    assert_close(einops.rearrange(p, "a b -> b a"), values(p).T)
    i = mx.arange(6).reshape(2, 3)
    assert einops.reduce(i, "a b -> a", "sum").tolist() == [3, 12]
    assert einops.reduce(i > 4, "a b -> a", "any").tolist() == [False, True]
    assert einops.reduce(i >= 3, "a b -> a", "all").tolist() == [False, True]
    assert einops.parse_shape(i, "a b") == {"a": 2, "b": 3}
    with pytest.raises(NotImplementedError, match="reduce_mean is not available"):
        einops.reduce(i, "a b -> a", "mean")


@needs_einops
def test_einops_own_errors_name_the_shape(rng):
    with pytest.raises(einops.EinopsError, match=r"Input tensor shape: \(2, 3\)"):
        einops.rearrange(mx.ones(2, 3), "b (h d) -> b h d", h=2)


@needs_einops
def test_the_backend_answers_what_einops_asks():
    backend = einops_backend.TensorBackend()
    assert interop.register_einops() is einops_backend.TensorBackend
    assert backend.framework_name in sys.modules
    assert not backend.is_appropriate_type(np.ones(3))
    assert backend.to_numpy(backend.from_numpy(np.ones(3))).tolist() == [1, 1, 1]
    assert backend.arange(1, 3).tolist() == [1, 2]
    assert backend.is_float_type(mx.ones(2)) and not backend.is_float_type(mx.arange(2))


@needs_einops
def test_importing_interop_is_what_registers_and_the_order_does_not_matter():
    for lines in (
        "import einops, minixattn as mx; import minixattn.interop",
        "import minixattn as mx; import minixattn.interop; import einops",
    ):
        code = f"{lines}; print(einops.rearrange(mx.ones(2, 3), 'a b -> b a').shape)"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert run.stdout.strip() == "(3, 2)", run.stderr


def test_the_package_itself_does_not_import_interop():
    code = "import sys, minixattn; print('minixattn.interop' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def without(monkeypatch, found):
    monkeypatch.setattr(einops_backend, "AbstractBackend", object)
    monkeypatch.setattr(einops_backend.importlib.util, "find_spec", lambda name: found)


def test_without_einops_the_sentence_says_how_to_install_it(monkeypatch):
    without(monkeypatch, None)
    with pytest.raises(ImportError, match=r"einops.rearrange\(\) on Tensors needs the package ein"):
        interop.register_einops()


def test_with_an_einops_of_another_make_the_sentence_says_which_would_do(monkeypatch):
    without(monkeypatch, "found")
    with pytest.raises(ImportError, match=r"no einops._backends.AbstractBackend.*version 0.8"):
        interop.register_einops()


def test_interop_imports_without_einops():
    code = "import sys; sys.modules['einops'] = None; from minixattn import interop"
    code += "; print(interop.compare)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "function compare" in run.stdout, run.stderr
