"""Arguments by PyTorch's names, and by NumPy's where PyTorch takes those too."""

import pytest
from compare import compare, entries, normal

NAMED = """
t.add(input=x, other=x, alpha=2); t.sub(input=x, other=x); t.mul(input=x, other=x);
t.div(input=x, other=x); t.pow(input=x, exponent=2); x.pow(exponent=3); t.exp(input=x);
t.relu(input=x); t.clamp(input=x, min=0, max=1); x.clamp(max=1); t.maximum(input=x, other=x);
t.where(condition=x > 0, input=x, other=2 * x); x.masked_fill(mask=x > 0, value=3);
t.sum(input=x, dim=0, keepdim=True, dtype=t.float32); t.mean(input=x, dim=0, keepdim=True);
t.var(input=x, dim=0, correction=0, keepdim=True); t.std(input=x, dim=0, unbiased=False);
t.amax(input=x, dim=0, keepdim=True); t.argmax(input=x, dim=0, keepdim=True); t.max(input=x, dim=0);
t.min(input=x); t.logsumexp(input=x, dim=0, keepdim=True); t.log_softmax(input=x, dim=-1);
t.softmax(input=x, dim=0, dtype=t.float32); t.cumsum(input=x, dim=0); t.prod(input=x, dim=0);
t.any(input=x > 0, dim=0, keepdim=True); t.all(x > 0, axis=1); t.matmul(input=x, other=x.T);
t.bmm(input=x[None], mat2=x.T[None]); t.mm(input=x, mat2=x.T); t.reshape(input=x, shape=(3, 2));
t.permute(input=x, dims=(1, 0)); t.transpose(input=x, dim0=0, dim1=1); x.transpose(dim0=0, dim1=1);
t.movedim(input=x, source=0, destination=1); t.squeeze(input=x[None], dim=0);
t.unsqueeze(input=x, dim=0); t.broadcast_to(input=x, size=(2, 2, 3)); x.expand(size=(2, 2, 3));
x.broadcast_to(size=(2, 2, 3)); t.flatten(input=x, start_dim=0, end_dim=-1); x.flip(dims=(0,));
t.cat(tensors=[x, x], dim=1); t.stack(tensors=[x, x], dim=1); x.repeat(repeats=(2, 2));
t.split(tensor=x, split_size_or_sections=2, dim=1); x.split(split_size=2, dim=1);
t.chunk(input=x, chunks=2, dim=1); t.unbind(input=x, dim=1); t.flip(input=x, dims=(0,));
t.tile(input=x, dims=(2,)); t.clone(input=x); t.gather(input=x, dim=1, index=t.tensor([[0]]));
t.index_select(input=x, dim=1, index=t.tensor([0])); t.tril(input=x, diagonal=1);
t.take_along_dim(input=x, indices=t.tensor([[0], [1]]), dim=1); t.triu(input=x, diagonal=1);
t.outer(input=x[0], vec2=x[1]); t.isnan(input=x); x.sum(axis=0, keepdims=True); x.std(axis=1);
x.mean(axis=-1); x.amax(axis=0); x.argmax(axis=1); x.softmax(axis=-1); t.cat([x, x], axis=1);
x.var(axis=0, keepdims=True); x.prod(axis=1); x.cumsum(axis=1); x.max(axis=1); t.unsqueeze(x, 1)
"""


@pytest.mark.parametrize("expression", entries(NAMED))
def test_arguments_have_pytorchs_names(expression):
    compare(expression, x=normal(2, 3))
