"""One step of a recurrent layer, against its equation written out."""

import numpy as np
import pytest
from helpers import assert_close, values

import minixattn as mx


def sigma(x):
    return 1 / (1 + np.exp(-x))


def sums(cell, x, h):
    """W_x x + b_x and W_h h + b_h in NumPy."""
    W_x, W_h, b_x, b_h = (values(p) for p in cell.parameters())
    return x @ W_x.T + b_x, h @ W_h.T + b_h


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    return rng.standard_normal((2, 3)), rng.standard_normal((2, 4)), rng.standard_normal((2, 4))


def test_the_gru_is_its_equation(numbers):
    x, h, _ = numbers
    cell = mx.nn.GRUCell(3, 4, dtype=mx.float64)
    a, b = (np.split(v, 3, 1) for v in sums(cell, x, h))
    r, z = sigma(a[0] + b[0]), sigma(a[1] + b[1])
    n = np.tanh(a[2] + r * b[2])
    assert_close(cell(mx.tensor(x), mx.tensor(h)), (1 - z) * n + z * h)


def test_the_lstm_is_its_equation(numbers):
    x, h, c = numbers
    cell = mx.nn.LSTMCell(3, 4, dtype=mx.float64)
    i, f, g, o = np.split(np.add(*sums(cell, x, h)), 4, 1)
    c_t = sigma(f) * c + sigma(i) * np.tanh(g)
    found = cell(mx.tensor(x), (mx.tensor(h), mx.tensor(c)))
    assert_close(found[0], sigma(o) * np.tanh(c_t))
    assert_close(found[1], c_t)


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_the_plain_one_is_its_equation(name, numbers):
    x, h, _ = numbers
    cell = mx.nn.RNNCell(3, 4, nonlinearity=name, dtype=mx.float64)
    f = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}[name]
    assert_close(cell(mx.tensor(x), mx.tensor(h)), f(np.add(*sums(cell, x, h))))
    assert_close(cell(mx.tensor(x)), f(np.add(*sums(cell, x, h * 0))))


def test_what_does_not_fit_is_named():
    cell = mx.nn.GRUCell(3, 4)
    with pytest.raises(mx.ShapeError, match=r"GRUCell: input has shape \(2, 4\), expected \(2, 3"):
        cell(mx.ones(2, 4))
    with pytest.raises(mx.ShapeError, match=r"GRUCell: hx has shape \(1, 4\), expected \(2, 4\)"):
        cell(mx.ones(2, 3), mx.ones(1, 4))
    with pytest.raises(TypeError, match=r"LSTMCell: the state is a pair \(h, c\), got Tensor"):
        mx.nn.LSTMCell(3, 4)(mx.ones(2, 3), mx.ones(2, 4))
    assert mx.nn.GRUCell(3, 4, bias=False).bias_ih is None
