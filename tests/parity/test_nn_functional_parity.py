"""Layer functions against PyTorch: values, gradients and second derivatives in float64."""

import numpy as np
import pytest
import torch
from compare import compare, everywhere, normal, same_error

import minixattn as mx

F = "t.nn.functional."


def classes(*shape, n=5):
    """Class numbers, always the same."""
    return np.array(np.random.default_rng([n, *shape]).integers(0, n, shape))


def probabilities(*shape, dim):
    e = np.exp(normal(*shape, seed=3))
    return e / e.sum(dim, keepdims=True)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3), (5, 4, 2, 3), (0, 3), (2, 0, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape, bias):
    options = {"b": normal(4)} if bias else {}
    text = "linear(x, W, b)" if bias else "linear(x, W)"
    everywhere(F + text, x=normal(*shape), W=normal(4, 3), **options)


ELEMENTWISE = [
    "relu(x)", "relu(x, inplace=False)", "gelu(x)", 'gelu(x, approximate="tanh")', "silu(x)",
    "tanh(x)", "sigmoid(x)", "logsigmoid(x)", "softmax(x, dim=-1)", "log_softmax(x, dim=0)",
    "leaky_relu(x)", "leaky_relu(x, 0.2)", "elu(x)", "elu(x, alpha=0.5)", "softplus(x)",
    "softplus(x, 2, 3)", "glu(x)", "glu(x, dim=1)",
    "softmax(x, 1)", "dropout(x, 0.4, False)", "dropout(x, p=0.0)", "dropout(x, 1.0, True)",
]  # fmt: skip


@pytest.mark.parametrize("expression", ELEMENTWISE)
def test_activations(expression):
    everywhere(F + expression, x=normal(3, 4) * 2)


@pytest.mark.parametrize("expression", ["gelu(x)", 'gelu(x, approximate="tanh")', "silu(x)",
                                        "logsigmoid(x)", "elu(x)", "softplus(x)"])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_far_out(expression, dtype):
    x = np.array([-1e4, -40.0, -12.0, -6.0, 0.0, 6.0, 40.0, 1e4], dtype)
    compare(F + expression, twice=False, x=x)


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("eps", [1e-5, 1e-3, 0.1])
@pytest.mark.parametrize("given", ["", ", w", ", w, b", ", None, b"])
def test_layer_norm(shape, eps, given):
    options = {n: normal(*shape[-2:], seed=ord(n)) for n in "wb" if f" {n}" in given}
    text = f"layer_norm(x, {shape[-2:]}{given}, eps={eps})"
    twice = given != ", None, b"  # PyTorch has no second derivative for it
    compare(F + text, twice=twice, x=normal(*shape), **options)
    compare(F + text, strided=True, twice=twice, x=normal(*shape), **options)


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("eps", ["", ", eps=1e-3", ", eps=None"])
def test_rms_norm(shape, eps):
    everywhere(f"{F}rms_norm(x, (4,){eps})", x=normal(*shape))
    everywhere(f"{F}rms_norm(x, (4,), w{eps})", x=normal(*shape), w=normal(4, seed=1))
    compare(f"{F}rms_norm(x, (4,){eps})", twice=False, x=normal(*shape).astype("float32") * 1e-3)


@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 5), (3, 6, 4, 2)])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_group_norm(shape, groups):
    everywhere(f"{F}group_norm(x, {groups})", x=normal(*shape))
    everywhere(
        f"{F}group_norm(x, {groups}, w, b, 1e-3)", x=normal(*shape), w=normal(6), b=normal(6)
    )


