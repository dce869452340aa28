"""Every operation against the numbers that PyTorch gave (tests/freeze_ops.py)."""

import numpy as np
import pytest
from freeze_ops import EXPRESSIONS, FROZEN, read, results

import minixattn as mx

PYTORCH = read()
TOLERANCE = {"float64": 1e-12, "float32": 1e-6, "float16": 1e-3}


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_values_types_and_gradients_are_those_of_pytorch(expression, device):
    ours, theirs = results(mx, expression, device), PYTORCH[expression]
    ours = [(name, a) for name, a in ours if name in dict(theirs) or a.any()]
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    for (name, a), (_, expected) in zip(ours, theirs):
        assert (a.dtype, a.shape) == (expected.dtype, expected.shape), name
        tolerance = TOLERANCE.get(str(a.dtype), 0)
        np.testing.assert_allclose(a, expected, rtol=tolerance, atol=tolerance, err_msg=name)


def test_the_frozen_numbers_are_of_these_expressions_and_the_file_is_small():
    assert list(PYTORCH) == EXPRESSIONS
    assert all(rows for rows in PYTORCH.values())
    assert sum(name.startswith("gradient") for rows in PYTORCH.values() for name, _ in rows) > 130
    assert FROZEN.stat().st_size < 200_000
