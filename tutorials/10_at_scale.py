# %% [markdown]
# # At scale
#
# *Lesson 10 of 12 · 40 minutes · before: [Perceiver IO](09_perceiver.ipynb) · next:
# [Your own model](11_your_own_model.ipynb)*
#
# One question: **what makes attention expensive, and what can be left out without changing a single
# number?**
#
# Afterwards you can explain
# - why memory grows with $L \times S$, and how [blockwise attention](glossary.md#blockwise-attention)
#   never holds that matrix,
# - how two partial softmaxes become one, on one machine or on several,
# - grouped heads, half precision with [loss scaling](glossary.md#loss-scaling), and what a GPU wants.
#
# You need: [lesson 2](02_text_looks_at_image.ipynb), [lesson 3](03_from_head_to_layer.ipynb).

# %%
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np

import minixattn as mx
from minixattn import nn
from minixattn.course import check, refusal, show
from minixattn.nn import functional as F
from minixattn.nn.functional import merging

rng = np.random.default_rng(0)

# %% [markdown]
# ## The matrix that nobody wants
#
# 4,096 queries and 4,096 keys: one head's weights are 16.8 million numbers, 64 MiB in float32. The
# output has 4,096 rows. The plain way holds two such matrices at once, scores and weights. **Predict:**
# how much does twice the length cost?

# %%
def peak(length, weights):
    """MiB that one look takes, with or without the weights."""
    Q, K, V = (mx.tensor(rng.standard_normal((1, 1, length, 64), np.float32)) for _ in range(3))
    look = F.attention_steps if weights else F.scaled_dot_product_attention
    tracemalloc.start()
    look(Q, K, V)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found / 2**20

# %%
lengths = (1024, 2048, 4096, 6144)
whole = [peak(n, True) for n in lengths]
blocks = [peak(n, False) for n in lengths]
for n, a, b in zip(lengths, whole, blocks, strict=True):
    print(f"L = S = {n:4}   all weights {a:6.1f} MiB   none kept {b:5.1f} MiB")

# %%
figure, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
ax.loglog(lengths, whole, "o-", color="#1b7837", label="all weights kept")
ax.loglog(lengths, blocks, "o-", color="#d95f02", label="none kept: blockwise above $2^{22}$ scores")
ax.set(xlabel="length L = S", ylabel="memory at the peak (MiB)")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Two parts of a softmax
#
# Take some of the keys, with an $m$ of their own (the largest score), and then the others. Each part
# gives sums; `merge` brings them to one $m$ and adds them (Milakov and Gimelshein 2018):
#
# $$o_a = \sum_{s \in a} e^{s - m_a} v_s, \quad t_a = \sum_{s \in a} e^{s - m_a}, \qquad
# m = \max(m_a, m_b), \quad o = e^{m_a - m} o_a + e^{m_b - m} o_b$$
#
# | symbol | identifier | shape |
# |---|---|---|
# | $o$ | `o` | (L, d_v), a sum of values, not yet divided |
# | $t = \sum e^{s-m}$ | `total` | (L, 1) |
# | $m$ | `m` | (L, 1) |

# %%
show(merging.part)

# %%
Q, K, V = (rng.standard_normal((n, 8)) for n in (4, 10, 10))
scores = Q @ K.T / np.sqrt(8)
a = merging.part(scores[:, :3].copy(), V[:3])
b = merging.part(scores[:, 3:].copy(), V[3:])
o, total, m = merging.merge(*a, *b)
expected = F.scaled_dot_product_attention(*map(mx.tensor, (Q, K, V))).numpy()
print(np.abs(o / total - expected).max())

# %% [markdown]
# The order does not matter, and neither does where a part was computed. So the same equation serves
# - blocks of keys on one machine, which fit into a core's cache,
# - a **ring** of machines: each has some of the keys; they are passed round, and each merges what it
#   sees. Here four "machines", one after another:

