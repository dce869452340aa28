# %% [markdown]
# # Text looks at image
#
# *Lesson 2 of 12 · 40 minutes · before: [A derivative that follows the graph](01_derivatives.ipynb)
# · next: [From one head to the layer](03_from_head_to_layer.ipynb)*
#
# One question: **how do words find the place in an image that they are about?**
#
# Afterwards you can explain
# - what [queries, keys and values](glossary.md#query) are, and which side supplies them,
# - why the [scores](glossary.md#scores) are divided by $\sqrt{d_k}$, and why the softmax goes over the keys,
# - every line of the way back: $\partial L/\partial Q$, $\partial L/\partial K$, $\partial L/\partial V$.
#
# You need: matrix products, a little NumPy, and the chain rule.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minixattn as mx
from minixattn import plot
from minixattn.course import check, refusal, show
from minixattn.nn import functional as F

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## Three words, four patches
#
# A caption has three words. An image has four patches. Each word asks for something, each patch
# offers something: two numbers are enough to say how dark it is and how round.

# %%
words = ["a", "dark", "ring"]
patches = ["sky", "coal", "wheel", "tyre"]
Q = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 4.0]])  # what each word asks for
K = np.array([[-2.0, 0.0], [3.0, -1.0], [0.0, 3.0], [2.0, 3.0]])  # what each patch offers
V = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [0, 1.0, 1.0]])  # what it says: sky, black, round

# %% [markdown]
# | symbol | here | shape | what it is |
# |---|---|---|---|
# | $Q$ | `Q` | $(L, d_k)$ = (3, 2) | queries: one row for each word |
# | $K$ | `K` | $(S, d_k)$ = (4, 2) | keys: one row for each patch |
# | $V$ | `V` | $(S, d_v)$ = (4, 3) | values: one row for each patch |
#
# The words supply the queries; the image, the [context](glossary.md#context), supplies keys **and**
# values. That is all that makes attention *cross*-attention.
#
# $$\text{Attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V
# \qquad\text{(Vaswani et al. 2017, equation 1)}$$
#
# ## Scores: how well does each offer fit?
#
# **Predict:** $Q$ is (3, 2), $K$ is (4, 2). What is the shape of $Q K^\top$, and whose number stands
# in row 1, column 2?

# %%
raw = Q @ K.T
print(raw.shape)
print(raw)

# %% [markdown]
# Row 1 is *dark*, column 2 is *wheel*: rows are queries, columns are keys. A number is large where
# the two vectors point the same way. The row of *a* is all zero: it asks for nothing.
#
# ## Why $\sqrt{d_k}$
#
# A score is a sum of $d_k$ products. **Predict:** if the numbers in $Q$ and $K$ have variance 1, how
# large is the variance of a score with $d_k = 64$?

# %%
rng = np.random.default_rng(0)
for d_k in (4, 16, 64, 256):
    q, k = rng.standard_normal((2, 10_000, d_k))
    products = (q * k).sum(-1)
    print(f"d_k = {d_k:3}   variance {products.var():6.1f}   after the scale {(products / d_k**0.5).var():.2f}")

# %% [markdown]
# The variance is $d_k$, so a typical score has the size $\sqrt{d_k}$. What that does to a softmax
# over 20 keys, and to its derivative, which is at most $p (1 - p)$ for the largest weight $p$:

# %%
largest, slope = {}, {}
for d_k in (4, 64, 1024):
    s = rng.standard_normal((2000, 20)) * d_k**0.5  # scores without the scale
    p = F.softmax(mx.tensor(s), dim=-1).numpy().max(-1)
    largest[d_k], slope[d_k] = p.mean(), (p * (1 - p)).mean()
    print(f"d_k = {d_k:4}   largest weight {largest[d_k]:.3f}   slope {slope[d_k]:.3f}")

# %% [markdown]
# Without the scale a wide head looks at one key only, and hardly learns: where the largest weight is
# 1 the slope is 0. With it, the width of a head does not matter.

# %%
d_k = Q.shape[-1]
scores = Q @ K.T / np.sqrt(d_k)
print(scores)

# %% [markdown]
# ## Softmax: each word spends an attention of 1
#
# $$A_{ls} = \frac{e^{s_{ls}}}{\sum_{s'} e^{s_{ls'}}}$$
#
# The sum goes over the **keys** $s'$: the patches compete for each word. **Predict:** what does *a*,
# whose scores are all equal, look at?

# %%
e = np.exp(scores - scores.max(-1, keepdims=True))  # the largest first: nothing overflows
A = e / e.sum(-1, keepdims=True)
print(A)
print("rows sum to", A.sum(-1))

