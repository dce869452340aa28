"""A printed tensor: PyTorch's layout, to the letter."""

import numpy as np
import pytest

import minixattn as mx
from minixattn.tensor import rebuild

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    "data, text",
    [
        (3.0, "tensor(3.)"),
        (2, "tensor(2)"),
        (True, "tensor(True)"),
        ([], "tensor([])"),
        ([1.0, 2.5, -3.0], "tensor([ 1.0000,  2.5000, -3.0000])"),
        ([1.0, 2.0, 3.0], "tensor([1., 2., 3.])"),
        ([[1, 2], [3, 40]], "tensor([[ 1,  2],\n        [ 3, 40]])"),
        ([True, False], "tensor([ True, False])"),
        ([1e-5, 1.0], "tensor([1.0000e-05, 1.0000e+00])"),
        ([1e10, 1.0], "tensor([1.0000e+10, 1.0000e+00])"),
        ([1.0, 5000.0], "tensor([1.0000e+00, 5.0000e+03])"),
        ([1e-3, 1.0], "tensor([0.0010, 1.0000])"),
        ([NAN, 1.5, INF], "tensor([   nan, 1.5000,    inf])"),
        ([NAN, 1.0, -INF], "tensor([nan, 1., -inf])"),
        ([INF], "tensor([inf])"),
        ([-0.0, 1.5], "tensor([-0.0000, 1.5000])"),
        ([0.1, 0.22, 10.333], "tensor([ 0.1000,  0.2200, 10.3330])"),
        ([[0.0, 1.5], [-2.25, 3.0]], "tensor([[ 0.0000,  1.5000],\n        [-2.2500,  3.0000]])"),
    ],
    ids=str,
)
def test_values_are_written_alike_to_four_digits(data, text):
    assert repr(mx.tensor(data)) == text == str(mx.tensor(data))


def test_what_is_not_expected_stands_beside_the_values(device):
    where = "" if device == "cpu" else ", device='cuda:0'"
    for x, text in (
        (mx.zeros(2, dtype=mx.float64, device=device), f"tensor([0., 0.]{where}, dtype=float64)"),
        (mx.tensor([1, 2], dtype=mx.int32, device=device), f"tensor([1, 2]{where}, dtype=int32)"),
        (mx.tensor([1, 2], device=device), f"tensor([1, 2]{where})"),
        (
            mx.ones(2, device=device).requires_grad_(),
            f"tensor([1., 1.]{where}, requires_grad=True)",
        ),
        (
            mx.ones(2, device=device).requires_grad_() * 2,
            f"tensor([2., 2.]{where}, grad_fn=<MulBackward0>)",
        ),
        (mx.zeros(0, 3, device=device), f"tensor([], size=(0, 3){where})"),
        (mx.zeros(0, dtype=mx.int64, device=device), f"tensor([]{where}, dtype=int64)"),
    ):
        assert repr(x) == text


def test_the_default_type_is_the_one_left_out():
    try:
        mx.set_default_dtype(mx.float64)
        assert repr(mx.ones(1)) == "tensor([1.])"
        assert repr(mx.ones(1, dtype=mx.float32)) == "tensor([1.], dtype=float32)"
    finally:
        mx.set_default_dtype(mx.float32)


def test_long_tensors_show_three_at_each_end():
    assert repr(mx.arange(2000)) == "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"
    assert repr(mx.ones(1100)) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"
    text = repr(mx.arange(10_000.0).reshape(100, 100) / 4)
    assert text.startswith(
        "tensor([[0.0000e+00, 2.5000e-01, 5.0000e-01,  ..., 2.4250e+01, 2.4500e+01,"
    )
    assert text.count("...") == 7 and len(text.splitlines()) == 13


def test_long_rows_break_at_80_columns_under_their_bracket():
    lines = repr(mx.arange(60)).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[1].startswith("        18, 19")
    assert max(map(len, repr(mx.ones(3, 50)).splitlines())) <= 80


def test_a_note_that_does_not_fit_goes_to_the_next_line():
    x = mx.ones(17, dtype=mx.float64)
    text = repr(x.requires_grad_() * 2)
    assert text.splitlines()[-1] == "       dtype=float64, grad_fn=<MulBackward0>)"


def test_a_parameter_says_so():
    class Parameter(mx.Tensor):
        pass

    x = rebuild(Parameter, np.ones(1, np.float32), True, None)
    assert repr(x) == "Parameter containing:\ntensor([1.], requires_grad=True)"


@pytest.fixture
def usual_options():
    yield
    mx.set_printoptions(profile="default")


@pytest.mark.usefixtures("usual_options")
def test_the_way_tensors_print_can_be_changed():
    x = mx.tensor([1e-5, 2.5, 1000.0])
    assert str(x) == "tensor([1.0000e-05, 2.5000e+00, 1.0000e+03])"
    mx.set_printoptions(sci_mode=False)
    assert str(x) == "tensor([   0.0000,    2.5000, 1000.0000])"
    mx.set_printoptions(precision=2, sci_mode=False)
    assert str(x) == "tensor([   0.00,    2.50, 1000.00])"
    mx.set_printoptions(edgeitems=1, threshold=5)
    assert str(mx.arange(9)) == "tensor([0,  ..., 8])"
    with pytest.raises(ValueError, match="profile must be one of default, short, full, got 'long'"):
        mx.set_printoptions(profile="long")
