"""Every operation once or twice, as an expression that PyTorch and minixattn both run.

`python tests/freeze_ops.py` runs them with PyTorch and writes the outputs and gradients to
tests/frozen/ops.npz, which the base tests read.
"""

import json
import re
from pathlib import Path

import numpy as np

FROZEN = Path(__file__).parent / "frozen" / "ops.npz"

# In an expression t is the library, d the device, and each of these letters a tensor.
INPUTS = {
    "x": np.array([[0.3, -1.2, 2.1], [-0.4, 0.9, 0.05]]),
    "y": np.array([1.5, -0.7, 0.2]),
    "p": np.array([[0.5, 1.3, 2.2], [0.9, 0.1, 3.0]]),
    "b": np.linspace(-1.0, 1.3, 24).reshape(2, 3, 4) ** 3,
    "z": np.array([[1.5, 0.0, 2.0], [2.0, -3.0, 2.0]]),
    "i": np.array([[0, 2, 1], [2, 2, 0]]),
    "j": np.array([1, 0, 1]),
    "m": np.array([[True, False, True], [False, False, True]]),
}

EXPRESSIONS = """
t.zeros(2, 3, device=d); t.ones((2,), device=d); t.full((2, 2), 7, device=d);
t.eye(2, 3, device=d); t.arange(1, 8, 3, device=d); t.arange(0, 1, 0.3, device=d);
t.linspace(-1, 1, 5, device=d); t.zeros_like(i); t.ones_like(x); t.full_like(y, 2);
t.tensor([[1, 2.5]], device=d); t.tensor([True, False], device=d);
t.tensor([3, 4], dtype=t.float16, device=d); t.as_tensor(5, device=d); t.rand(2, device=d) >= 0;
t.randn(3, 2, device=d) * 0; t.randint(3, 4, (2, 2), device=d); x + y; x - y; x * y; x / p;
x.detach() // p.detach(); x % p; p ** x; 2 ** x; x ** 3; x ** 2; x + 1.5; 1 - x; x * i; i / 2;
i * 1.5; x == z; x != 0; x < y; x <= y; x > p; x >= 0.9; t.add(x, y, alpha=2); -x; x.abs();
z.abs(); x.exp(); p.log(); p.log1p(); p.sqrt(); x.square(); x.sin(); x.cos(); x.tanh();
x.sigmoid(); x.erf(); z.relu(); x.relu(); x.sign(); x.clamp(-0.4, 0.9); x.clamp(max=0);
t.maximum(x, z); t.minimum(x, y); t.maximum(z, z.flip(1)); t.where(m, x, y); t.where(m, 1.0, x);
x.masked_fill(m, -1e9); x.masked_fill(m, float("-inf")).softmax(-1); x.isnan();
(x / 0.0).isinf(); m.any(); m.all(1); m & ~m; m | (x > 0); t.logical_not(m); x.sum(); x.sum(0);
x.sum(-1, keepdim=True); b.sum((0, 2)); m.sum(); x.mean(); b.mean((1, 2)); x.var();
x.var(0, correction=0); b.std(-1, keepdim=True); z.std(); x.amax(1); z.amax(); z.amax(0);
x.amin(0); z.amin(1); x.argmax(); x.argmin(1); x.max(1); z.min(0); z.max(); x.logsumexp(1);
b.logsumexp((0, 2)); x.softmax(1); b.softmax(1); x.log_softmax(-1); x.cumsum(1); x.cumprod(1);
z.cumprod(0); i.cumprod(0); m.cumprod(1); x.prod();
z.prod(1); z.prod(0); i.sum(); i.prod(1); x @ y; y @ y; x @ x.T; b @ b.mT; y @ b; b @ b[0].T;
t.bmm(b, b.transpose(1, 2)); t.outer(y, y); t.mm(x, x.T); t.dot(y, y);
t.einsum("ij,kj->ik", x, p); t.einsum("bij,bkj->bik", b, b); t.einsum("ij->j", x);
t.einsum("...ij,j->...i", x, y); t.einsum("ii->i", b[0, :, :3]); b.reshape(4, -1); b.view(6, 4);
b.permute(2, 0, 1); b.transpose(0, 2); b.swapaxes(1, 2); b.movedim(0, 2); x.T; b.mT;
b[:, :1].squeeze(1); y.unsqueeze(1); y.expand(2, 3); y.broadcast_to((2, 3)); b.flatten(1);
t.cat([x, p], 1); t.stack([x, p], 1); x.split([1, 2], 1); x.chunk(2, 1); x.unbind();
x.flip(0, 1); y.repeat(2, 2); x.tile(2); x.T.contiguous(); x.clone(); x.detach() * x; x.float();
x.half(); i.double(); x.to(t.float32); x.long(); t.gather(x, 1, i); x.index_select(1, j);
t.take_along_dim(x, i, 1); t.roll(b, (1, -1), (0, 2)); x.roll(2); x.narrow(1, 1, 2);
x.diagonal(); b.diagonal(1, 1, 2); t.diag(y, -1); t.diag(x, 1); t.diag_embed(x); t.hstack([x, p]);
t.vstack([x, y]); t.meshgrid(y, y, indexing="ij"); t.meshgrid(y, y, indexing="xy"); x.round();
p.round(decimals=1); x.floor(); x.ceil(); x.trunc(); i.floor();
t.div(x, p, rounding_mode="floor"); t.div(x, p, rounding_mode="trunc");
t.div(i - 2, 2, rounding_mode="trunc"); t.div(i - 2, 2, rounding_mode="floor"); p.log2(); p.log10();
p.reciprocal(); x.nonzero(); z.nonzero(); i.nonzero(as_tuple=True); z.count_nonzero();
t.count_nonzero(z, 1); x.masked_select(m); y.masked_select(m); z.detach().unique(); i.unique();
t.unique(i, return_inverse=True, return_counts=True); t.unique(z.detach(), dim=0);
x.scatter(1, i[:1], p[:1]); x.scatter(1, i[:, :1], p[:, :1]); x.scatter(0, j[None, :2], 1.5);
x.scatter_add(1, i, p);
t.index_add(x, 0, j[:2], p, alpha=2); x.index_fill(1, j, -1.0);
t.tril_indices(3, 4, -1, device=d);
t.triu_indices(3, 3, 1, device=d); t.mv(x, y); t.addmm(y, x, x.new_ones(3, 3), beta=0.5);
t.baddbmm(b[:, :, :1], b, b.mT, alpha=0.5); t.isclose(x, x + 1e-9); i.new_zeros(2, 2);
x.new_full((2,), 7); x.new_tensor([1, 2]); t.clip(x, -0.2, 0.2); t.t(x);
x.reshape_as(x.T); t.normal(0.0, 1.0, (2,), device=d) * 0; t.bernoulli(x.detach() * 0 + 1);
t.tril(x); t.triu(x, 1); x[0]; x[:, 1:]; x[..., -1]; x[None, :, 0];
x[j]; x[:, j]; x[j, j]; x[m]; b[0, :, j]; b[j, 1:, None]; ((x @ x.T) / 3 ** 0.5).softmax(-1) @ x;
(b - b.mean(-1, keepdim=True)) / (b.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
"""
EXPRESSIONS = [e.strip() for e in EXPRESSIONS.replace("\n", " ").split(";")]


