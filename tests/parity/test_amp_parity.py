"""Mixed precision, live against PyTorch's on the CPU."""

import numpy as np
import pytest
import torch

import minixattn as mx

SETTINGS = {
    "init_scale": 1024.0, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": 3,
}  # fmt: skip


def history(library, gradients, clip=False, **settings):
    """Scales, parameters and states of a training with these scaled gradients, one a step."""
    if library is torch:
        scaler = torch.amp.GradScaler("cpu", **settings)
    else:
        scaler = mx.amp.GradScaler("cpu", **settings)
    p = library.tensor(np.linspace(-1, 1, 4, dtype=np.float32).tolist(), requires_grad=True)
    optimizer = library.optim.SGD([p], lr=0.5, momentum=0.9)
    found = []
    for g in gradients:
        optimizer.zero_grad()
        loss = (p * library.tensor(g.tolist())).sum()
        scaler.scale(loss).backward()
        if clip:
            scaler.unscale_(optimizer)
            library.nn.utils.clip_grad_norm_([p], 0.1)
        scaler.step(optimizer)
        scaler.update()
        found.append((scaler.get_scale(), p.detach().numpy().copy(), scaler.state_dict()))
    return found


@pytest.mark.parametrize("clip", [False, True])
def test_scales_and_steps_are_pytorchs(clip):
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((40, 4)).astype(np.float32)
    gradients[[4, 5, 17], 2] = np.inf, np.nan, -np.inf
    pairs = zip(*(history(lib, gradients, clip, **SETTINGS) for lib in (torch, mx)))
    scales = set()
    for (their_scale, their_p, their_state), (scale, p, state) in pairs:
        assert scale == their_scale
        assert state == their_state
        np.testing.assert_allclose(p, their_p, rtol=2e-6, atol=1e-7)
        scales.add(scale)
    assert len(scales) > 5


def test_the_scale_stays_finite_as_pytorchs_does():
    gradients = np.full((6, 4), 1e-38, np.float32)
    settings = SETTINGS | {"init_scale": 2.0**126, "growth_interval": 1}
    theirs, ours = (history(lib, gradients, **settings) for lib in (torch, mx))
    assert [s for s, _, _ in ours] == [s for s, _, _ in theirs]


def test_defaults_are_pytorchs():
    assert mx.amp.GradScaler().state_dict() == torch.amp.GradScaler("cpu").state_dict()
    assert mx.amp.GradScaler(enabled=False).state_dict() == {}
    assert mx.amp.GradScaler(enabled=False).get_scale() == 1.0


def test_a_state_goes_from_pytorch_to_us_and_back():
    theirs, ours = torch.amp.GradScaler("cpu", **SETTINGS), mx.amp.GradScaler()
    ours.load_state_dict(theirs.state_dict())
    back = torch.amp.GradScaler("cpu")
    back.load_state_dict(ours.state_dict())
    assert back.state_dict() == theirs.state_dict() == ours.state_dict()


WRONG = {
    "step twice": lambda s, o: (s.step(o), s.step(o)),
    "unscale twice": lambda s, o: (s.unscale_(o), s.unscale_(o)),
    "unscale after step": lambda s, o: (s.step(o), s.unscale_(o)),
    "closure": lambda s, o: s.step(o, closure=lambda: 0),
    "empty state": lambda s, _: s.load_state_dict({}),
}


@pytest.mark.parametrize("calls", WRONG.values(), ids=WRONG)
def test_wrong_orders_of_calls_are_runtime_errors_in_both(calls):
    for library in (torch, mx):
        scaler = library.amp.GradScaler("cpu")
        p = library.tensor([1.0], requires_grad=True)
        scaler.scale(p.sum()).backward()
        with pytest.raises(RuntimeError):
            calls(scaler, library.optim.SGD([p], lr=1.0))


PRODUCTS = {
    "matmul": lambda lib, x: x @ x.mT,
    "linear": lambda lib, x: lib.nn.functional.linear(x, x, x[0]),
    "attention": lambda lib, x: lib.nn.functional.scaled_dot_product_attention(x, x, x),
    "plus": lambda lib, x: (x @ x) + x,
    "cat": lambda lib, x: lib.cat([x @ x, x]),
    "relu": lambda lib, x: (x @ x).relu(),
    "mean": lambda lib, x: (x @ x).mean(),
    "mse_loss": lambda lib, x: lib.nn.functional.mse_loss(x @ x, x),
    "double": lambda lib, x: x.double() @ x.double(),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_autocast_gives_pytorchs_types_and_numbers(name):
    a = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    with torch.autocast("cpu", dtype=torch.float16):
        theirs = PRODUCTS[name](torch, torch.tensor(a))
    with mx.autocast("cpu", dtype=mx.float16):
        ours = PRODUCTS[name](mx, mx.tensor(a))
    assert str(theirs.dtype) == f"torch.{ours.dtype}"
    np.testing.assert_allclose(ours.numpy().astype(float), theirs.double().numpy(), atol=0.01)
