"""Reductions and softmax against PyTorch: every dim form, keepdim, shapes with 0 and 1, edges."""

import numpy as np
import pytest
from compare import array, compare, entries, everywhere, normal

import minixattn as mx

SHAPES = [(), (1,), (5,), (2, 3), (3, 1), (2, 3, 4)]
EMPTY = [(0,), (0, 3), (2, 0)]

NEUTRAL = """
x.sum(); t.sum(x); x.sum(dim=-1); x.sum(-1); t.sum(x, -1); t.sum(x, dim=0, keepdim=True);
x.sum(-1, True); x.sum(axis=0); x.sum(dim=(-1,)); x.sum(dim=[0]); x.mean(); t.mean(x, -1);
t.sum(x, dim=None); x.sum(axis=-1, keepdims=True); x.mean(dim=0); x.mean(-1, keepdim=True);
t.mean(x, dim=-1, dtype=t.float32); t.mean(x, dim=(0,)); x.sum(dtype=t.float32);
x.sum(-1, dtype=t.float32); x.prod(); t.prod(x, -1); x.prod(dim=0, keepdim=True); x.cumsum(0);
x.cumsum(dim=-1); t.cumsum(x, dim=0); (x > 0).any(); t.any(x > 0, -1); t.all(x > 0);
(x > 0).all(dim=0); (x > 0).all(-1, True); x.any(); x.all(dim=-1); (x > 0).sum();
(x > 0).sum(-1); x.softmax(-1); t.softmax(x, dim=0); t.softmax(x, -1, t.float32);
x.softmax(dim=-1); x.log_softmax(-1); t.log_softmax(x, dim=0); (x > 0).sum(dtype=t.float32);
t.cumsum(x, 0, dtype=t.float32); x.log_softmax(dim=-1, dtype=t.float32); (x > 0).float().mean()
"""
NONEMPTY = """
x.amax(); t.amax(x, -1); x.amax(dim=0, keepdim=True); x.amin(); t.amin(x, dim=-1); x.amin(0);
t.amax(x, dim=(-1,)); x.max(); t.max(x); x.max(-1); t.max(x, dim=0); x.max(dim=-1, keepdim=True);
x.max(-1).values; x.max(-1)[1]; x.min(); x.min(-1); t.min(x, 0, True); x.min(dim=0).indices;
x.argmax(); t.argmax(x, dim=-1); x.argmax(-1, keepdim=True); x.argmin(); x.argmin(dim=0);
t.argmin(x, -1); x.logsumexp(-1); t.logsumexp(x, dim=0); x.logsumexp(dim=-1, keepdim=True);
t.logsumexp(x, (0,)); x.argmax(dim=0, keepdim=True); x.argmax(keepdim=True)
"""
SPREAD = """
x.var(); t.var(x, -1); x.var(dim=0); x.var(-1, keepdim=True); t.var(x, dim=-1, correction=0);
x.var(-1, unbiased=False); x.var(unbiased=False); t.var(x, -1, False); x.std(); t.std(x, -1);
x.std(dim=0, keepdim=True); x.std(-1, correction=0); x.std(-1, unbiased=False); x.std(-1, False);
t.std(x, False); x.std(dim=-1, unbiased=True, keepdim=True); x.var(-1, True, True);
t.std(x, dim=(-1,)); x.var(correction=0); x.std(correction=2, dim=-1); t.var(x, axis=-1)
"""
TUPLES = """
x.sum((0, 2)); x.sum(dim=(-1, 0), keepdim=True); x.mean((1, 2)); x.var((0, 1));
x.std(dim=(0, 2)); x.amax((0, 1)); x.amin(dim=(-1, -2)); x.logsumexp((1, 2));
x.sum(dim=[0, 1, 2]); x.sum(dim=()); x.mean(dim=()); x.any((0, 1)); t.all(x > -1, dim=(1, 2));
x.amax(dim=()); x.std((-2, -1), correction=0, keepdim=True); x.sum(1); x.mean(-2); x.cumsum(1);
x.prod(1); x.prod(-2); x.softmax(1); x.log_softmax(-2); x.max(1); x.min(-2); x.amax(1);
x.logsumexp(1); x.argmax(1); x.var(1); x.std(-2, keepdim=True); t.softmax(x, axis=1)
"""