def results(t, expression, device="cpu"):
    """[(name, array)] of the outputs and of the gradients of every input that takes part.

    Element k of an output counts cos(k) + 3/2 times, so that each moves the loss differently.
    """
    names = [k for k in INPUTS if re.search(rf"\b{k}\b(?!\()", re.sub(r'"[^"]*"', "", expression))]
    tensors = {k: t.tensor(INPUTS[k], device=device) for k in names}
    leaves = {k: x.requires_grad_() for k, x in tensors.items() if x.is_floating_point()}
    out = eval(expression, {"t": t, "d": device, **tensors})
    out = out if isinstance(out, (tuple, list)) else (out,)
    found = [(f"output {n}", y) for n, y in enumerate(out)]
    taught = [y for y in out if y.requires_grad]
    if taught:
        weights = [
            (t.arange(y.numel(), device=device).double().cos() + 1.5).reshape(y.shape)
            for y in taught
        ]
        weights = [w.to(y.dtype) for w, y in zip(weights, taught)]
        grads = t.autograd.grad(taught, list(leaves.values()), weights, allow_unused=True)
        found += [(f"gradient of {k}", g) for k, g in zip(leaves, grads) if g is not None]
    return [(name, y.detach().cpu().numpy()) for name, y in found]


def read():
    """{expression: [(name, array)]} as PyTorch computed them."""
    with np.load(FROZEN) as frozen:
        numbers, layout = frozen["numbers"], json.loads(str(frozen["layout"]))
    frozen, start = {}, 0
    for expression, rows in layout.items():
        frozen[expression] = []
        for name, dtype, shape in rows:
            end = start + int(np.prod(shape))
            frozen[expression].append((name, numbers[start:end].astype(dtype).reshape(shape)))
            start = end
    return frozen


def write():
    """All numbers in one vector, and as JSON what and where they are."""
    import torch

    made = {e: results(torch, e) for e in EXPRESSIONS}
    layout = {e: [(name, str(a.dtype), a.shape) for name, a in rows] for e, rows in made.items()}
    numbers = np.concatenate([a.ravel().astype(float) for rows in made.values() for _, a in rows])
    FROZEN.parent.mkdir(exist_ok=True)
    np.savez_compressed(FROZEN, numbers=numbers, layout=np.array(json.dumps(layout)))
    print(f"{FROZEN.name}: {len(made)} expressions, {FROZEN.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    write()
