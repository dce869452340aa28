"""The short names that lessons use, against PyTorch: norms, order, repeats, and skipped parts."""

import pytest
import torch
from compare import entries, everywhere, normal

import minixattn as mx

MATRIX = """
x.norm(); t.norm(x); x.norm(2); x.norm(p=1, dim=1); x.norm(3, 0); x.norm(2, -1, True);
x.norm(dim=(0, 1)); t.norm(x, dim=-1, keepdim=True); x.norm(float("inf"), 1);
t.sort(x)[0]; x.sort(0, True).values; x.sort(descending=True)[1]; t.argsort(x, 0);
x.argsort(dim=1, descending=True); t.topk(x, 2)[0]; x.topk(1, 0, largest=False).values;
x.topk(k=2, dim=-1).indices; x.repeat_interleave(2); t.repeat_interleave(x, 3, dim=0);
x.repeat_interleave(2, -1); t.unflatten(x, 1, (1, -1)); (x * x + 1).rsqrt(); t.rsqrt(x.exp());
t.cat([t.zeros(0), x]); t.concatenate([x, t.zeros(0)], 1); t.cat([x[0], t.zeros(0)]);
x.masked_fill(x > 0, -1e9); t.nn.functional.normalize(x, dim=0)
"""


@pytest.mark.parametrize("expression", entries(MATRIX))
def test_names_of_lessons_give_pytorchs_numbers(expression):
    everywhere(expression, x=normal(3, 4))


ANSWERS = """
t.allclose(x, x + 1e-9); t.equal(x, x); t.equal(x, t.ones(3)); t.is_tensor(x); t.is_tensor(1);
t.numel(x); x == None; x != None; x == "a"; None in (x, None); x == [1, 1];
t.finfo(t.float32).eps; float(t.finfo(t.float16).min); t.iinfo(t.int32).max;
t.empty_like(x).shape == x.shape;
t.tensor([1, 2]).masked_fill(t.tensor([True, False]), 2.7).tolist();
t.tensor([True]).masked_fill(t.tensor([True]), 0).tolist();
t.tensor([3, 1, 2, 1]).sort(stable=True)[1].tolist(); t.tensor(2.0).topk(1)[1].item();
t.cat([t.zeros(0, dtype=t.float64), t.zeros(2)]).dtype == t.float64
"""


@pytest.mark.parametrize("expression", entries(ANSWERS))
def test_questions_have_pytorchs_answers(expression):
    ours, theirs = (eval(expression, {"t": t, "x": t.ones(2)}) for t in (mx, torch))
    assert type(ours) is type(theirs) or isinstance(ours, float) or hasattr(ours, "dtype")
    assert ours == theirs
