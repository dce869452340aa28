"""Linear, Embedding, Dropout, Flatten and Identity as modules."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn import Dropout, Embedding, Flatten, Identity, Linear, Parameter


def test_linear_is_its_equation(rng, device):
    layer = Linear(3, 4).double().to(device)
    x = rng.standard_normal((2, 5, 3))
    y = layer(mx.tensor(x, device=device))
    assert y.shape == (2, 5, 4)
    assert_close(y, x @ values(layer.weight).T + values(layer.bias))


def test_linear_takes_any_number_of_leading_dimensions(device):
    layer = Linear(3, 4).to(device)
    for shape in ((3,), (2, 3), (0, 3), (2, 0, 3), (2, 5, 6, 3)):
        assert layer(mx.ones(shape, device=device)).shape == (*shape[:-1], 4)


def test_linear_parameters_have_the_documented_shapes():
    assert Linear(3, 4).weight.shape == (4, 3)
    assert Linear(3, 4).bias.shape == (4,)
    assert Linear(3, 4, bias=False).bias is None
    assert list(Linear(3, 4, False).state_dict()) == ["weight"]


def test_linear_gradients_agree_with_central_differences(rng, device):
    layer = Linear(3, 4).double().to(device)
    x = leaf(rng.standard_normal((2, 5, 3)), device)

    def f(x, weight, bias):
        return mx.nn.functional.linear(x, weight, bias)

    assert gradcheck(f, (x, layer.weight, layer.bias))
    assert gradgradcheck(f, (x, layer.weight, layer.bias))
    weighted(layer(x)).backward()
    assert layer.weight.grad.shape == (4, 3)


@pytest.mark.parametrize("n", [1, 7, 400])
def test_linear_starts_uniform_within_one_over_root_n(n, device):
    mx.manual_seed(0)
    layer = Linear(n, 2000, device=device)
    for p in layer.parameters():
        assert p.device == device
        assert np.abs(values(p)).max() <= 1 / n**0.5
        assert values(p).var() == pytest.approx(1 / (3 * n), rel=0.1)
        assert abs(values(p).mean()) < 0.05 / n**0.5


def test_linear_takes_dtype_and_device(device):
    layer = Linear(3, 4, device=device, dtype=mx.float64)
    assert {(p.dtype, p.device) for p in layer.parameters()} == {(mx.float64, device)}


def test_linear_of_no_features_is_its_bias():
    layer = Linear(0, 4)
    np.testing.assert_array_equal(values(layer(mx.ones(2, 0))), np.tile(values(layer.bias), (2, 1)))


def test_linear_in_half_precision_sums_in_float32(device):
    layer = Linear(4096, 1, bias=False, device=device, dtype=mx.float16)
    mx.nn.init.constant_(layer.weight, 1.0)
    y = layer(mx.ones(1, 4096, dtype=mx.float16, device=device))
    assert y.dtype == mx.float16
    assert values(y).item() == 4096
    layer = Linear(1, 1, device=device, dtype=mx.float16)
    layer(mx.ones(4096, 1, dtype=mx.float16, device=device)).sum().backward()
    assert values(layer.bias.grad).item() == values(layer.weight.grad).item() == 4096


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (mx.ones(2, 4), mx.ShapeError, r"Linear\(in_features=3, out_features=5, bias=True\): exp"),
        (mx.ones(2, 4), mx.ShapeError, r"of shape \(\.\.\., 3\), got \(2, 4\).*in_features=4"),
        (mx.ones(()), mx.ShapeError, r"shape \(\.\.\., 3\), got \(\)"),
        (mx.arange(3), mx.DTypeError, r"Linear\(.*expected a float input, got int64: use x.float"),
        (mx.ones(3).double(), mx.DTypeError, "input is float64, the weight float32"),
    ],
)  # fmt: skip
def test_an_input_that_linear_cannot_take_is_named(x, error, message):
    with pytest.raises(error, match=message):
        Linear(3, 5)(x)


def test_embedding_looks_rows_up(device):
    layer = Embedding(5, 3).to(device)
    ids = mx.tensor([[4, 0], [4, 2]], device=device)
    assert layer(ids).shape == (2, 2, 3)
    np.testing.assert_array_equal(values(layer(ids)), values(layer.weight)[values(ids)])


def test_embedding_starts_standard_normal_with_zeros_for_padding():
    mx.manual_seed(0)
    layer = Embedding(500, 40, padding_idx=-500)
    assert layer.padding_idx == 0
    assert not values(layer.weight)[0].any()
    W = values(layer.weight)[1:]
    assert abs(W.mean()) < 0.03
    assert W.std() == pytest.approx(1, rel=0.03)


def test_embedding_does_not_learn_padding(device):
    layer = Embedding(4, 2, padding_idx=1, device=device)
    layer(mx.tensor([0, 1, 1, 3], device=device)).sum().backward()
    assert values(layer.weight.grad).tolist() == [[1, 1], [0, 0], [0, 0], [1, 1]]


def test_embedding_from_a_table_is_frozen_unless_told_otherwise():
    table = mx.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    layer = Embedding.from_pretrained(table)
    assert layer(mx.tensor([1])).tolist() == [[4, 5, 6]]
    assert isinstance(layer.weight, Parameter)
    assert not layer.weight.requires_grad
    assert Embedding.from_pretrained(table, freeze=False).weight.requires_grad
    with pytest.raises(mx.ShapeError, match=r"shape \(n, E\), got \(3,\)"):
        Embedding.from_pretrained(mx.ones(3))


def test_a_padding_index_outside_the_table_is_named():
    with pytest.raises(IndexError, match=r"padding_idx 5 is not a row.*-5 to 4"):
        Embedding(5, 2, padding_idx=5)


def test_dropout_acts_in_training_only(device):
    mx.manual_seed(0)
    layer, x = Dropout(0.5), mx.ones(100, device=device)
    assert set(values(layer(x)).tolist()) == {0, 2}
    assert layer.eval()(x) is x
    assert layer.train()(x) is not x


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_a_probability_outside_its_range_is_named(p):
    with pytest.raises(ValueError, match=f"must be between 0 and 1, got {p}"):
        Dropout(p)


def test_flatten_and_identity(device):
    x = mx.ones(2, 3, 4, 5, device=device)
    assert Flatten()(x).shape == (2, 60)
    assert Flatten(0, 1)(x).shape == (6, 4, 5)
    assert Flatten(1, -2)(x).shape == (2, 12, 5)
    assert Identity("any", option=3)(x) is x


def test_layers_print_their_options():
    assert repr(Embedding(5, 3, padding_idx=2)) == "Embedding(5, 3, padding_idx=2)"
    assert repr(Dropout(0.1)) == "Dropout(p=0.1, inplace=False)"
    assert repr(Flatten()) == "Flatten(start_dim=1, end_dim=-1)"