# %% [markdown]
# Over the queries instead, each *patch* would share out one unit among the words. The columns would
# sum to 1, and a word could end up with almost nothing:

# %%
e = np.exp(scores - scores.max(0, keepdims=True))
wrong = e / e.sum(0, keepdims=True)
print(wrong)
print("rows sum to", wrong.sum(-1))

# %% [markdown]
# ## The weighted sum
#
# **Predict:** $A$ is (3, 4), $V$ is (4, 3). What does *ring* get, which looks at wheel and tyre?

# %%
output = A @ V
for word, row in zip(words, output, strict=True):
    print(f"{word:>5}: sky {row[0]:.2f}  black {row[1]:.2f}  round {row[2]:.2f}")

# %%
plot.heatmap(A, words, patches, ax=plt.subplots(figsize=(5, 3), layout="constrained")[1])
plt.show()

# %% [markdown]
# ## The same in the package
#
# The whole of it, with every step kept, is `F.attention_steps`. This is its source. (`widened`,
# `shared_heads` and `softcap` are for half precision, for heads that share keys, and for models that
# bound their scores; as called here they do nothing.)

# %%
show(F.attention_steps)

# %%
tensors = [mx.tensor(x, requires_grad=True) for x in (Q, K, V)]
steps = F.attention_steps(*tensors)
A_too, output_too = steps.weights.detach().numpy(), steps.output.detach().numpy()
print(np.allclose(A_too, A), np.allclose(output_too, output))

# %% [markdown]
# A key that does not fit is named, with both shapes:

# %%
refusal(lambda: F.scaled_dot_product_attention(tensors[0], mx.ones(4, 3), tensors[2]))

# %% [markdown]
# ## The way back
#
# Let $L$ be any loss, and $dO = \partial L/\partial O$ what it says about the output. Each forward
# line has a line of the way back, in the opposite order.
#
# | forward | backward |
# |---|---|
# | $O = A V$ | $dV = A^\top dO$, $\quad dA = dO\, V^\top$ |
# | $A = \operatorname{softmax}(s)$ | $ds = A \odot \big(dA - \sum_{s'} A_{ls'} dA_{ls'}\big)$ |
# | $s = Q K^\top / \sqrt{d_k}$ | $dQ = ds\, K/\sqrt{d_k}$, $\quad dK = ds^\top Q/\sqrt{d_k}$ |
#
# The middle line is the only one that needs thought. Raising one score raises its weight and lowers
# all the others of the row: $\partial A_i/\partial s_j = A_i (\delta_{ij} - A_j)$. Summed over $i$
# that is the line above. The subtracted sum makes each row of $ds$ sum to 0, as a number added to a
# whole row of scores changes nothing.

# %%
dO = rng.standard_normal(output.shape)  # unequal weights: a plain sum would hide errors
dV = A.T @ dO
dA = dO @ V.T
ds = A * (dA - (A * dA).sum(-1, keepdims=True))
dQ, dK = ds @ K / np.sqrt(d_k), ds.T @ Q / np.sqrt(d_k)
print("rows of ds sum to", ds.sum(-1))

# %% [markdown]
# Ask the package for the same derivatives:

# %%
(steps.output * mx.tensor(dO)).sum().backward()
for name, ours, tensor in zip("QKV", (dQ, dK, dV), tensors, strict=True):
    print(f"d{name} agrees: {np.allclose(ours, tensor.grad.numpy())}")

# %% [markdown]
# And ask no formula at all: move one number of $Q$ by a little, and see what the loss does.

# %%
def loss(Q):
    s = Q @ K.T / np.sqrt(d_k)
    e = np.exp(s)
    return ((e / e.sum(-1, keepdims=True)) @ V * dO).sum()


moved = Q.copy()
moved[2, 0] += 1e-6
print((loss(moved) - loss(Q)) / 1e-6, dQ[2, 0])

# %% [markdown]
# **A trap:** the gradient of `softmax(x).sum()` is zero, whatever `x` is, since every row sums to 1.
# A test built on it can never fail. That is why `dO` above has unequal numbers.

# %% [markdown]
# ## The picture
#
# The whole equation as matrices, drawn to scale: inner sides that meet have the same length. A
# `trace` records every step of a real forward pass, here of a layer with one head. It has
# projections of its own, which make $Q$ from the words, and $K$ and $V$ from the patches; they are
# what [lesson 3](03_from_head_to_layer.ipynb) is about.

# %%
mx.manual_seed(3)
layer = mx.nn.CrossAttention(2, 2, num_heads=1, head_dim=2, value_dim=3, bias=False)
with mx.trace() as trace:
    layer(mx.tensor(Q[None]).float(), mx.tensor(K[None]).float())
plot.steps(trace)
plt.show()