@pytest.mark.parametrize("p", [1, 2.0, 3, 2.5, "float('inf')"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_normalize(p, dim):
    everywhere(f"{F}normalize(x, p={p}, dim={dim})", x=normal(3, 4))


def test_normalize_of_zero_and_of_tiny_vectors():
    compare(F + "normalize(x)", twice=False, x=np.array([[0.0, 0.0], [3.0, 4.0]]))
    compare(F + "normalize(x, eps=10.0)", x=np.array([[1.0, 2.0], [3.0, 40.0]]))


def test_embedding_and_its_padding():
    ids = np.array([[1, 0, 3], [1, 1, 2]])
    compare(F + "embedding(i, W)", i=ids, W=normal(4, 3))
    compare(F + "embedding(i, W, padding_idx=1)", i=ids, W=normal(4, 3))
    compare(F + "embedding(i, W, padding_idx=-1)", i=ids, W=normal(4, 3))
    compare(F + "embedding(i, W)", i=ids[:0], W=normal(4, 3))
    compare(F + "embedding(i, W)", i=np.int64(2), W=normal(4, 3))
    compare(F + "embedding(i, W)", i=ids.astype("int32"), W=normal(4, 3))


def test_one_hot():
    compare(F + "one_hot(i)", i=np.array([[1, 0], [3, 1]]))
    compare(F + "one_hot(i, 7)", i=np.array([1, 0, 3]))
    compare(F + "one_hot(i, num_classes=2)", i=np.int64(1))


@pytest.mark.parametrize("pad", [(1, 2), (0, 0), (1, 0, 2, 3), (1, 2, 0, 1, 3, 0), (-1, 2),
                                 (-1, -1, 1, -2), (2, -1)])  # fmt: skip
@pytest.mark.parametrize("value", ["", ', "constant", 7.5', ", value=-1"])
def test_pad(pad, value):
    everywhere(f"{F}pad(x, {pad}{value})", x=normal(4, 3, 5))


@pytest.mark.parametrize("options", ["", ", dim=0", ", dim=-1, eps=1e-3"])
def test_cosine_similarity(options):
    everywhere(f"{F}cosine_similarity(x, y{options})", x=normal(3, 4), y=normal(3, 4, seed=1))
    everywhere(f"t.cosine_similarity(x, y{options})", x=normal(3, 4), y=normal(1, 4, seed=1))


def test_vectors_shorter_than_eps_are_less_alike():
    text = "cosine_similarity(x.detach(), y.detach(), eps=2.0)"
    compare(F + text, x=normal(3, 4), y=normal(3, 4))


def test_hard_samples_are_one_hot_and_pass_the_gradient_of_the_soft_ones():
    for t in (mx, torch):
        t.manual_seed(0)
        x = t.tensor(normal(200, 3), requires_grad=True)
        y = t.nn.functional.gumbel_softmax(x, tau=0.5, hard=True)
        assert np.isin(y.detach().numpy().round(12), (0, 1)).all()
        assert np.allclose(y.detach().numpy().sum(1), 1)
        (y * t.tensor([1.0, 2.0, 4.0])).sum().backward()
        assert (x.grad != 0).any()


# Losses ------------------------------------------------------------------------------------------

SHAPES = [((5,), ()), ((4, 5), (4,)), ((3, 5, 2), (3, 2)), ((2, 5, 3, 4), (2, 3, 4))]
REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_of_classes(shapes, reduction, smoothing, weighted):
    weight = {"w": np.array([0.5, 2.0, 1.0, 0.3, 1.5])} if weighted else {}
    text = f"cross_entropy(x, y{', weight=w.detach()' if weighted else ''}, reduction='{reduction}'"
    text += f", label_smoothing={smoothing})"
    y = classes(*shapes[1])
    compare(F + text, x=normal(*shapes[0]), y=y, **weight)
    if y.ndim:
        y[0] = -100
        compare(F + text, x=normal(*shapes[0]), y=y, **weight)
        text = text[:-1] + ", ignore_index=2)"
        compare(F + text, x=normal(*shapes[0]), y=np.abs(y) % 5, **weight)


@pytest.mark.parametrize("shape", [s for s, _ in SHAPES], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_of_probabilities(shape, reduction, smoothing, weighted):
    weight = {"w": np.array([0.5, 2.0, 1.0, 0.3, 1.5])} if weighted else {}
    text = f"cross_entropy(x, p{', weight=w.detach()' if weighted else ''}, reduction='{reduction}'"
    text += f", label_smoothing={smoothing})"
    p = probabilities(*shape, dim=min(len(shape) - 1, 1))
    compare(F + text, x=normal(*shape), p=p, **weight)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nll_loss(shapes, reduction):
    w = np.array([0.5, 2.0, 1.0, 0.3, 1.5])
    options = {"x": normal(*shapes[0]), "y": classes(*shapes[1])}
    compare(f"{F}nll_loss(x, y, reduction='{reduction}')", **options)
    compare(f"{F}nll_loss(x, y, w.detach(), reduction='{reduction}')", w=w, **options)


def test_cross_entropy_with_masked_scores():
    x = normal(3, 5)
    x[0, 1] = x[2, 4] = -np.inf
    compare(F + "cross_entropy(x, y)", twice=False, x=x, y=np.array([0, 1, 2]))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_cross_entropy_in_lower_precision(dtype):
    x, y = normal(64, 10).astype(dtype), classes(64, n=10)
    compare(F + "cross_entropy(x, y)", twice=False, x=x, y=y)


@pytest.mark.parametrize("loss", ["mse_loss", "l1_loss", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (4, 2, 3)])
def test_losses_of_numbers(loss, reduction, shape):
    t = 1 / (1 + np.exp(-normal(*shape, seed=2)))
    compare(f"{F}{loss}(x, t_, reduction='{reduction}')", x=normal(*shape), t_=t)
    compare(f"{F}{loss}(x, t_.detach(), reduction='{reduction}')", x=normal(*shape), t_=t)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", ["weight=w", "pos_weight=p", "weight=w, pos_weight=p"])
def test_binary_cross_entropy_with_weights(reduction, options):
    t = np.array([[0.0, 1.0, 0.3], [1.0, 0.0, 0.9]])
    w, p = np.array([[0.5], [2.0]]), np.array([3.0, 0.2, 1.0])
    text = options.replace("=w", "=w.detach()").replace("=p", "=p.detach()")
    compare(
        f"{F}binary_cross_entropy_with_logits(x, y, {text}, reduction='{reduction}')",
        x=normal(2, 3), y=t, w=w, p=p,
    )  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_kl_div(reduction):
    p, x = probabilities(4, 3, dim=1), normal(4, 3)
    text = f"{F}kl_div(t.log_softmax(x, 1), p, reduction='{reduction}')"
    compare(text, x=x, p=p)
    compare(text[:-1] + ", log_target=True)", x=x, p=np.log(p))
    p[0, 0] = p[2] = 0
    compare(text.replace("p,", "p.detach(),"), x=x, p=p)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy_of_probabilities(reduction):
    x, p, w = probabilities(4, 3, dim=1), probabilities(4, 3, dim=0), np.abs(normal(3))
    text = f"{F}binary_cross_entropy(x, p.detach(), reduction='{reduction}')"
    compare(text, x=x, p=p)
    compare(text.replace("(),", "(), w.detach(),"), x=x, p=p, w=w)
    compare(text.replace(".detach()", ""), twice=False, x=x, p=p)


def test_binary_cross_entropy_at_its_ends():
    found = []
    for t in (mx, torch):  # whose smallest x (1 − x) is a float32 number
        x = t.tensor([0.0, 1.0, 0.0, 1.0], dtype=t.float64, requires_grad=True)
        y = t.tensor([0.0, 0.0, 1.0, 1.0], dtype=t.float64)
        losses = t.nn.functional.binary_cross_entropy(x, y, reduction="none")
        losses.sum().backward()
        found.append([*losses.tolist(), *x.grad.tolist()])
    np.testing.assert_allclose(*found, rtol=1e-8)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("beta", [1.0, 0.3, 0.0])
def test_smooth_l1_loss(reduction, beta):
    text = f"{F}smooth_l1_loss(x, y, reduction='{reduction}', beta={beta})"
    compare(text, x=normal(4, 3), y=normal(4, 3, seed=1))


def test_binary_cross_entropy_far_out_and_at_zero():
    x = np.array([-1e3, -50.0, 0.0, 50.0, 1e3, 0.0])
    t = np.array([0.0, 1.0, 0.25, 0.5, 0.0, 1.0])
    compare(F + "binary_cross_entropy_with_logits(x, y.detach())", twice=False, x=x, y=t)


# Errors ------------------------------------------------------------------------------------------

WRONG = {
    "linear(x, W)": {"x": normal(2, 3), "W": normal(4, 5)},
    "linear(i, W)": {"i": classes(2, 3), "W": normal(4, 3)},
    "linear(x, W.float())": {"x": normal(2, 3), "W": normal(4, 3)},
    "layer_norm(x, (4,))": {"x": normal(2, 3)},
    "layer_norm(x, (3,), w)": {"x": normal(2, 3), "w": normal(4)},
    "rms_norm(x, (4,))": {"x": normal(2, 3)},
    "group_norm(x, 4)": {"x": normal(2, 6)},
    "group_norm(x, 2, w)": {"x": normal(2, 6), "w": normal(5)},
    "dropout(x, 1.5)": {"x": normal(2)},
    "dropout(x, -0.1)": {"x": normal(2)},
    "embedding(i, W)": {"i": np.array([1, 4]), "W": normal(4, 3)},
    "embedding(i - 2, W)": {"i": np.array([1, 3]), "W": normal(4, 3)},
    "embedding(x, W)": {"x": normal(2), "W": normal(4, 3)},
    "one_hot(x)": {"x": normal(2)},
    "pad(x, (1,))": {"x": normal(2)},
    "pad(x, (1, 1, 1, 1))": {"x": normal(2)},
    "pad(x, (-2, -2))": {"x": normal(3)},
    "cross_entropy(x, y)": {"x": normal(3, 5), "y": np.array([1, 5, 0])},
    "cross_entropy(x, y - 4)": {"x": normal(3, 5), "y": np.array([1, 3, 0])},
    "cross_entropy(x, y[:2])": {"x": normal(3, 5), "y": np.array([1, 3, 0])},
    "cross_entropy(x, y.double())": {"x": normal(3, 5), "y": np.array([1, 3, 0])},
    "cross_entropy(x, y, w)": {"x": normal(3, 5), "y": np.array([1, 3, 0]), "w": normal(4)},
    "cross_entropy(x, y, reduction='all')": {"x": normal(3, 5), "y": np.array([1, 3, 0])},
    "cross_entropy(x, x.long())": {"x": normal(3, 5)},
    "nll_loss(x, y)": {"x": normal(3, 5), "y": np.array([1, 5, 0])},
    "binary_cross_entropy_with_logits(x, y)": {"x": normal(3, 5), "y": normal(3)},
    "mse_loss(x, y, reduction='all')": {"x": normal(3), "y": normal(3)},
}


@pytest.mark.parametrize("expression", WRONG)
def test_errors_are_of_pytorchs_kind(expression):
    same_error(F + expression, **WRONG[expression])
