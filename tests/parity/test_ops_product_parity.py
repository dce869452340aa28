"""Products against PyTorch: matmul in every combination of ranks, bmm, einsum, outer."""

import pytest
from compare import everywhere, normal

PAIRS = [
    ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)),
    ((3,), (5, 3, 2)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((2, 1, 3, 4), (1, 5, 4, 2)),
    ((6, 5, 2, 3), (3, 4)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((4, 0, 2), (4, 2, 3)),
    ((1, 1), (1, 1)), ((1,), (1,)), ((0,), (0,)), ((2, 3, 0), (0, 4)), ((3, 4), (4, 0)),
    ((0, 2, 3), (3, 2)), ((2, 2, 3), (1, 3, 5)),
]  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("expression", ["x @ y", "t.matmul(x, y)", "x.matmul(y)"])
def test_matmul_is_pytorchs_for_all_ranks(expression, pair):
    everywhere(expression, x=normal(*pair[0]), y=normal(*pair[1], seed=1))


FORMS = {
    "t.bmm(x, y)": [((4, 2, 3), (4, 3, 5)), ((1, 1, 1), (1, 1, 1)), ((0, 2, 3), (0, 3, 1))],
    "x.bmm(y)": [((4, 2, 3), (4, 3, 5))],
    "x.bmm(y.transpose(1, 2))": [((4, 2, 3), (4, 5, 3))],
    "t.mm(x, y)": [((2, 3), (3, 4))],
    "t.dot(x, y)": [((3,), (3,))],
    "t.outer(x, y)": [((3,), (4,)), ((1,), (0,)), ((2,), (1,))],
    "x.outer(y)": [((3,), (4,))],
    "t.outer(input=x, vec2=y)": [((3,), (4,))],
    "x @ y.transpose(-2, -1) / 3 ** 0.5": [((2, 4, 3), (2, 5, 3)), ((2, 2, 4, 3), (2, 2, 5, 3))],
    't.einsum("ij,jk->ik", x, y)': [((2, 3), (3, 4)), ((2, 0), (0, 4))],
    't.einsum("ij,jk", x, y)': [((2, 3), (3, 4))],
    't.einsum("ij,kj->ki", [x, y])': [((2, 3), (4, 3))],
    't.einsum("i,j->ij", x, y)': [((3,), (4,))],
    't.einsum("i,i->", x, y)': [((3,), (3,))],
    't.einsum("i,i", x, y)': [((3,), (3,))],
    't.einsum("bij,bjk->bik", x, y)': [((4, 2, 3), (4, 3, 5)), ((4, 2, 3), (1, 3, 5))],
    't.einsum("bhld,bhsd->bhls", x, y)': [((2, 2, 4, 3), (2, 2, 5, 3))],
    't.einsum("blhd,bshd->bhls", x, y)': [((2, 4, 2, 3), (2, 5, 2, 3))],
    't.einsum("bhls,bshd->blhd", x, y)': [((2, 2, 4, 3), (2, 3, 2, 5))],
    't.einsum("b i d, b j d -> b i j", x, y)': [((2, 4, 3), (2, 5, 3))],
    't.einsum("...ij,...jk->...ik", x, y)': [((2, 4, 3), (3, 5)), ((2, 1, 4, 3), (6, 3, 5))],
    't.einsum("...ij,jk", x, y)': [((2, 4, 3), (3, 5))],
    't.einsum("i...,i...->...", x, y)': [((2, 4, 3), (2, 4, 3))],
    't.einsum("ij,j->i", x, y)': [((2, 3), (3,))],
    't.einsum("ijk,ik->ij", x, y)': [((2, 3, 4), (2, 4))],
    't.einsum("ij,ij->", x, y)': [((2, 3), (2, 3))],
    't.einsum("ij,kl->", x, y)': [((2, 3), (4, 5))],
    't.einsum("ij,ij->ji", x, y)': [((2, 3), (2, 3))],
    't.einsum("ii,ij->j", x, y)': [((3, 3), (3, 2))],
    't.einsum("bn,anm,bm->ba", x, y, x)': [((2, 3), (5, 3, 3))],
    't.einsum("ij,jk,kl->il", x, y, y)': [((2, 3), (3, 3))],
}
CASES = [(e, pair) for e, pairs in FORMS.items() for pair in pairs]


@pytest.mark.parametrize(("expression", "pair"), CASES, ids=str)
def test_products_of_two_are_pytorchs(expression, pair):
    everywhere(expression, x=normal(*pair[0]), y=normal(*pair[1], seed=1))


@pytest.mark.parametrize("equation", [
    "ii->i", "ii->", "ii", "ij->ji", "ji", "ij->", "ij->j", "ij", "...j->j...", "i...->...",
    "...->...",
])  # fmt: skip
def test_an_einsum_of_one_tensor_is_pytorchs(equation):
    everywhere(f't.einsum("{equation}", x)', x=normal(3, 3))
    everywhere(f't.einsum("{equation}", x * x)', x=normal(3, 3))
