"""Tensors made by older names, of another's kind, or by a generator of one's own."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx


def test_normal_numbers_have_the_mean_and_deviation_asked_for(device):
    x = values(mx.normal(3.0, 0.5, (20_000,), device=device))
    assert abs(x.mean() - 3) < 0.02 and abs(x.std() - 0.5) < 0.02
    mean = mx.tensor([0.0, 100.0], device=device).expand(1000, 2)
    found = values(mx.normal(mean, mx.tensor([1.0, 0.0], device=device))).std(0)
    assert abs(found[0] - 1) < 0.1 and found[1] == 0
    with pytest.raises(mx.ShapeError, match=r"normal\(\) needs a size where mean and std are num"):
        mx.normal(0.0, 1.0)


def test_the_positions_of_a_triangle_pick_it(device):
    x = mx.arange(12, device=device).reshape(3, 4)
    for make, expected in ((mx.tril_indices, np.tril), (mx.triu_indices, np.triu)):
        rows, columns = make(3, 4, 1, device=device)
        mask = np.zeros((3, 4), bool)
        mask[values(rows), values(columns)] = True
        np.testing.assert_array_equal(mask, expected(np.ones((3, 4)), 1) > 0)
        assert x[rows, columns].ndim == 1


def test_older_names_make_tensors_of_their_type():
    types = {"Float": mx.float32, "Double": mx.float64, "Long": mx.int64, "Int": mx.int32,
             "Bool": mx.bool}  # fmt: skip
    for name, dtype in types.items():
        assert getattr(mx, f"{name}Tensor")([1, 0]).dtype == dtype


def test_a_generator_of_ones_own_leaves_the_packages_alone(device):
    mx.manual_seed(0)
    first = values(mx.rand(3, device=device)).tolist()
    mx.manual_seed(0)
    own = mx.Generator(device)
    assert own.manual_seed(7) is own and own.initial_seed() == 7

    def drawn():
        own.manual_seed(7)
        given = {"generator": own, "device": device}
        return [values(x).tolist() for x in (
            mx.rand(2, **given), mx.randn(2, **given), mx.randint(9, (2,), **given),
            mx.randperm(5, **given), mx.normal(0.0, 1.0, (2,), **given),
            mx.zeros(2, device=device).normal_(generator=own),
        )]  # fmt: skip

    assert drawn() == drawn() and own.seed() == own.initial_seed()
    assert values(mx.rand(3, device=device)).tolist() == first
    with pytest.raises(mx.DeviceError, match="expected a Generator on cpu, got 5"):
        mx.rand(2, generator=5)


def test_new_tensors_are_of_the_kind_of_another(device):
    x = mx.ones(2, 3, device=device).double()
    for made in (x.new_zeros(2, 2), x.new_ones((2, 2)), x.new_full((2, 2), 5), x.new_empty(2, 2),
                 x.new_tensor([[1, 2], [3, 4]])):  # fmt: skip
        assert made.shape == (2, 2) and made.dtype == mx.float64 and made.device == x.device
    assert x.new_zeros(2, dtype=mx.int64).dtype == mx.int64
    assert x.new_ones(2, requires_grad=True).requires_grad
