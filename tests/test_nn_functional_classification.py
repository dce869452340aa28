"""cross_entropy and nll_loss."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn.functional import cross_entropy, nll_loss

W = np.array([0.5, 2.0, 1.0, 0.25])
SHAPES = [(4,), (3, 4), (3, 4, 2), (2, 4, 3, 5)]


def rows(x):
    """Scores (…, C) with the classes last."""
    return x if x.ndim == 1 else np.moveaxis(x, 1, -1)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def targets(rng, shape):
    return np.array(rng.integers(0, 4, (shape[:1] if len(shape) > 1 else ()) + shape[2:]))


def by_hand(x, y, w, reduction, smoothing=0.0, ignore=None):
    """Σ over the classes of the smoothed one-hot target, one row after the other."""
    logp = log_softmax(rows(x)).reshape(-1, 4)
    losses, weights = [], []
    for row, c in zip(logp, y.reshape(-1)):
        t = (1 - smoothing) * np.eye(4)[c] + smoothing / 4
        losses.append(0.0 if c == ignore else -(w * t * row).sum())
        weights.append(0.0 if c == ignore else w[c])
    if reduction == "none":
        return np.reshape(losses, y.shape)
    return np.sum(losses) / (np.sum(weights) if reduction == "mean" else 1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", [{}, {"weight": W}, {"label_smoothing": 0.3},
                                     {"weight": W, "label_smoothing": 0.3, "ignore_index": 1},
                                     {"ignore_index": 2}])  # fmt: skip
def test_cross_entropy_of_classes_is_its_equation(shape, reduction, options, rng, device):
    x, y = rng.standard_normal(shape), targets(rng, shape)
    if options.get("ignore_index") == y.reshape(-1)[0] and y.size == 1:
        y = (y + 1) % 4
    expected = by_hand(x, y, options.get("weight", np.ones(4)), reduction,
                       options.get("label_smoothing", 0.0),
                       options.get("ignore_index"))  # fmt: skip
    if "weight" in options:
        options = options | {"weight": mx.tensor(W, device=device)}
    x, y = mx.tensor(x, device=device), mx.tensor(y, device=device)
    assert_close(cross_entropy(x, y, reduction=reduction, **options), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_of_probabilities_is_its_equation(
    shape, reduction, weighted, smoothing, rng, device
):
    x, t = rng.standard_normal(shape), rng.uniform(0, 1, shape)
    smooth = (1 - smoothing) * rows(t) + smoothing / 4
    losses = -((W if weighted else 1) * smooth * log_softmax(rows(x))).sum(-1)
    expected = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}[reduction](losses)
    weight = mx.tensor(W, device=device) if weighted else None
    found = cross_entropy(
        mx.tensor(x, device=device), mx.tensor(t, device=device), weight, reduction=reduction,
        label_smoothing=smoothing,
    )  # fmt: skip
    assert_close(found, expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_nll_loss_picks_the_log_probability_of_the_class(shape, reduction, rng, device):
    x, y = rng.standard_normal(shape), targets(rng, shape)
    picked = np.take_along_axis(rows(x), y[..., None], -1)[..., 0]
    expected = -W[y] * picked
    if reduction != "none":
        expected = expected.sum() / (W[y].sum() if reduction == "mean" else 1)
    x, y, w = (mx.tensor(a, device=device) for a in (x, y, W))
    assert_close(nll_loss(x, y, w, reduction=reduction), expected)


@pytest.mark.parametrize("shape", SHAPES[:3])
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("probabilities", [False, True])
def test_derivatives_agree_with_central_differences(
    shape, reduction, smoothing, probabilities, rng, device
):
    x, w = leaf(rng.standard_normal(shape), device), mx.tensor(W, device=device)
    t = leaf(rng.uniform(0.1, 0.9, shape), device)
    y = mx.tensor(targets(rng, shape), device=device)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    if probabilities:
        f, inputs = lambda x, t: cross_entropy(x, t, w, **options), (x, t)
    else:
        f, inputs = lambda x: cross_entropy(x, y, w, **options), (x,)
    assert gradcheck(f, inputs)
    assert gradgradcheck(f, inputs)


def test_ignored_rows_have_no_gradient_whatever_they_hold(device):
    x = leaf(np.array([[1.0, 2.0, 3.0], [-np.inf, 0.0, 0.0]]), device)
    y = mx.tensor([2, -100], device=device)
    loss = cross_entropy(x, y)
    assert_close(loss, by_hand_one([1.0, 2.0, 3.0], 2))
    loss.backward()
    assert np.abs(values(x.grad)[0]).min() > 0
    assert not values(x.grad)[1].any()


def by_hand_one(x, c):
    return -log_softmax(np.array(x))[c]


def test_masked_scores_give_finite_losses_and_gradients(device):
    x = leaf(np.array([[0.5, -np.inf, 2.0]]), device)
    probabilities = mx.tensor([[0.5, 0.0, 0.5]], dtype=mx.float64, device=device)
    for target in (mx.tensor([2], device=device), probabilities):
        x.grad = None
        loss = cross_entropy(x, target)
        loss.backward()
        assert np.isfinite(values(loss))
        assert np.isfinite(values(x.grad)).all()
        assert values(x.grad)[0, 1] == 0


def test_an_impossible_class_costs_infinitely_much(device):
    x = mx.tensor([[0.5, -np.inf]], device=device)
    assert cross_entropy(x, mx.tensor([1], device=device)).item() == np.inf


def test_the_loss_of_huge_scores_is_exact(device):
    x = mx.tensor([[1e4, 0.0], [0.0, 1e4]], device=device)
    assert cross_entropy(x, mx.tensor([0, 0], device=device), reduction="none").tolist() == [0, 1e4]


def test_a_target_may_be_changed_after_use(device):
    x, y = leaf(np.zeros((1, 3)), device), mx.tensor([0], device=device)
    loss = cross_entropy(x, y)
    y[0] = 2
    loss.backward()
    assert_close(x.grad, np.array([[-2 / 3, 1 / 3, 1 / 3]]))


def test_two_operations_are_recorded(rng):
    x = leaf(rng.standard_normal((3, 4)))
    loss = cross_entropy(x, mx.tensor([0, 1, 2]))
    assert loss.inputs[0].inputs == (x,)


@pytest.mark.parametrize("dtype", [mx.float16, mx.float32, mx.float64])
@pytest.mark.parametrize("shape", SHAPES[:3])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_the_type_stays(dtype, shape, reduction, smoothing, rng, device):
    x = mx.ones(shape, dtype=dtype, device=device, requires_grad=True)
    y = mx.tensor(targets(rng, shape), device=device)
    loss = cross_entropy(x, y, reduction=reduction, label_smoothing=smoothing)
    assert loss.dtype == dtype
    loss.sum().backward()
    assert x.grad.dtype == dtype


def test_half_precision_sums_in_float32(device):
    x = mx.zeros(4096, 2, dtype=mx.float16, device=device)
    y = mx.zeros(4096, dtype=mx.int64, device=device)
    assert values(cross_entropy(x, y, reduction="sum")) == pytest.approx(4096 * np.log(2), rel=1e-3)
    assert values(cross_entropy(x, y)) == pytest.approx(np.log(2), rel=1e-3)


X, Y = mx.ones(3, 5), mx.tensor([0, 4, 2])


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize(
    ("x", "y", "options", "error", "message"),
    [
        (X, Y + 1, {}, IndexError, r"index 5 is out of range: expected 0 to 4 \(the number of cl"),
        (X, Y - 1, {}, IndexError, "the index -1 is out of range"),
        (X, Y[:2], {}, mx.ShapeError, r"the target has shape \(2,\), expected \(3,\).*\(3, 5\)"),
        (X, Y[:, None], {}, mx.ShapeError, r"the target has shape \(3, 1\), expected \(3,\)"),
        (X, Y.float(), {}, mx.DTypeError, r"classes must be integers, got float32: use .long\(\)"),
        (X.long(), Y, {}, mx.ShapeError, r"expected float scores .* got int64 of shape \(3, 5\)"),
        (mx.ones(()), Y, {}, mx.ShapeError, r"expected float scores .* got float32 of shape \(\)"),
        (X, X.long(), {}, mx.DTypeError, r"probabilities, of a float type; got int64.*argmax\(1\)"),
        (X, Y, {"weight": mx.ones(3)}, mx.ShapeError,
         r"the weight has shape \(3,\), expected \(5,\)"),
        (X, Y, {"reduction": "all"}, ValueError, "reduction must be"),
        (X, Y * 0 - 100, {}, ValueError, "no mean over nothing: every target is ignored"),
        (X, Y, {"weight": mx.zeros(5)}, ValueError, "ignored or has weight 0"),
    ],
)  # fmt: skip
def test_what_has_no_loss_is_named(name, x, y, options, error, message):
    with pytest.raises(error, match=f"{name}: .*{message}"):
        {"cross_entropy": cross_entropy, "nll_loss": nll_loss}[name](x, y, **options)


def test_more_bad_input_is_named():
    with pytest.raises(ValueError, match=r"label_smoothing 1.5 is outside \[0, 1\]"):
        cross_entropy(X, Y, label_smoothing=1.5)
    with pytest.raises(mx.ShapeError, match=r"cross_entropy: the weight has shape \(3,\)"):
        cross_entropy(X, X, weight=mx.ones(3))
    with pytest.raises(mx.ShapeError, match=r"nll_loss: the target has the input's shape|expected"):
        nll_loss(X, mx.ones(3, 4))
    assert cross_entropy(X, Y * 0 - 100, reduction="sum").item() == 0
