"""Elementwise operations against PyTorch: values and first and second derivatives, all shapes."""

import re

import numpy as np
import pytest
from compare import compare, entries, everywhere, normal

SHAPES = [(), (1,), (5,), (0,), (2, 3), (3, 1), (0, 3), (2, 3, 4)]
PAIRS = [
    ((), ()), ((3,), ()), ((), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((2, 3), (2, 3)),
    ((4, 1, 3), (2, 1)), ((0, 3), (3,)), ((1,), (0,)), ((2, 0), (1, 1)), ((2, 3, 4), (2, 3, 4)),
]  # fmt: skip

UNARY = """
-x; +x; abs(x); x.abs(); t.abs(x); t.neg(x); x.neg(); x.exp(); t.exp(x); (x.abs() + 0.1).log();
t.log1p(x.abs()); x.abs().log1p(); (x.abs() + 0.1).sqrt(); t.sqrt(x * x + 1); x.square();
t.square(x); x.pow(2); x.pow(3); x ** 2; x ** 3; x ** 0; x ** 1; x ** -1; x ** 2.0; x ** -2;
(x.abs() + 0.1) ** 0.5; (x.abs() + 0.1) ** 1.7; t.pow(x, 2); t.pow(2, x); 2 ** x; 2.5 ** x;
t.pow(x.abs() + 0.1, exponent=0.5); x.sin(); t.sin(x); x.cos(); t.cos(x); x.tanh(); t.tanh(x);
x.sigmoid(); t.sigmoid(x); x.erf(); t.erf(x); x.relu(); t.relu(x); x.clamp(-0.5, 0.5);
x.clamp(min=-0.5); x.clamp(max=0.5); t.clamp(x, 0, 1); t.clamp(x, min=0.1); t.clamp(x, max=0);
x.clip(-1, 1); x + 2; 2 + x; x - 2.5; 2.5 - x; x * 3; 3 * x; x / 2; 2 / (x.abs() + 1); x + True;
t.add(x, 2); t.sub(x, 1, alpha=3); x.add(1.5, alpha=2); t.mul(x, 2); t.div(x, 4); x.sub(1);
x.mul(2); x.div(3); x.sign(); t.sign(x); x.isnan(); t.isnan(x / 0 * 0); t.isinf(x / 0);
t.isfinite(x / 0); x > 0; x >= 0.5; x < 0; x <= 0; x == 0; x != 0; 0 < x; t.gt(x, 0);
t.where(x > 0, x, 0.0); t.where(x > 0, x, 2 * x); t.where(x > 0, 1.0, x); x.where(x > 0, 0.0);
x.masked_fill(x > 0, -1e9); x.masked_fill(x > 0, float("-inf")).exp(); x.masked_fill(x < 0, 0);
t.masked_fill(x, x > 0, 3.0); x % 2; t.remainder(x, 0.7); x.detach() // 0.5;
t.floor_divide(x.detach(), 0.3); t.maximum(x, -x); t.minimum(x, x * x);
x.maximum(t.zeros_like(x)); x.minimum(t.ones_like(x)); ~(x > 0); (x > 0) & (x < 1);
(x > 0) | (x < -1); (x > 0) ^ (x < 1); t.logical_not(x > 0); x.float(); x.half().double();
x.double(); x.long(); x.int(); x.bool(); x.to(t.float32); x.to(dtype=t.float64); x.clone();
x.detach(); x.contiguous()
"""
BINARY = """
x + y; x - y; x * y; x / (y * y + 1); t.add(x, y); t.add(x, y, alpha=2); x.sub(y, alpha=0.5);
t.sub(x, y); t.mul(x, other=y); t.div(x, y * y + 1); x.mul(y); x.div(y * y + 1); x.add(y);
(x * x + 0.1) ** y; t.pow(x * x + 0.1, y); t.maximum(x, y); x.maximum(y); t.minimum(x, y);
x.minimum(y); t.max(x, y); t.min(x, y); x % (y * y + 0.3); x.detach() // (y * y + 0.3).detach();
x > y; x >= y; x < y; x <= y; x == y; x != y; t.eq(x, y); t.ne(x, y); t.lt(x, y); t.le(x, y);
t.gt(x, y); t.ge(x, y); t.where(x > y, x, y); t.where(y > 0, x, x * y);
t.where(x + y > 0, 1.0, 2.0); x.where(y > 0, y); x.clamp(y, y + 1); x.clamp(min=y);
t.clamp(x, max=y); (x > 0) & (y > 0); (x > 0) | (y > 0); (x > 0) ^ (y > 0); t.logical_and(x, y);
t.logical_or(x > 0, y); x * y + x / (1 + y * y)
"""


@pytest.mark.parametrize("expression", entries(UNARY))
def test_functions_of_one_tensor_are_pytorchs(expression):
    for shape in SHAPES:
        everywhere(expression, x=normal(*shape))


@pytest.mark.parametrize("expression", entries(BINARY))
def test_functions_of_two_tensors_are_pytorchs_with_broadcasting(expression):
    for a, b in PAIRS:
        everywhere(expression, x=normal(*a), y=normal(*b, seed=1))


EDGES = {
    "kinks": ([-2.0, -1.0, -0.0, 0.0, 1.0, 2.0], """
        x.relu(); t.relu(x); x.clamp(-1, 1); x.clamp(min=0); x.clamp(max=0); x.clamp(1, -1);
        x.abs(); x.sign(); x ** 2; x ** 3; x ** 1; x ** 0; x.pow(2.5); x.sqrt(); x.log();
        x.log1p(); x ** -1; t.maximum(x, t.zeros_like(x)); t.minimum(x, x); 1 / x; x / 0;
        t.maximum(x, x); x.square(); x.sigmoid(); x.tanh(); x.erf(); x % 1; x % -1;
        x.detach() // 2; x.detach() // 0; x % 0; t.where(x > 0, x, 0); x.clamp(x, x)"""),
    "no second derivative at 0 in PyTorch": ([0.0, 1.0, 2.0], """
        0.0 ** x; 0 ** x; x ** x; t.pow(x, x.detach()); x.detach() ** x; t.pow(x, 1.5)"""),
    "extremes": ([-np.inf, -1e300, -800.0, 800.0, 1e300, np.inf], """
        x.relu(); x.clamp(-1, 1); x.abs(); x.sign(); x.exp(); x.sigmoid(); x.tanh(); x.erf();
        x.isnan(); x.isinf(); x.isfinite(); x.log(); x.sqrt(); x.log1p(); x > 0; x == x; x != x;
        t.maximum(x, t.zeros_like(x)); t.minimum(x, t.zeros_like(x)); x * 0; x - x; x.bool();
        x.sin(); x.cos(); x.masked_fill(x.isnan(), 0.0); t.where(x.isnan(), 0.0, x)"""),
    "NaN without a gradient": ([np.nan, 1.0, -1.0], """
        x.relu(); x.clamp(-1, 1); x.abs(); x > 0; x == x; x != x; x.isnan(); x.bool();
        t.maximum(x, -x); t.minimum(x, t.zeros_like(x)); t.maximum(t.zeros_like(x), x)"""),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "expression"), [(k, e) for k, (_, text) in EDGES.items() for e in entries(text)]
)
def test_kinks_and_extremes_have_pytorchs_values_and_gradients(kind, expression):
    if "NaN" in kind:
        expression = re.sub(r"\bx\b", "x.detach()", expression)
    with np.errstate(all="ignore"):
        compare(expression, x=np.array(EDGES[kind][0]), twice=kind == "kinks")
