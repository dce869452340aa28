# %% [markdown]
# # From one head to the layer
#
# *Lesson 3 of 12 · 35 minutes · before: [Text looks at image](02_text_looks_at_image.ipynb) · next:
# [Who supplies Q, K, V](04_who_supplies_qkv.ipynb)*
#
# One question: **what is in a cross-attention layer besides the equation, and do all libraries have
# the same?**
#
# Afterwards you can explain
# - what the four [projections](glossary.md#projection) are for,
# - how one wide vector becomes several [heads](glossary.md#head), and what goes wrong without the
#   transpose,
# - how to bring weights from PyTorch or Diffusers, and how to prove that the numbers are the same.
#
# You need: [lesson 2](02_text_looks_at_image.ipynb).

# %%
import importlib.util

import matplotlib.pyplot as plt
import numpy as np

import minixattn as mx
from minixattn import interop, nn, plot
from minixattn.course import check, refusal, show
from minixattn.nn import heads

# %% [markdown]
# ## Linear: from what a token is to what it asks
#
# A token has one vector. As a query it asks for something, as a key it offers something, as a value
# it says something. Three matrices make these three out of one:
#
# $$Q = x W_Q^\top + b_Q, \qquad K = c\, W_K^\top + b_K, \qquad V = c\, W_V^\top + b_V$$
#
# `nn.Linear` holds $W$ as (out, in), as PyTorch does.

# %%
mx.manual_seed(0)
x, c = mx.randn(1, 3, 8), mx.randn(1, 5, 6)  # three words of width 8, five patches of width 6
W_Q, W_K, W_V = nn.Linear(8, 8), nn.Linear(6, 8), nn.Linear(6, 8)
Q, K, V = W_Q(x), W_K(c), W_V(c)
print(W_K.weight.shape, K.shape)

# %% [markdown]
# | symbol | identifier | shape here |
# |---|---|---|
# | $B, L, S$ | batch, queries, keys | 1, 3, 5 |
# | $E = h\,d_k$ | width | 8 |
# | $h$, $d_k$ | `num_heads`, width of a head | 2, 4 |
# | $W_Q, W_K, W_V, W_O$ | `W_Q` … `W_O` | (8, 8), (8, 6), (8, 6), (8, 8) |
#
# ## Heads: several small looks in place of one large
#
# One softmax spends its attention on one thing. With $h$ heads, each of width $d_k = E/h$, a token can
# look at several things at once, at the same cost. **Predict:** the shape of `Q` cut into 2 heads.

# %%
show(heads.split_heads)

# %%
Qh, Kh, Vh = (heads.split_heads(t, 2) for t in (Q, K, V))
print(Q.shape, "→", Qh.shape)

# %% [markdown]
# First the width is cut in two dimensions, then heads and tokens change places. Why not `reshape` to
# the final shape at once? Look at numbers that say where they belong: *token.column*.

# %%
tokens = np.array([[10 * token + column for column in range(4)] for token in range(3)])
print(tokens)

# %%
right = tokens.reshape(3, 2, 2).swapaxes(0, 1)  # (h, L, d)
wrong = tokens.reshape(2, 3, 2)
print("head 0, with transpose:", right[0].tolist())
print("head 0, reshape alone: ", wrong[0].tolist())

# %% [markdown]
# With the transpose head 0 has columns 0 and 1 of *every* token. With reshape alone "its" three rows
# are token 0 twice and half of token 1: the tokens are mixed. Nothing complains, the shapes are
# right, and the model even learns, badly.
#
# ## Softmax, and together again

# %%
scores = Qh @ Kh.mT / 4**0.5
A = nn.Softmax(dim=-1)(scores)
merged = heads.merge_heads(A @ Vh)
print(scores.shape, merged.shape)

# %% [markdown]
# The heads lie side by side; $W_O$ mixes them.
#
# $$\text{output} = \operatorname{concat}(A_1 V_1, …, A_h V_h)\, W_O^\top + b_O
# \qquad\text{(Vaswani et al. 2017, section 3.2.2)}$$

# %%
W_O = nn.Linear(8, 8)
by_hand = W_O(merged)
print(by_hand.shape)

# %% [markdown]
# ## The layer
#
# `nn.CrossAttention` is these four matrices and the equation. Given ours, it gives our numbers:

