"""Modules and losses on fixed numbers, written for PyTorch and minixattn alike.

`python tests/freeze_nn.py` runs them with PyTorch and writes tests/frozen/nn.npz.
"""

from pathlib import Path

import numpy as np

FROZEN = Path(__file__).parent / "frozen" / "nn.npz"


def numbers(*shape, seed=0):
    """Normal numbers in float64, always the same for one shape and seed."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


CLASSES = np.array([4, 0, 2])
MAP = np.array([[4, 0], [2, -100], [1, 1]])
CHANCES = np.abs(numbers(3, 5)) / np.abs(numbers(3, 5)).sum(1, keepdims=True)
WEIGHT = "t.tensor([0.5, 2.0, 1.0, 0.25, 1.5])"

LAYERS = {
    "Linear(3, 4)": [numbers(2, 5, 3)],
    "Linear(3, 4, bias=False)": [numbers(5, 3)],
    "Embedding(6, 3, padding_idx=2)": [np.array([[5, 2, 0], [5, 1, 3]])],
    "LayerNorm((2, 3), eps=0.01)": [numbers(4, 2, 3)],
    "LayerNorm(3, bias=False)": [numbers(4, 3)],
    "RMSNorm(3)": [numbers(4, 2, 3)],
    "RMSNorm((2, 3), eps=0.01)": [numbers(4, 2, 3)],
    "GroupNorm(2, 6)": [numbers(3, 6, 4)],
    "ReLU()": [numbers(4, 3)],
    "GELU()": [numbers(4, 3) * 3],
    "GELU('tanh')": [numbers(4, 3) * 3],
    "SiLU()": [numbers(4, 3) * 3],
    "Tanh()": [numbers(4, 3)],
    "Sigmoid()": [numbers(4, 3)],
    "Softmax(-1)": [numbers(4, 3)],
    "LogSoftmax(0)": [numbers(4, 3)],
    "Sequential(t.nn.Linear(3, 8), t.nn.GELU(), t.nn.LayerNorm(8), t.nn.Linear(8, 2))": [
        numbers(4, 3)
    ],
    "CrossEntropyLoss()": [numbers(3, 5), CLASSES],
    "CrossEntropyLoss(reduction='none')": [numbers(3, 5, 2), MAP],
    f"CrossEntropyLoss({WEIGHT}, label_smoothing=0.2)": [numbers(3, 5, 2), MAP],
    f"CrossEntropyLoss({WEIGHT})": [numbers(3, 5), CHANCES],
    f"NLLLoss({WEIGHT}, ignore_index=2)": [numbers(3, 5), CLASSES],
    "MSELoss()": [numbers(3, 5), numbers(3, 5, seed=1)],
    "L1Loss(reduction='sum')": [numbers(3, 5), numbers(3, 5, seed=1)],
    f"BCEWithLogitsLoss(pos_weight={WEIGHT})": [numbers(3, 5) * 5, CHANCES],
}


def run(t, expression, inputs, device="cpu"):
    """The output of a module, then the gradients of its first input and of its parameters.

    The parameters are fixed numbers; each element of the output has a weight of its own.
    """
    module = eval("t.nn." + expression, {"t": t}).double().to(device)
    shapes = {k: tuple(v.shape) for k, v in module.state_dict().items()}
    state = {k: numbers(*shape, seed=i + 5) for i, (k, shape) in enumerate(shapes.items())}
    if not expression.startswith(("CrossEntropy", "NLL", "BCE")):
        module.load_state_dict({k: t.tensor(v) for k, v in state.items()})
    inputs = [t.tensor(a, device=device) for a in inputs]
    if inputs[0].is_floating_point():
        inputs[0].requires_grad_()
    y = module(*inputs)
    y.backward(t.tensor(numbers(*y.shape, seed=2), device=device))
    grads = [inputs[0].grad, *(p.grad for p in module.parameters())]
    return [x.detach().cpu().numpy() for x in (y, *grads) if x is not None]


if __name__ == "__main__":
    import torch

    found = {
        f"{name}|{i}": array
        for name, inputs in LAYERS.items()
        for i, array in enumerate(run(torch, name, inputs))
    }
    np.savez_compressed(FROZEN, **found)
    print(f"{FROZEN}: {len(found)} arrays, {FROZEN.stat().st_size} bytes")
