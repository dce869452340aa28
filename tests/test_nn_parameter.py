"""Parameters are tensors that a module learns."""

import copy
import pickle

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.nn import Parameter


def test_a_parameter_is_a_tensor_that_wants_a_gradient(device):
    p = Parameter(mx.ones(2, 3, device=device))
    assert isinstance(p, mx.Tensor)
    assert p.requires_grad
    assert p.is_leaf
    assert p.grad is None
    assert p.device == device


def test_operations_on_a_parameter_give_plain_tensors(device):
    p = Parameter(mx.ones(3, device=device))
    for y in (p * 2, p + p, p[0], p.detach(), p.sum(), p.clone(), p.reshape(3, 1)):
        assert type(y) is mx.Tensor
    p.sum().backward()
    assert type(p.grad) is mx.Tensor


def test_a_parameter_shares_the_memory_of_the_tensor_it_was_made_of(device):
    x = mx.zeros(3, device=device)
    p = Parameter(x)
    x[1] = 5.0
    assert values(p).tolist() == [0, 5, 0]


def test_a_parameter_is_made_of_lists_and_arrays():
    assert Parameter([1.0, 2.0]).dtype == mx.float32
    assert Parameter(np.ones((2, 2))).shape == (2, 2)


def test_a_parameter_may_be_kept_from_learning():
    assert not Parameter(mx.ones(2), requires_grad=False).requires_grad
    assert not Parameter(mx.arange(3), requires_grad=False).requires_grad


def test_an_integer_parameter_cannot_be_learned():
    with pytest.raises(mx.DTypeError, match=r"only float tensors.*int64"):
        Parameter(mx.arange(3))


def test_a_parameter_prints_as_one():
    assert repr(Parameter(mx.ones(2))) == (
        "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    )


def test_copies_of_a_parameter_are_parameters_of_their_own(device):
    p = Parameter(mx.ones(2, device=device))
    for q in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(q) is Parameter
        assert q.requires_grad
        with mx.no_grad():
            q.zero_()
        assert values(p).tolist() == [1, 1]
