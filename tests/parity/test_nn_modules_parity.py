"""Modules against PyTorch: one state_dict in both, then outputs and every gradient in float64."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from compare import close, normal

import minixattn as mx

N = "t.nn."
NUMBERS = {
    "Linear(3, 4)": (2, 3),
    "Linear(3, 4, bias=False)": (5, 2, 3),
    "Linear(3, 4, True)": (3,),
    "LayerNorm(3)": (2, 3),
    "LayerNorm((2, 3), eps=0.1)": (4, 2, 3),
    "LayerNorm([2, 3], 1e-3, False)": (4, 2, 3),
    "LayerNorm(3, bias=False)": (2, 3),
    "RMSNorm(3)": (2, 3),
    "RMSNorm((2, 3), eps=1e-2)": (4, 2, 3),
    "RMSNorm(3, elementwise_affine=False)": (2, 3),
    "GroupNorm(2, 6)": (3, 6, 4),
    "GroupNorm(3, 6, 0.1, False)": (3, 6, 4, 2),
    "GroupNorm(3, 6, bias=False)": (3, 6),
    "Dropout(0.0)": (2, 3),
    "Dropout(1.0)": (2, 3),
    "Dropout(0.3).eval()": (2, 3),
    "Identity(5, unused=True)": (2, 3),
    "ReLU()": (2, 3),
    "GELU()": (2, 3),
    "GELU(approximate='tanh')": (2, 3),
    "SiLU()": (2, 3),
    "Tanh()": (2, 3),
    "LeakyReLU(0.2)": (2, 3),
    "ELU()": (2, 3),
    "Softplus()": (2, 3),
    "GLU()": (2, 4),
    "Unflatten(1, (3, 2))": (2, 6),
    "Sigmoid()": (2, 3),
    "Softmax(-1)": (2, 3),
    "Softmax(dim=1)": (2, 3, 4),
    "LogSoftmax(-1)": (2, 3),
    "Flatten()": (2, 3, 4),
    "Flatten(0, 1)": (2, 3, 4),
    "Sequential(t.nn.Linear(3, 5), t.nn.GELU(), t.nn.LayerNorm(5), t.nn.Linear(5, 2))": (4, 3),
    "Sequential()": (2, 3),
}
TABLES = ["Embedding(6, 3)", "Embedding(6, 3, padding_idx=2)", "Embedding(6, 3, -1)"]


def made(t, expression):
    module = eval(N + expression, {"t": t})
    return module.double()


def both(expression):
    """Our module and PyTorch's with the same state, which went from ours to PyTorch's."""
    ours, theirs = made(mx, expression), made(torch, expression)
    for i, p in enumerate(ours.parameters()):
        with mx.no_grad():
            p.copy_(mx.tensor(normal(*p.shape, seed=i)))
    state = {k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    return ours, theirs


def agree(ours, theirs, a, b, what):
    """Equal outputs, and equal gradients of every parameter."""
    close(a, b, what)
    if not b.requires_grad:
        return
    w = normal(*b.shape, seed=7)
    a.backward(mx.tensor(w))
    b.backward(torch.tensor(w))
    expected = dict(theirs.named_parameters())
    assert [n for n, _ in ours.named_parameters()] == list(expected)
    for name, p in ours.named_parameters():
        close(p.grad, expected[name].grad, f"{what}: gradient of {name}", 4)


@pytest.mark.parametrize("expression", NUMBERS)
def test_outputs_and_gradients_are_pytorchs(expression):
    ours, theirs = both(expression)
    x = normal(*NUMBERS[expression], seed=1)
    a, b = mx.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    agree(ours, theirs, ours(a), theirs(b), expression)
    close(a.grad, b.grad, f"{expression}: gradient of the input", 4)


@pytest.mark.parametrize("expression", TABLES)
def test_tables_are_pytorchs(expression):
    ours, theirs = both(expression)
    ids = np.array([[0, 2, 5], [5, 1, 2]])
    agree(ours, theirs, ours(mx.tensor(ids)), theirs(torch.tensor(ids)), expression)


@pytest.mark.parametrize("expression", [*NUMBERS, *TABLES])
def test_names_shapes_and_order_of_the_state_are_pytorchs(expression):
    ours, theirs = made(mx, expression), made(torch, expression)
    a = [(k, tuple(v.shape)) for k, v in ours.state_dict().items()]
    assert a == [(k, tuple(v.shape)) for k, v in theirs.state_dict().items()]


@pytest.mark.parametrize("expression", [*NUMBERS, *TABLES])
def test_a_pytorch_state_loads(expression):
    ours, theirs = made(mx, expression), made(torch, expression)
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])
    ours.load_state_dict(dict(theirs.named_parameters()))
    for k, v in ours.state_dict().items():
        close(v, theirs.state_dict()[k], k)


EXTRA = ["ReLU(inplace=True)", "SiLU(True)", "Dropout(0.1, inplace=True)", "MSELoss()",
         "CrossEntropyLoss()", "ModuleList([t.nn.Linear(2, 2) for _ in range(3)])",
         "ModuleList([t.nn.Linear(2, 2), t.nn.Tanh(), t.nn.Tanh(), t.nn.Linear(2, 2)])",
         "ModuleList([t.nn.Sequential(t.nn.Linear(2, 3), t.nn.Tanh())] * 2)",
         "ModuleList()", "ModuleDict({'a': t.nn.Tanh(), 'b': t.nn.Linear(2, 3)})"]  # fmt: skip


@pytest.mark.parametrize("expression", [*NUMBERS, *TABLES, *EXTRA])
def test_modules_print_as_pytorchs_do(expression):
    assert repr(made(mx, expression)) == repr(made(torch, expression))


class Rest:
    """The same model for either library."""

    @staticmethod
    def model(t):
        class Block(t.nn.Module):
            def __init__(self, width):
                super().__init__()
                self.register_buffer("scale", t.tensor([2.0] * width))
                self.norm = t.nn.LayerNorm(width)
                self.shift = t.nn.Parameter(t.ones(width))
                self.register_buffer("cache", t.zeros(2), persistent=False)
                self.fc = t.nn.Sequential(t.nn.Linear(width, width), t.nn.Dropout(0.5))

            def forward(self, x):
                return self.fc(self.norm(x)) * self.scale + self.shift

        class Model(t.nn.Module):
            def __init__(self):
                super().__init__()
                self.blocks = t.nn.ModuleList([Block(3), Block(3)])
                self.table = t.nn.Embedding(5, 3)
                self.head = t.nn.Linear(3, 5, bias=False)
                self.head.weight = self.table.weight  # tied
                self.first = self.blocks[0]  # a second name
                self.register_parameter("nothing", None)

            def forward(self, ids):
                x = self.table(ids)
                for block in self.blocks:
                    x = block(x)
                return self.head(x)

        return Model().double()


def test_a_model_with_shared_parts_has_pytorchs_names():
    ours, theirs = Rest.model(mx), Rest.model(torch)
    for method in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        names = [[n for n, _ in getattr(m, method)()] for m in (ours, theirs)]
        assert names[0] == names[1], method
    for options in ({"recurse": False}, {"prefix": "model"}, {"remove_duplicate": False}):
        names = [[n for n, _ in m.named_parameters(**options)] for m in (ours, theirs)]
        assert names[0] == names[1], options
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert list(ours.state_dict(prefix="a.")) == list(theirs.state_dict(prefix="a."))
    assert repr(ours) == repr(theirs)


def test_a_model_with_shared_parts_learns_as_pytorchs():
    ours, theirs = Rest.model(mx).eval(), Rest.model(torch).eval()
    ours.load_state_dict(theirs.state_dict())
    ids = np.array([[0, 1, 4], [2, 1, 0]])
    agree(ours, theirs, ours(mx.tensor(ids)), theirs(torch.tensor(ids)), "model")


def test_a_sequential_made_of_a_dict_has_pytorchs_names():
    def model(t):
        return t.nn.Sequential(OrderedDict(fc=t.nn.Linear(2, 3), act=t.nn.ReLU()))

    assert list(model(mx).state_dict()) == list(model(torch).state_dict())
    assert repr(model(mx)) == repr(model(torch))
    assert repr(model(mx)[:1]) == repr(model(torch)[:1])


LOSSES = ["CrossEntropyLoss()", "CrossEntropyLoss(label_smoothing=0.1, reduction='sum')",
          "CrossEntropyLoss(t.tensor([1.0, 2.0, 0.5]), ignore_index=1)",
          "NLLLoss(t.tensor([1.0, 2.0, 0.5]))",
          "NLLLoss(reduction='none', ignore_index=0)"]  # fmt: skip
PAIRS = ["KLDivLoss(reduction='batchmean')", "BCELoss()", "SmoothL1Loss(beta=0.5)",
         "CosineSimilarity()", "MSELoss()", "MSELoss(reduction='sum')", "L1Loss()",
         "L1Loss(reduction='none')",
         "BCEWithLogitsLoss()", "BCEWithLogitsLoss(pos_weight=t.tensor([1.0, 2.0, 0.5]))",
         "BCEWithLogitsLoss(t.tensor([1.0, 2.0, 0.5]), reduction='none')"]  # fmt: skip


@pytest.mark.parametrize("expression", [*LOSSES, *PAIRS])
def test_losses_are_pytorchs(expression):
    ours, theirs = made(mx, expression), made(torch, expression)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = normal(4, 3)
    target = np.array([0, 2, 1, 2]) if expression in LOSSES else np.abs(normal(4, 3)) % 1
    x = np.abs(x) % 1 if expression == "BCELoss()" else x
    a, b = mx.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    agree(ours, theirs, ours(a, mx.tensor(target)), theirs(b, torch.tensor(target)), expression)
    close(a.grad, b.grad, f"{expression}: gradient")


def test_gradient_clipping_is_pytorchs():
    shapes = ((3, 4), (5,), (2, 2, 2))
    for norm_type in (1.0, 2.0, 3.0, float("inf")):
        for max_norm in (0.5, 100.0):
            sides = []
            for t in (mx, torch):
                ps = [t.nn.Parameter(t.tensor(normal(*s))) for s in shapes]
                for i, p in enumerate(ps):
                    p.grad = t.tensor(normal(*p.shape, seed=i + 1))
                sides.append((ps, t.nn.utils.clip_grad_norm_(ps, max_norm, norm_type)))
            (ours, a), (theirs, b) = sides
            close(a, b, "norm")
            for p, q in zip(ours, theirs):
                close(p.grad, q.grad, f"clipped, p={norm_type}")


def test_clipping_by_value_and_vectors_are_pytorchs():
    sides = []
    for t in (mx, torch):
        ps = [t.nn.Parameter(t.tensor(normal(*s))) for s in ((3, 4), (5,))]
        for p in ps:
            p.grad = t.tensor(normal(*p.shape, seed=1))
        t.nn.utils.clip_grad_value_(ps, 0.5)
        vector = t.nn.utils.parameters_to_vector(ps)
        t.nn.utils.vector_to_parameters(vector.detach() * 2, ps)
        sides.append((*(p.grad for p in ps), vector, *ps))
    for i, (a, b) in enumerate(zip(*sides)):
        close(a, b, f"result {i}")


GAINS = ["linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu"]


@pytest.mark.parametrize("name", GAINS)
def test_gains_are_pytorchs(name):
    ours, theirs = mx.nn.init.calculate_gain, torch.nn.init.calculate_gain
    assert ours(name) == pytest.approx(theirs(name))
    assert ours(name, 0.3) == pytest.approx(theirs(name, 0.3))


FILLS = ["uniform_(x, -1.0, 3.0)", "normal_(x, 1.0, 2.0)", "constant_(x, 0.3)", "zeros_(x)",
         "ones_(x)", "eye_(x)", "xavier_uniform_(x, 2.0)", "xavier_normal_(x, gain=2.0)",
         "kaiming_uniform_(x, 0.5)", "kaiming_uniform_(x, mode='fan_out', nonlinearity='relu')",
         "kaiming_normal_(x, a=0.5)", "kaiming_normal_(x, mode='fan_out', nonlinearity='tanh')",
         "trunc_normal_(x)", "trunc_normal_(x, 0.5, 0.3, 0.2, 1.5)",
         "trunc_normal_(x, 0.0, 0.02)", "orthogonal_(x, 3.0)"]  # fmt: skip


@pytest.mark.parametrize("expression", FILLS)
def test_fills_have_pytorchs_distribution(expression):
    mx.manual_seed(0)
    a, b = mx.nn.Parameter(mx.zeros(300, 200)), torch.nn.Parameter(torch.zeros(300, 200))
    for t, x in ((mx, a), (torch, b)):
        y = eval("t.nn.init." + expression, {"t": t, "x": x})
        assert y is x
        assert y.requires_grad
    quantiles = [np.quantile(x.detach().numpy(), np.linspace(0.001, 0.999, 41)) for x in (a, b)]
    spread = max(np.ptp(quantiles[1]), 1e-12)
    assert np.max(np.abs(quantiles[0] - quantiles[1])) < 0.03 * spread
    if expression.startswith("orthogonal_"):
        W = a.detach().numpy().astype(float)
        np.testing.assert_allclose(W.T @ W, 9 * np.eye(200), atol=1e-5)


@pytest.mark.parametrize("name", ["Linear", "Embedding"])
def test_layers_start_with_pytorchs_distribution(name):
    mx.manual_seed(0)
    a, b = (getattr(t.nn, name)(300, 500).weight.detach().numpy() for t in (mx, torch))
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    a, b = (np.quantile(x, np.linspace(0.001, 0.999, 41)) for x in (a, b))
    np.testing.assert_allclose(a, b, atol=0.03 * np.ptp(b))


def test_a_list_of_parameters_has_pytorchs_names():
    def listed(t):
        return t.nn.ParameterList([t.nn.Parameter(t.ones(2)), t.zeros(3)]).append(t.ones(1))

    ours, theirs = listed(mx), listed(torch)
    assert list(ours.state_dict()) == list(theirs.state_dict()) == ["0", "1", "2"]
    assert [len(p) for p in ours] == [len(p) for p in theirs] == [2, 3, 1]
    ours[1] = mx.ones(4)
    assert len(ours[-2]) == 4 and len(ours[1:]) == 2
