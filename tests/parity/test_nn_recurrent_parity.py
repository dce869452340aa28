"""Recurrent layers against PyTorch's: its weights, in every form of the input."""

import numpy as np
import pytest
import torch
from compare import close, normal

import minixattn as mx

FORMS = ["", ", num_layers=3", ", 2, bidirectional=True", ", bias=False, bidirectional=True",
         ", batch_first=True", ", num_layers=2, dropout=1.0"]  # fmt: skip
LAYERS = [f"{kind}(3, 4{form})" for kind in ("RNN", "GRU", "LSTM") for form in FORMS]
LAYERS += ["RNN(3, 4, 2, 'relu')"]


def both(expression):
    ours, theirs = (eval(f"t.nn.{expression}", {"t": t}).double() for t in (mx, torch))
    assert repr(ours).replace("h_t = tanh(a + b), ", "") == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def flat(found):
    """All tensors of nested tuples."""
    return [x for part in found for x in flat(part)] if isinstance(found, tuple) else [found]


def agree(ours, theirs, inputs, what):
    leaves = []
    for t, module in ((mx, ours), (torch, theirs)):
        given = [t.tensor(x, requires_grad=True) for x in inputs[:1]]
        states = tuple(t.tensor(x, requires_grad=True) for x in inputs[1:])
        state = states if len(states) > 1 else states[0] if states else None
        outputs = flat(module(*given, state) if states else module(*given))
        weights = [t.tensor(normal(*y.shape, seed=i)) for i, y in enumerate(outputs)]
        sum((y * w).sum() for y, w in zip(outputs, weights)).backward()
        leaves.append(([*outputs], [*given, *states, *module.parameters()]))
    for a, b in zip(leaves[0][0], leaves[1][0]):
        close(a, b, what)
    for a, b in zip(leaves[0][1], leaves[1][1]):
        if b.grad is not None:
            close(a.grad, b.grad, f"{what}: gradient", 1e-10)


@pytest.mark.parametrize("given", [False, True], ids=["from zero", "from a state"])
@pytest.mark.parametrize("expression", LAYERS)
def test_layers_are_pytorchs(expression, given):
    ours, theirs = both(expression)
    rows = theirs.num_layers * (2 if theirs.bidirectional else 1)
    states = 2 if expression.startswith("LSTM") else 1
    hx = [normal(rows, 2, 4, seed=9 + i) for i in range(states)] if given else []
    x = normal(*((2, 5, 3) if theirs.batch_first else (5, 2, 3)))
    agree(ours, theirs, [x, *hx], expression)
    if "dropout" not in expression:
        agree(ours, theirs, [normal(5, 3), *[h[:, 0] for h in hx]], f"{expression} of one sequence")


@pytest.mark.parametrize("given", [False, True], ids=["from zero", "from a state"])
@pytest.mark.parametrize("expression", ["RNNCell(3, 4)", "RNNCell(3, 4, nonlinearity='relu')",
                                        "GRUCell(3, 4)", "GRUCell(3, 4, bias=False)",
                                        "LSTMCell(3, 4)"])  # fmt: skip
def test_cells_are_pytorchs(expression, given):
    ours, theirs = (eval(f"t.nn.{expression}", {"t": t}).double() for t in (mx, torch))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    states = [normal(2, 4, seed=i) for i in range(1 + expression.startswith("LSTM"))]
    agree(ours, theirs, [normal(2, 3), *(states if given else [])], expression)
    agree(ours, theirs, [normal(3), *[h[0] for h in (states if given else [])]], expression)


def test_layers_start_as_pytorchs_do():
    mx.manual_seed(0)
    for p in mx.nn.GRU(3, 400).parameters():
        assert np.abs(p.detach().numpy()).max() <= 0.05
        assert abs(p.detach().numpy().std() - 0.05 / np.sqrt(3)) < 0.002