@pytest.mark.parametrize("expression", entries(NEUTRAL))
def test_reductions_with_a_neutral_element_are_pytorchs_even_over_nothing(expression):
    for shape in SHAPES + EMPTY:
        with np.errstate(all="ignore"):
            everywhere(expression, x=normal(*shape))


@pytest.mark.parametrize("expression", entries(NONEMPTY))
def test_extremes_are_pytorchs(expression):
    for shape in SHAPES:
        everywhere(expression, x=normal(*shape))


@pytest.mark.parametrize("expression", entries(SPREAD))
def test_variance_and_deviation_are_pytorchs(expression):
    for shape in [(5,), (4, 3), (3, 3, 4)]:
        everywhere(expression, x=normal(*shape))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", entries(SPREAD))
def test_variance_of_too_few_elements_is_nan_as_in_pytorch(expression):
    for shape in [(1,), (2, 1), (1, 1)]:
        compare(expression, x=normal(*shape), twice=False)


@pytest.mark.parametrize("expression", entries(TUPLES))
def test_reductions_over_several_dimensions_are_pytorchs(expression):
    everywhere(expression, x=normal(2, 3, 4))


TIES = np.array([[1.0, 3.0, 3.0, -2.0], [2.0, 2.0, 2.0, 2.0], [0.0, -0.0, -1.0, 0.0]])


@pytest.mark.parametrize("expression", entries("""
    x.amax(); x.amax(-1); x.amin(); x.amin(0); x.max(); x.min(); x.max(-1); x.min(-1); x.max(0);
    x.argmax(); x.argmax(-1); x.argmin(); x.argmin(-1); t.maximum(x, x.flip(-1));
    t.minimum(x, x.flip(0)); t.max(x, 2 * x); t.amax(x, (0, 1), keepdim=True)"""))  # fmt: skip
def test_ties_share_or_take_the_gradient_as_in_pytorch(expression):
    everywhere(expression, x=TIES, twice=False)


ZEROS = np.array([[1.5, -2.0, 3.0], [0.0, 2.0, 4.0], [0.0, 5.0, 0.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    "expression", ["x.prod()", "x.prod(-1)", "x.prod(0)", "x.T.prod(0, keepdim=True)"]
)
def test_a_product_with_zeros_has_pytorchs_gradient(expression):
    everywhere(expression, x=ZEROS)


@pytest.mark.parametrize(
    "expression", ["x.std()", "x.std(-1)", "x.var(-1)", "x.std(0, correction=0)"]
)
def test_the_deviation_of_constants_has_pytorchs_gradient(expression):
    compare(expression, x=np.full((3, 4), 2.5), twice=False)


@pytest.mark.parametrize(
    "expression",
    entries("""
    x.softmax(-1); x.log_softmax(-1); x.logsumexp(-1); x.amax(-1); x.sum(-1); x.softmax(0)"""),
)
def test_masked_and_huge_scores_have_pytorchs_softmax(expression):
    x = np.array([[0.0, -np.inf, 1.0], [1e4, 1e4, -1e4], [-1e308, 0.0, 1e308], [-800, -801, -900]])
    with np.errstate(all="ignore"):
        compare(expression, x=x, twice=False)


def test_a_row_without_a_score_has_weights_and_gradients_of_0_where_pytorch_has_nan():
    x = mx.tensor([[-np.inf, -np.inf], [0.0, 1.0]], dtype=mx.float64, requires_grad=True)
    y = x.softmax(-1)
    (y * mx.tensor([[1.0, 2.0], [3.0, 5.0]])).sum().backward()
    assert array(y)[0].tolist() == [0.0, 0.0]
    assert array(x.grad)[0].tolist() == [0.0, 0.0]
    assert abs(array(x.grad)[1, 1]) > 0.1


@pytest.mark.parametrize(
    "expression",
    entries("""
    x.logsumexp(-1); x.logsumexp(0)"""),
)
def test_the_logsumexp_of_nothing_is_minus_infinity_as_in_pytorch(expression):
    x = np.full((2, 3), -np.inf)
    compare(expression.replace("x.", "x.detach()."), x=x)
