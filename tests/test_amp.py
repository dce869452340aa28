"""Scaled gradients, and a training in mixed precision."""

import copy

import numpy as np
import pytest
from helpers import values
from strict_cupy import waits

import minixattn as mx
import minixattn.nn.functional as F
from minixattn import nn


class Chooser(nn.Module):
    """Which of the context's rows holds what the query asks for?"""

    def __init__(self):
        super().__init__()
        self.look = nn.CrossAttention(8, 8, num_heads=2)
        self.norm, self.answer = nn.LayerNorm(8), nn.Linear(8, 4)

    def forward(self, query, context):
        return self.answer(self.norm(query + self.look(query, context)[0])).mean(1)


def lesson(seed=0, n=64):
    rng = np.random.default_rng(seed)
    context = rng.standard_normal((n, 4, 8)).astype(np.float32)
    query = context[:, :1] + 0.1 * rng.standard_normal((n, 2, 8)).astype(np.float32)
    return query, context, (context[:, 0, :4]).argmax(-1)


def train(device, *, mixed, shrink=1.0, init_scale=2.0**14, steps=60):
    """The losses of a training; `shrink` makes every gradient so much smaller."""
    mx.manual_seed(0)
    model = Chooser().to(device)
    query, context, target = (mx.tensor(a, device=device) for a in lesson())
    optimizer = mx.optim.Adam(model.parameters(), lr=0.02, eps=1e-8 * shrink)
    scaler = mx.amp.GradScaler(device, init_scale=init_scale, enabled=mixed and init_scale != 1)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        with mx.amp.autocast(device, enabled=mixed):
            loss = F.cross_entropy(model(query, context), target)
        scaler.scale(loss * shrink).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    return np.array(losses), model


def test_mixed_precision_learns_what_float32_learns(device):
    exact, _ = train(device, mixed=False)
    mixed, model = train(device, mixed=True)
    assert exact[-1] < 0.3 * exact[0]
    assert abs(mixed[-1] - exact[-1]) < 0.1 * exact[0]
    np.testing.assert_allclose(mixed[:5], exact[:5], rtol=0.01)
    assert all(p.dtype == mx.float32 for p in model.parameters())


def test_without_scaling_small_gradients_vanish_in_float16_and_with_it_they_do_not(device):
    exact, _ = train(device, mixed=False, shrink=1e-7, steps=20)
    unscaled, model = train(device, mixed=True, shrink=1e-7, init_scale=1, steps=20)
    assert not np.abs(values(model.look.W_V.weight.grad)).max()
    scaled, model = train(device, mixed=True, shrink=1e-7, init_scale=2.0**30, steps=20)
    assert np.abs(values(model.look.W_V.weight.grad)).max()
    assert scaled[-1] < 0.8 * scaled[0]
    assert abs(scaled[-1] - exact[-1]) < 0.05
    assert unscaled[-1] > exact[-1] + 0.1


def stepped(device, *gradients, **options):
    """A scaler, an optimizer and its parameter after a `step` with these scaled gradients."""
    p = mx.zeros(len(gradients), device=device, requires_grad=True)
    p.grad = mx.tensor(gradients, device=device)
    optimizer = mx.optim.SGD([p], lr=1.0)
    scaler = mx.amp.GradScaler(device, init_scale=8.0, **options)
    scaler.step(optimizer)
    return scaler, optimizer, p


def test_step_uses_the_gradients_divided_by_the_scale(device):
    _, _, p = stepped(device, 8.0, -16.0)
    np.testing.assert_array_equal(values(p), [-1, 2])
    np.testing.assert_array_equal(values(p.grad), [1, -2])


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_step_with_a_gradient_that_is_not_finite_is_left_out_and_the_scale_halved(device, bad):
    scaler, _, p = stepped(device, 8.0, bad)
    scaler.update()
    np.testing.assert_array_equal(values(p), [0, 0])
    assert scaler.get_scale() == 4.0


