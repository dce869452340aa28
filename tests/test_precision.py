"""What autocast computes in which type."""


import numpy as np
import pytest
from helpers import values, weighted

import minixattn as mx
import minixattn.nn.functional as F
from minixattn import nn, precision


def floats(rng, *shape, device="cpu", grad=False):
    array = rng.standard_normal(shape).astype(np.float32)
    return mx.tensor(array, device=device, requires_grad=grad)


PRODUCTS = {
    "matmul": lambda x: x @ x.mT,
    "einsum": lambda x: mx.einsum("ij,kj->ik", x, x),
    "linear": lambda x: F.linear(x, x, x[:, 0]),
    "conv2d": lambda x: F.conv2d(x.reshape(1, 1, 4, 4), x.reshape(1, 1, 4, 4)),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "its weights": lambda x: F.attention_steps(x, x, x).weights,
}
DELICATE = {
    "softmax": lambda h: h.softmax(-1),
    "log_softmax": lambda h: F.log_softmax(h, dim=-1),
    "logsumexp": lambda h: h.logsumexp(-1),
    "layer_norm": lambda h: F.layer_norm(h, (4,), h[0], h[1]),
    "rms_norm": lambda h: F.rms_norm(h, (4,)),
    "group_norm": lambda h: F.group_norm(h, 2),
    "cross_entropy": lambda h: F.cross_entropy(h, h.float().softmax(-1)),
    "mse_loss": lambda h: F.mse_loss(h, target=h * 2),
    "l1_loss": lambda h: F.l1_loss(h, h * 2),
    "binary_cross_entropy": lambda h: F.binary_cross_entropy_with_logits(h, h.sigmoid()),
    "sum": lambda h: h.sum(),
    "prod": lambda h: h.prod(-1),
    "cumsum": lambda h: h.cumsum(-1),
    "norm": lambda h: h.norm(),
    "exp": lambda h: h.exp(),
    "log": lambda h: h.abs().log(),
    "log1p": lambda h: h.abs().log1p(),
    "pow": lambda h: h**2,
    "rsqrt": lambda h: h.abs().rsqrt(),
}
OTHERS = {
    "relu": lambda h: h.relu(), "plus": lambda h: h + h, "mean": lambda h: h.mean(),
    "gelu": lambda h: F.gelu(h), "tanh": lambda h: h.tanh(),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_float32_are_float16(name, device, rng):
    x = floats(rng, 4, 4, device=device, grad=True)
    with mx.autocast(device):
        y = PRODUCTS[name](x)
    plain = values(PRODUCTS[name](x))
    assert y.dtype == mx.float16
    np.testing.assert_allclose(values(y).astype(np.float32), plain, atol=0.02)
    weighted(y.float()).backward()
    assert x.grad.dtype == mx.float32
    assert np.abs(values(x.grad)).max() > 0


@pytest.mark.parametrize("name", DELICATE)
def test_delicate_operations_of_float16_are_float32(name, device, rng):
    h = floats(rng, 4, 4, device=device).half()
    with mx.autocast(device):
        y = DELICATE[name](h)
    assert y.dtype == mx.float32
    np.testing.assert_allclose(values(y), values(DELICATE[name](h.float())), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", OTHERS)
def test_other_operations_keep_their_type(name, device, rng):
    h = floats(rng, 4, 4, device=device).half()
    with mx.autocast(device):
        assert OTHERS[name](h).dtype == mx.float16
        assert OTHERS[name](h.float()).dtype == mx.float32


def test_operands_of_different_types_meet_in_float16(device, rng):
    x = floats(rng, 3, 3, device=device)
    with mx.autocast(device):
        assert (x.half() @ x).dtype == F.linear(x.half(), x, x[0]).dtype == mx.float16
    with pytest.raises(mx.DTypeError, match="float16 and float32"):
        x.half() @ x


def test_a_sum_that_float16_cannot_hold_is_finite(device):
    out = mx.full((300,), 200.0, device=device).half()
    with mx.autocast(device):
        assert (out**2).sum().item() == 300 * 200.0**2


def test_scores_beyond_float16_do_not_overflow(device):
    x = mx.full((1, 2, 64), 60.0, device=device)
    with mx.autocast(device):
        steps = F.attention_steps(x, x, x, scale=1.0)
    assert steps.scores.dtype == mx.float32
    assert values(steps.scores).max() == 64 * 3600
    assert np.isfinite(values(steps.output)).all()


def test_double_precision_is_left_alone(device, rng):
    x = floats(rng, 3, 3, device=device).double()
    with mx.autocast(device):
        assert (x @ x).dtype == mx.float64


def test_autocast_concerns_tensors_of_its_device_only(rng):
    x = floats(rng, 3, 3)
    with mx.autocast("cuda"):
        assert (x @ x).dtype == mx.float32


def test_blocks_nest_and_end_even_after_an_error(rng):
    x = floats(rng, 3, 3)
    with mx.autocast("cpu"):
        with mx.autocast("cpu", enabled=False):
            assert (x @ x).dtype == mx.float32
        assert (x @ x).dtype == mx.float16
        with pytest.raises(mx.ShapeError), mx.autocast("cpu", enabled=False):
            x @ x[0, :2]
        assert (x @ x).dtype == mx.float16
    assert (x @ x).dtype == mx.float32
    assert not precision.open_blocks


def test_autocast_decorates_a_function_that_calls_itself(rng):
    @mx.autocast("cpu", mx.float16)
    def power(x, n):
        return x if n == 1 else x @ power(x, n - 1)

    x = floats(rng, 3, 3)
    assert power(x, 3).dtype == mx.float16
    assert (x @ x).dtype == mx.float32


def test_a_block_of_another_thread_changes_nothing_here(rng):
    import threading

    x = floats(rng, 3, 3)
    inside, done = threading.Event(), threading.Event()

    def other():
        with mx.autocast("cpu"):
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    here = [(x @ x).dtype, F.linear(x, x).dtype, x.half().sum().dtype]
    done.set()
    thread.join()
    assert here == [mx.float32, mx.float32, mx.float16]


def test_autocast_to_another_type_says_what_there_is():
    with pytest.raises(mx.DTypeError, match="dtype must be float16.*got float32"):
        mx.autocast("cpu", dtype=mx.float32)


@pytest.mark.parametrize("make", [
    lambda: nn.CrossAttention(8, num_heads=2),
    lambda: nn.CrossAttention(8, num_heads=2, kv_heads=1, qk_norm="rms_norm", softcap=4.0),
    lambda: nn.MultiheadAttention(8, 2, batch_first=True),
])  # fmt: skip
def test_an_attention_layer_gives_float16_near_its_float32(make, device, rng):
    mx.manual_seed(0)
    layer = make().to(device)
    x, c = floats(rng, 2, 5, 8, device=device), floats(rng, 2, 7, 8, device=device)
    arguments = (x, c, c) if isinstance(layer, nn.MultiheadAttention) else (x, c)
    exact, exact_weights = layer(*arguments)
    with mx.autocast(device):
        output, weights = layer(*arguments)
    assert output.dtype == weights.dtype == mx.float16
    np.testing.assert_allclose(values(output), values(exact), atol=4e-3)
    np.testing.assert_allclose(values(weights), values(exact_weights), atol=2e-3)