# %%
def ring(Q, K, V, machines):
    """Every machine looks at the keys that pass by, and merges."""
    found = None
    for k, v in zip(np.array_split(K, machines), np.array_split(V, machines), strict=True):
        one = merging.part(Q @ k.T / np.sqrt(Q.shape[-1]), v)
        found = one if found is None else merging.merge(*found, *one)
    o, total, _ = found
    return o / total


print(np.abs(ring(Q, K, V, 4) - expected).max())

# %% [markdown]
# What travels is $2 \cdot S \cdot d$ numbers a round; the scores never do. What is *not* exact is to
# average the parts' outputs, as each softmax divided by a sum of its own:

# %%
halves = [F.scaled_dot_product_attention(*map(mx.tensor, (Q, k, v))).numpy()
          for k, v in ((K[:3], V[:3]), (K[3:], V[3:]))]
print(np.abs(np.mean(halves, 0) - expected).max())

# %% [markdown]
# ## Grouped heads
#
# While a text is written, keys and values of all that came before are kept: $2 \cdot h \cdot S \cdot
# d$ numbers a layer. If several query heads share a key head, it is less (Shazeer 2019; Ainslie et al.
# 2023). Head $i$ of $h$ reads key head $\lfloor i\, h_{kv} / h \rfloor$.

# %%
for kv_heads in (8, 2, 1):
    layer = nn.CrossAttention(64, num_heads=8, kv_heads=kv_heads)
    numbers = 2 * kv_heads * 1000 * 8
    print(f"{kv_heads} key heads: {numbers:7,} numbers kept for 1,000 tokens, "
          f"{sum(p.numel() for p in layer.parameters()):,} parameters")

# %%
refusal(lambda: nn.CrossAttention(64, num_heads=8, kv_heads=3))

# %% [markdown]
# ## Half precision
#
# float16 has three digits, ends at 65,504, and has nothing below 6·10⁻⁸. Products may be float16;
# sums, exponentials and the weights themselves stay float32. Inside `autocast` the operations see to
# that:

# %%
layer, x, c = nn.CrossAttention(64, num_heads=4), mx.randn(2, 8, 64), mx.randn(2, 9, 64)
with mx.amp.autocast("cpu"):
    half, _ = layer(x, c)
full, _ = layer(x, c)
print(half.dtype, full.dtype, f"largest difference {(half.float() - full).abs().max().item():.5f}")

# %% [markdown]
# Small gradients vanish in float16. So the loss is made larger, and the gradients smaller again before
# the step: exact powers of two cost no digit.

# %%
g = np.float32(3e-9)
print("as float16:", np.float16(g), "  scaled by 2¹⁶ and back:", np.float32(np.float16(g * 2**16)) / 2**16)

# %% [markdown]
# ## A GPU
#
# The same code: `layer.to("cuda")`, tensors with `device="cuda"`, and CuPy in NumPy's place. A GPU
# wants few, large tasks: so there are no tiles and no loops over heads there, and softmax is one pass
# over memory (`nn/functional/gpu_attention.py`). What was measured is in `benchmarks/README.md`.

# %%
def on_gpu():
    import importlib.util

    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed here: everything ran on the CPU."
    moved = layer.to("cuda")
    return moved(x.to("cuda"), c.to("cuda"))[0].device


print(on_gpu())

# %% [markdown]
# ## The picture
#
# What a block of 4 keys knows of the whole: the sums of each part, before and after they are brought
# to one $m$.

# %%
halves = zip(np.split(3 * scores[:, :8], 2, 1), (V[:4], V[4:8]), strict=True)
parts = [merging.part(s.copy(), v) for s, v in halves]
m = np.maximum(parts[0][2], parts[1][2])
figure, axes = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained", sharey=True)
for shift, (_, total, own) in zip((-0.2, 0.2), parts, strict=True):
    for ax, value in zip(axes, (total, np.exp(own - m) * total), strict=True):
        ax.bar(np.arange(4) + shift, value[:, 0], 0.4, label=f"keys {0 if shift < 0 else 4}…")
for ax, title in zip(axes, ("each with its own m", "brought to one m: they add up"), strict=True):
    ax.set(title=title, xlabel="query", ylabel="Σ exp(s − m)", xticks=range(4))
