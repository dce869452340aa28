"""Runs of optimizers and schedulers, written for PyTorch and minixattn alike.

`python tests/freeze_optim.py` runs them with PyTorch and writes tests/frozen/optim.npz.
"""

from pathlib import Path

import numpy as np

FROZEN = Path(__file__).parent / "frozen" / "optim.npz"
STEPS = 25

RUNS = {
    "sgd": ("SGD", {"lr": 0.3}),
    "sgd momentum": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.2}),
    "sgd nesterov": ("SGD", {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1, "nesterov": True}),
    "adam": ("Adam", {"lr": 0.05}),
    "adam amsgrad": ("Adam", {"lr": 0.05, "betas": (0.6, 0.9), "amsgrad": True, "eps": 1e-3}),
    "adam decay": ("Adam", {"lr": 0.05, "weight_decay": 0.1}),
    "adamw": ("AdamW", {"lr": 0.05, "weight_decay": 0.1}),
    "adamw default": ("AdamW", {}),
}

SCHEDULES = {
    "lambda": ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}),
    "cosine": ("CosineAnnealingLR", {"T_max": 17, "eta_min": 0.01}),
    "one cycle": ("OneCycleLR", {"max_lr": 0.5, "total_steps": STEPS}),
    "one cycle linear": (
        "OneCycleLR",
        {"max_lr": 0.5, "epochs": 5, "steps_per_epoch": 5, "anneal_strategy": "linear"},
    ),
    "one cycle in three": (
        "OneCycleLR",
        {"max_lr": 0.5, "total_steps": STEPS, "three_phase": True, "div_factor": 10.0,
         "final_div_factor": 100.0, "pct_start": 0.4, "base_momentum": 0.7},
    ),
}  # fmt: skip


def parameters(t, dtype="float64", **options):
    """A matrix, a vector and a single number to fit, as leaves of the library `t`."""
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(shape) for shape in ((3, 4), (4,), ())]
    leaves = [t.tensor(a, dtype=getattr(t, dtype), **options) for a in arrays]
    return [p.requires_grad_() for p in leaves]


def loss(t, params, **options):
    """Mean of (s·tanh(XW + b) − Y)² for fixed X and Y."""
    W, b, s = params
    rng = np.random.default_rng(2)
    X, Y = (
        t.tensor(rng.standard_normal(shape), dtype=W.dtype, **options) for shape in ((5, 3), (5, 4))
    )
    return ((s * (X @ W + b).tanh() - Y) ** 2).mean()


def one_step(t, optimizer, params, i, **options):
    """Gradients and update number i; in some of them, b has no gradient."""
    optimizer.zero_grad()
    loss(t, params, **options).backward()
    if i % 7 == 3:
        params[1].grad = None
    optimizer.step()


def values(params):
    """All parameters in one array."""
    return np.concatenate([p.detach().cpu().numpy().reshape(-1) for p in params])


def trajectory(t, name, options, **where):
    """The parameters after each step, (STEPS, 17)."""
    params = parameters(t, **where)
    optimizer = getattr(t.optim, name)(params, **options)
    rows = []
    for i in range(STEPS):
        one_step(t, optimizer, params, i, **where)
        rows.append(values(params))
    return np.array(rows)


def schedule(t, name, options, optimizer="SGD"):
    """Learning rate and momentum (or β₁) at each step, (STEPS, 2)."""
    momentum = {"momentum": 0.9} if optimizer == "SGD" else {}
    optimizer = getattr(t.optim, optimizer)(parameters(t), lr=0.2, **momentum)
    scheduler = getattr(t.optim.lr_scheduler, name)(optimizer, **options)
    rows = []
    for _ in range(STEPS):
        (group,) = optimizer.param_groups
        rows.append((scheduler.get_last_lr()[0], group.get("momentum", group.get("betas", [0])[0])))
        optimizer.step()
        scheduler.step()
    return np.array(rows)


if __name__ == "__main__":
    import torch

    frozen = {k: trajectory(torch, *run) for k, run in RUNS.items()}
    frozen.update({k: schedule(torch, *run) for k, run in SCHEDULES.items()})
    np.savez_compressed(FROZEN, **frozen)
    print(f"{len(frozen)} runs, {FROZEN.stat().st_size} bytes")