def test_the_scale_grows_after_enough_good_steps_in_a_row(device):
    scaler, optimizer, p = stepped(device, 8.0, growth_interval=3, growth_factor=4.0)
    scales = []
    for gradient in (1.0, 1.0, 1.0, np.inf, 1.0, 1.0, 1.0):
        scaler.update()
        scales.append(scaler.get_scale())
        p.grad = mx.tensor([gradient], device=device)
        scaler.step(optimizer)
    scaler.update()
    assert [*scales, scaler.get_scale()] == [8, 8, 32, 32, 16, 16, 16, 64]


def test_unscaled_gradients_can_be_clipped_and_are_not_divided_again(device):
    p = mx.zeros(2, device=device, requires_grad=True)
    p.grad = mx.tensor([24.0, 32.0], device=device)
    optimizer, scaler = mx.optim.SGD([p], lr=1.0), mx.amp.GradScaler(init_scale=8.0)
    scaler.unscale_(optimizer)
    assert nn.utils.clip_grad_norm_([p], 1.0).item() == 5.0
    scaler.step(optimizer)
    np.testing.assert_allclose(values(p), [-0.6, -0.8], rtol=1e-5)


def test_scale_multiplies_losses_in_lists_too(device):
    scaler, loss = mx.amp.GradScaler(init_scale=8.0), mx.tensor(3.0, device=device)
    assert scaler.scale(loss).item() == 24
    assert [x.item() for x in scaler.scale([loss, loss + 1])] == [24, 32]
    assert scaler.scale((loss,))[0].item() == 24


def test_a_scaler_that_is_not_enabled_passes_everything_through(device):
    p = mx.ones(1, device=device, requires_grad=True)
    optimizer, scaler = mx.optim.SGD([p], lr=1.0), mx.amp.GradScaler(enabled=False)
    loss = (p * 2).sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert values(p) == -1
    assert (scaler.get_scale(), scaler.state_dict(), scaler.is_enabled()) == (1.0, {}, False)


def test_a_step_on_the_gpu_waits_for_one_number(stand_in):
    waits.clear()
    stepped("cuda", 8.0, 8.0)
    assert waits == ["bool()"]


def test_the_state_continues_a_scaler():
    scaler, _, _ = stepped("cpu", 8.0, growth_interval=2, growth_factor=3.0, backoff_factor=0.25)
    scaler.update()
    other = mx.amp.GradScaler()
    other.load_state_dict(copy.deepcopy(scaler.state_dict()))
    assert other.state_dict() == scaler.state_dict() == {
        "scale": 8.0, "growth_factor": 3.0, "backoff_factor": 0.25, "growth_interval": 2,
        "_growth_tracker": 1,
    }  # fmt: skip
    with pytest.raises(RuntimeError, match="lacks scale, .* was not enabled"):
        other.load_state_dict({})


def test_the_order_of_calls_is_checked():
    scaler, optimizer, p = stepped("cpu", 8.0)
    with pytest.raises(RuntimeError, match="step\\(\\) was called already"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="unscale_\\(\\) after step\\(\\)"):
        scaler.unscale_(optimizer)
    scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="unscale_\\(\\) after unscale_\\(\\)"):
        scaler.unscale_(optimizer)
    scaler.update()
    with pytest.raises(RuntimeError, match="update\\(\\) without step\\(\\)"):
        scaler.update()
    p.grad = None
    with pytest.raises(RuntimeError, match="no parameter of the optimizer has a gradient"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="takes no closure"):
        scaler.step(optimizer, closure=lambda: 0)


def test_float16_parameters_are_refused_with_the_mend():
    p = mx.zeros(3, dtype=mx.float16, requires_grad=True)
    p.grad = mx.ones(3, dtype=mx.float16)
    with pytest.raises(ValueError, match=r"of shape \(3,\) is float16.*Keep the parameters"):
        mx.amp.GradScaler().step(mx.optim.SGD([p], lr=1.0))


@pytest.mark.parametrize(("option", "value"), [
    ("growth_factor", 1.0), ("backoff_factor", 1.0), ("backoff_factor", 0), ("init_scale", 0),
    ("init_scale", float("inf")), ("growth_factor", float("nan")),
])  # fmt: skip
def test_factors_out_of_range_are_refused(option, value):
    with pytest.raises(ValueError, match=f"GradScaler: {option} must .*{value}"):
        mx.amp.GradScaler(**{option: value})