axes[0].legend(frameon=False)
plt.show()

# %% [markdown]
# ## Three sentences to keep
#
# 1. The $L \times S$ matrix is only needed if somebody wants to see it; sums over some of the keys are
#    enough for the output.
# 2. Two partial softmaxes are merged exactly once both are brought to one maximum: in blocks, or on a
#    ring of machines.
# 3. Shared key heads and float16 products save memory and time at a price in quality or digits; the
#    blocks cost nothing.
#
# ## Exercises
#
# ### Exercise 1 · predict · 2 minutes · easy
# How many MiB do the weights of 8 heads take in float32 for L = 2,048 and S = 8,192?

# %% exercise="mib"
### BEGIN SOLUTION
# wrong: 64: That is one head; there are eight.
# wrong: 1024: A float32 has four bytes.
# wrong: 128: A float32 has four bytes.
# wrong: 536.870912: That is in millions of bytes; a MiB has 2²⁰.
mib = 8 * 2048 * 8192 * 4 / 2**20
### END SOLUTION

# %% check="10.mib" points=1
check("10.mib", mib)

# %% [markdown]
# ### Exercise 2 · compute · 8 minutes · medium
# Merge two parts of a softmax.

# %% exercise="merge"
def merge(o_a, total_a, m_a, o_b, total_b, m_b):
    """(o, total, m) over the keys of both."""
    ### BEGIN SOLUTION
    m = np.maximum(m_a, m_b)
    a, b = np.exp(m_a - m), np.exp(m_b - m)
    return a * o_a + b * o_b, a * total_a + b * total_b, m
    ### END SOLUTION

# %% check="scale.merge" points=2
check("scale.merge", merge)

# %% [markdown]
# ### Exercise 3 · modify · 10 minutes · hard
# Attention with `block` keys at a time, without ever holding all scores.

# %% exercise="blockwise"
def blockwise(Q, K, V, block):
    """softmax(Q Kᵀ / √d_k) V."""
    ### BEGIN SOLUTION
    found = None
    for i in range(0, len(K), block):
        s = Q @ K[i : i + block].T / np.sqrt(Q.shape[-1])
        m = s.max(-1, keepdims=True)
        one = np.exp(s - m) @ V[i : i + block], np.exp(s - m).sum(-1, keepdims=True), m
        found = one if found is None else merge(*found, *one)
    return found[0] / found[1]
    ### END SOLUTION

# %% check="scale.blockwise" points=3
check("scale.blockwise", blockwise)

# %% [markdown]
# ### Exercise 4 · compute · 8 minutes · medium
# Grouped heads: Q (H, L, d), K and V (G, S, d); head $i$ reads group $\lfloor i / (H/G) \rfloor$.

# %% exercise="grouped"
def grouped(Q, K, V):
    """(H, L, d)."""
    ### BEGIN SOLUTION
    which = np.arange(len(Q)) // (len(Q) // len(K))
    s = Q @ K[which].swapaxes(-1, -2) / np.sqrt(Q.shape[-1])
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True) @ V[which]
    ### END SOLUTION

# %% check="scale.grouped" points=2
check("scale.grouped", grouped)

# %% [markdown]
# ### Exercise 5 · explain · 2 minutes · medium
# Why does blockwise attention compute the scores *again* on the way back?
#
# - a: They have changed.
# - b: Computing them twice is cheaper than keeping $L \times S$ numbers in memory.
# - c: The derivative needs other scores.

# %% exercise="again"
### BEGIN SOLUTION
# wrong: "a": Queries and keys are the same as before. What does keeping the scores cost?
# wrong: "c": It needs the very same ones. What does keeping them cost?
scores_again = "b"
### END SOLUTION

# %% check="10.again" points=1
check("10.again", scores_again)

# %% [markdown]
# ---
# Before: [Perceiver IO](09_perceiver.ipynb) · next: [Your own model](11_your_own_model.ipynb) ·
# [glossary](glossary.md)