# %%
layer = nn.CrossAttention(8, 6, num_heads=2)
layer.W_Q, layer.W_K, layer.W_V, layer.W_O = W_Q, W_K, W_V, W_O
output, weights = layer(x, c)
print(output.allclose(by_hand, atol=1e-6), weights.allclose(A, atol=1e-6))

# %%
print(layer)

# %% [markdown]
# (`norm_Q` and `norm_K` are places for a norm of queries and keys, which some models have; an
# `Identity` does nothing.) Widths that do not fit are named:

# %%
refusal(lambda: layer(x, mx.randn(1, 5, 8)))

# %% [markdown]
# ## PyTorch's layer: the same numbers
#
# `nn.MultiheadAttention` is PyTorch's, name for name. It keeps the three input matrices in one,
# `in_proj_weight`, and wants `batch_first=True` for (batch, length, width). Query and context have one
# width here, as that form of it needs.

# %%
ours = nn.CrossAttention(8, num_heads=2)
theirs = nn.MultiheadAttention(8, 2, batch_first=True)
joint = [mx.cat([getattr(W, part) for W in (ours.W_Q, ours.W_K, ours.W_V)])
         for part in ("weight", "bias")]
theirs.load_state_dict({
    "in_proj_weight": joint[0].detach(), "in_proj_bias": joint[1].detach(),
    "out_proj.weight": ours.W_O.weight.detach(), "out_proj.bias": ours.W_O.bias.detach(),
})

# %%
a, b = mx.randn(1, 3, 8), mx.randn(1, 5, 8)
mine = ours(a, b)[0]
same = theirs(a, b, b)[0]
print("largest difference", (mine - same).abs().max().item())

# %% [markdown]
# A state dict is names and arrays, so PyTorch's own comes in by name too, whether PyTorch is there or
# not. It does not tell the number of heads, nor where the batch stands:

# %%
brought = interop.from_torch(theirs.state_dict(), num_heads=2, batch_first=True)
print("largest difference", (brought(a, b, b)[0] - mine).abs().max().item())

# %% [markdown]
# And PyTorch itself, where it is installed:

# %%
def in_torch():
    import torch

    layer = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    state = {k: torch.tensor(v.numpy()) for k, v in theirs.state_dict().items()}
    layer.load_state_dict(state)
    a_t, b_t = torch.tensor(a.numpy()), torch.tensor(b.numpy())
    return np.abs(layer(a_t, b_t, b_t)[0].detach().numpy() - mine.detach().numpy()).max()


found = importlib.util.find_spec("torch")
print(in_torch() if found else "PyTorch is not installed here: nothing to compare with.")

# %% [markdown]
# ## Diffusers' layer: the same numbers
#
# Stable Diffusion's attention (`diffusers.models.attention_processor.Attention`) names them `to_q`,
# `to_k`, `to_v`, `to_out.0`, and has no bias in the first three. Its weights come in and go out
# without Diffusers being there:

# %%
stable = nn.CrossAttention(8, 6, num_heads=2, bias=False, out_bias=True)
state = interop.to_diffusers(stable)
print({name: array.shape for name, array in state.items()})
back = interop.from_diffusers(state, num_heads=2)
print("largest difference", (back(x, c)[0] - stable(x, c)[0]).abs().max().item())

# %% [markdown]
# ## When the numbers differ
#
# `interop.compare` names the first step that differs, and the convention behind it. Here somebody
# forgot the transpose:

# %%
mixed = Q.reshape(1, 2, 3, 4)  # should be reshape(1, 3, 2, 4).transpose(1, 2)
report = interop.compare(layer, {"Q": mixed}, x, c)
print(report.convention)

# %% [markdown]
# ## The picture
#
# Two heads of an untrained layer: other matrices, other looks.

# %%
figure = plt.figure(figsize=(7, 2.6))
plot.heads(weights[0], ["a", "dark", "ring"], [f"p{i}" for i in range(5)], ax=figure, vmax=0.5)
plt.show()