# %% [markdown]
# ## Three sentences to keep
#
# 1. Queries ask, keys are what they are compared with, values are what is brought home; in
#    cross-attention the query stream supplies the first, the context the other two.
# 2. Scores are divided by $\sqrt{d_k}$ so that their size does not depend on the width, and the
#    softmax goes over the keys so that each query spends an attention of 1.
# 3. On the way back a softmax subtracts from each row the mean of what comes in, weighted by its own
#    weights.
#
# ## Exercises
#
# ### Exercise 1 · predict · 2 minutes · easy
# A sentence of 7 words looks at an image of 16 patches with one head, and without a batch. Keys are 8
# wide, values 5. What is the shape of the weights, and of the output?

# %% exercise="shapes"
### BEGIN SOLUTION
# wrong: ((7, 16), (7, 8)): The output is made of values. How wide are these?
# wrong: ((16, 7), (7, 5)): Rows of the weights belong to queries: one for each word.
# wrong: ((7, 16), (16, 5)): Each query gets one row of the output.
# wrong: ((16, 7), (16, 5)): Rows belong to queries: one for each word.
weights_shape = (7, 16)
output_shape = (7, 5)
### END SOLUTION

# %% check="02.shapes" points=1
check("02.shapes", (weights_shape, output_shape))

# %% [markdown]
# ### Exercise 2 · compute · 5 minutes · easy
# Write the scores for any number of leading dimensions: $Q$ is $(…, L, d_k)$, $K$ is $(…, S, d_k)$.

# %% exercise="scores"
def my_scores(Q, K):
    """Q Kᵀ / √d_k, (…, L, S)."""
    ### BEGIN SOLUTION
    return Q @ np.swapaxes(K, -1, -2) / np.sqrt(Q.shape[-1])
    ### END SOLUTION

# %% check="attention.scores" points=2
check("attention.scores", my_scores)

# %% [markdown]
# ### Exercise 3 · compute · 5 minutes · medium
# Write the softmax over the keys. It must not overflow for scores of 1000.

# %% exercise="weights"
def my_weights(scores):
    """softmax over the last dimension."""
    ### BEGIN SOLUTION
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
    ### END SOLUTION

# %% check="attention.weights" points=2
check("attention.weights", my_weights)

# %% [markdown]
# ### Exercise 4 · compute · 10 minutes · medium
# Cross-attention with its projections, without a batch: $x$ $(L, D)$ asks, $c$ $(S, D_c)$ is asked.
# The matrices are laid out as in `nn.Linear`: (out, in).

# %% exercise="cross"
def my_cross(x, c, W_Q, W_K, W_V):
    """softmax(x W_Qᵀ (c W_Kᵀ)ᵀ / √d_k) c W_Vᵀ."""
    ### BEGIN SOLUTION
    Q, K, V = x @ W_Q.T, c @ W_K.T, c @ W_V.T
    return my_weights(my_scores(Q, K)) @ V
    ### END SOLUTION

# %% check="attention.cross" points=3
check("attention.cross", my_cross)

# %% [markdown]
# ### Exercise 5 · compute · 15 minutes · hard
# The way back, in one function and without a batch: from `dO` to `(dQ, dK, dV)`.

# %% exercise="backward"
def my_backward(dO, Q, K, V):
    """The derivatives of softmax(Q Kᵀ / √d_k) V."""
    ### BEGIN SOLUTION
    A, scale = my_weights(my_scores(Q, K)), np.sqrt(Q.shape[-1])
    dA = dO @ V.T
    ds = A * (dA - (A * dA).sum(-1, keepdims=True))
    return ds @ K / scale, ds.T @ Q / scale, A.T @ dO
    ### END SOLUTION

# %% check="autodiff.attention" points=4
check("autodiff.attention", my_backward)

# %% [markdown]
# ### Exercise 6 · explain · 3 minutes · medium
# All keys are moved by the same vector $u$: $k_s \leftarrow k_s + u$. What happens to the weights?
#
# - a: They move towards the keys that point along $u$.
# - b: Nothing: every score of a row changes by the same number.
# - c: They become more even.
# - d: It depends on the queries.

# %% exercise="moved"
### BEGIN SOLUTION
# wrong: "c": Try it with one query: by how much does each of its scores change?
# wrong: "d": The change q · u depends on the query, but not on the key.
# wrong: "a": q · u is added to all scores of a row, whichever key it is.
moved_keys = "b"
### END SOLUTION

# %% check="02.moved" points=1
check("02.moved", moved_keys)

# %% [markdown]
# ---
# Before: [A derivative that follows the graph](01_derivatives.ipynb) · next:
# [From one head to the layer](03_from_head_to_layer.ipynb) · [glossary](glossary.md)
