"""Einstein summation: NumPy's results for any equation, and errors that quote it."""

import numpy as np
import pytest
from helpers import assert_close, leaf, weighted
from hypothesis import given
from hypothesis import strategies as st

import minixattn as mx

EQUATIONS = {
    "ij,jk->ik": ((2, 3), (3, 4)), "ij,jk": ((2, 3), (3, 4)), "ij->ji": ((2, 3),), "ji": ((2, 3),),
    "ij->": ((2, 3),), "ij->j": ((2, 3),), "ii": ((3, 3),), "ii->i": ((3, 3),),
    "iij->ji": ((2, 2, 3),),
    "i,i->": ((3,), (3,)), "i,j->ij": ((2,), (3,)), "i,j->ji": ((2,), (3,)),
    "ij,ij->ij": ((2, 3), (2, 3)),
    "bhld,bhsd->bhls": ((2, 2, 3, 4), (2, 2, 5, 4)),
    "bhls,bhsd->blhd": ((2, 2, 3, 5), (2, 2, 5, 4)),
    "blhd,bshd->bhls": ((2, 3, 2, 4), (2, 5, 2, 4)), "...ij,...jk->...ik": ((2, 3, 4), (4, 5)),
    "...d,d->...": ((2, 3, 4), (4,)), "b...d,b...d->b...": ((2, 3, 4), (2, 3, 4)),
    "i...->...": ((2, 3, 4),),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 2)), "i,ij,j->": ((2,), (2, 3), (3,)),
    "ij,kj,lj->ikl": ((2, 3),) * 3,
    "ab,cd->": ((2, 3), (2, 2)), "ij, jk -> ik": ((2, 3), (3, 2)), "bl,l->b": ((2, 3), (3,)),
    "...,...->...": ((2, 1, 3), (4, 1)), ",ij->ij": ((), (2, 3)), "ij,jk->ki": ((0, 3), (3, 2)),
    "AB,BC->AC": ((2, 3), (3, 2)), "ij,jk->ik ": ((2, 0), (0, 2)),
}  # fmt: skip


def numbers(shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s) for s in shapes]


@pytest.mark.parametrize("equation, sizes", EQUATIONS.items(), ids=EQUATIONS)
def test_any_equation_is_numpys(equation, sizes, device):
    operands = numbers(sizes)
    y = mx.einsum(equation, *[mx.tensor(a, device=device) for a in operands])
    assert y.device == device
    assert_close(y, np.einsum(equation.replace(" ", ""), *operands))
    assert_close(mx.einsum(equation, list(map(mx.tensor, operands))), y)


@given(data=st.data())
def test_any_product_of_two_tensors_over_named_dimensions_is_numpys(data):
    letters = "abcd"
    size = dict(zip(letters, data.draw(st.lists(st.integers(0, 3), min_size=4, max_size=4))))
    names = st.lists(st.sampled_from(letters), max_size=3, unique=True).map("".join)
    left, right = data.draw(names), data.draw(names)
    used = sorted(set(left + right))
    out = "".join(data.draw(st.lists(st.sampled_from(used), unique=True))) if used else ""
    a, b = numbers([[size[c] for c in part] for part in (left, right)])
    equation = f"{left},{right}->{out}"
    assert_close(mx.einsum(equation, mx.tensor(a), mx.tensor(b)), np.einsum(equation, a, b))


def test_a_size_of_one_broadcasts():
    a, b = numbers([(1, 3), (2, 3)])
    x = leaf(a)
    y = mx.einsum("ij,ij->ij", x, mx.tensor(b))
    assert_close(y, a * b)
    weighted(y).backward()
    assert x.grad.shape == (1, 3)
    assert_close(
        mx.einsum("ij,jk->ik", mx.tensor(b[:, :1]), mx.tensor(b.T)), b[:, :1] @ b.T.sum(0)[None]
    )


def test_attention_scores_by_einsum_are_those_by_matmul(device):
    q, k = (mx.tensor(a, device=device) for a in numbers([(2, 2, 3, 4), (2, 2, 5, 4)]))
    assert_close(mx.einsum("bhld,bhsd->bhls", q, k), q @ k.mT)


ERRORS = {
    "too few tensors": ("ij,jk->ik", [(2, 3)], r'einsum\("ij,jk->ik"\): 2 part\(s\) on the left'),
    "dimensions": ("ij,jk", [(2, 3), (3,)], r'the part "jk" names 2 dimension\(s\), but its'),
    "too many dimensions": ("i->i", [(2, 3)], r'the part "i" names 1 dimension\(s\), but its'),
    "two sizes": (
        "ij,jk->ik", [(2, 3), (4, 5)],
        r'einsum\("ij,jk->ik"\): "j" is 3 in one tensor and 4 in another; the shapes are \(2,',
    ),
    "unknown letter": ("ij->ik", [(2, 3)], r"einsum\(\"ij->ik\"\): the result names unknown"),
    "letter twice": ("ij->ii", [(2, 3)], r"the result names a letter twice\."),
    "no letters": ("i1->i", [(2, 3)], r'the part "i1" names'),
}  # fmt: skip


@pytest.mark.parametrize("equation, sizes, message", ERRORS.values(), ids=ERRORS)
def test_an_equation_that_does_not_fit_is_quoted(equation, sizes, message):
    with pytest.raises(mx.ShapeError, match=message):
        mx.einsum(equation, *map(mx.ones, sizes))