# %% [markdown]
# ## Three sentences to keep
#
# 1. Projections make queries out of one stream, keys and values out of the other; $W_O$ mixes what
#    the heads found.
# 2. Heads are cut from the width: reshape *and* transpose, or tokens get mixed without an error.
# 3. Libraries differ in names, layouts and biases, not in the equation; with the weights brought over,
#    the numbers are the same, and that can be proved.
#
# ## Exercises
#
# ### Exercise 1 · predict · 2 minutes · easy
# `nn.CrossAttention(512, 768, num_heads=8)`: what are the shapes of `W_Q.weight` and `W_K.weight`?

# %% exercise="shapes"
### BEGIN SOLUTION
# wrong: ((512, 512), (768, 768)): The keys are compared with the queries, so they must be as wide.
# wrong: ((512, 768), (512, 768)): The queries come from the stream that is 512 wide.
# wrong: ((512, 512), (64, 768)): That would be one head; the weight makes the keys of all.
# wrong: ((512, 512), (768, 512)): nn.Linear's weight is (out, in).
W_Q_shape = (512, 512)
W_K_shape = (512, 768)
### END SOLUTION

# %% check="03.shapes" points=1
check("03.shapes", (W_Q_shape, W_K_shape))

# %% [markdown]
# ### Exercise 2 · compute · 5 minutes · easy
# Cut into heads: (B, L, h·d) → (B, h, L, d).

# %% exercise="split"
def split(x, h):
    """Head i has columns i·d to (i + 1)·d of each token."""
    ### BEGIN SOLUTION
    B, L, E = x.shape
    return x.reshape(B, L, h, E // h).swapaxes(1, 2)
    ### END SOLUTION

# %% check="attention.split_heads" points=2
check("attention.split_heads", split)

# %% [markdown]
# ### Exercise 3 · compute · 5 minutes · easy
# And together again: (B, h, L, d) → (B, L, h·d).

# %% exercise="merge"
def merge(x):
    """The inverse of split."""
    ### BEGIN SOLUTION
    B, h, L, d = x.shape
    return x.swapaxes(1, 2).reshape(B, L, h * d)
    ### END SOLUTION

# %% check="attention.merge_heads" points=2
check("attention.merge_heads", merge)

# %% [markdown]
# ### Exercise 4 · compute · 10 minutes · medium
# The whole layer without biases, for several heads.

# %% exercise="multihead"
def multihead(x, c, W_Q, W_K, W_V, W_O, h):
    """concat(softmax(Q_i K_iᵀ / √d_k) V_i) W_Oᵀ, (B, L, E)."""
    ### BEGIN SOLUTION
    Q, K, V = split(x @ W_Q.T, h), split(c @ W_K.T, h), split(c @ W_V.T, h)
    s = Q @ K.swapaxes(-1, -2) / np.sqrt(Q.shape[-1])
    e = np.exp(s - s.max(-1, keepdims=True))
    return merge(e / e.sum(-1, keepdims=True) @ V) @ W_O.T
    ### END SOLUTION

# %% check="attention.multihead" points=3
check("attention.multihead", multihead)

# %% [markdown]
# ### Exercise 5 · compute · 3 minutes · medium
# PyTorch returns weights averaged over the heads (`average_attn_weights=True`). From the scores of all
# heads, (h, L, S), compute that average.

# %% exercise="average"
def average_weights(scores):
    """(h, L, S) → (L, S)."""
    ### BEGIN SOLUTION
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).mean(0)
    ### END SOLUTION

# %% check="attention.average_weights" points=2
check("attention.average_weights", average_weights)

# %% [markdown]
# ### Exercise 6 · explain · 2 minutes · medium
# How many multiplications do the scores of a layer take with 8 heads, compared with one head of the
# same width $E$?
#
# - a: Eight times as many.
# - b: As many.
# - c: An eighth.

# %% exercise="cost"
### BEGIN SOLUTION
# wrong: "c": Each head is an eighth as wide. How many heads are there?
# wrong: "a": There are eight matrices of scores, but each number of them takes an eighth.
cost_of_heads = "b"
### END SOLUTION

# %% check="03.cost" points=1
check("03.cost", cost_of_heads)

# %% [markdown]
# ---
# Before: [Text looks at image](02_text_looks_at_image.ipynb) · next:
# [Who supplies Q, K, V](04_who_supplies_qkv.ipynb) · [glossary](glossary.md)
