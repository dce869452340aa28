# %% [markdown]
# # Masks
#
# *Lesson 5 of 12 · 30 minutes · before: [Who supplies Q, K, V](04_who_supplies_qkv.ipynb) · next:
# [Translating dates](06_translating_dates.ipynb)*
#
# One question: **how does attention leave something out, and why do so many masks do the opposite of
# what they should?**
#
# Afterwards you can explain
# - the two [polarities](glossary.md#mask) of a boolean mask, and which library has which,
# - [padding](glossary.md#padding), causal and window masks, and how to put them together,
# - what happens to a query that may look nowhere, and how −10⁹ fails.
#
# You need: [lesson 2](02_text_looks_at_image.ipynb).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minixattn as mx
from minixattn import masks, nn, plot
from minixattn.course import check, refusal
from minixattn.nn import functional as F

# %% [markdown]
# ## Forbidden means −∞
#
# $$A = \operatorname{softmax}(s + m), \qquad m_{ls} = \begin{cases}
# 0 & \text{query } l \text{ may see key } s \\ -\infty & \text{otherwise} \end{cases}$$
#
# $e^{-\infty} = 0$: the key gets nothing, and the others share the whole. **Predict:** the weights of
# scores (1, 1, 1) if the last key is forbidden.

# %%
s = mx.tensor([[1.0, 1.0, 1.0]])
m = mx.tensor([[0.0, 0.0, -mx.inf]])
print(F.softmax(s + m, dim=-1))

# %% [markdown]
# Setting the weight to 0 *afterwards* is not the same: the row no longer sums to 1. Setting the score
# to 0 *before* is worse: 0 is a score like any other.

# %%
keep = mx.tensor([[True, True, False]])
print("weights · mask:  ", F.softmax(s, dim=-1) * keep)
print("softmax(s · mask):", F.softmax(s * keep, dim=-1))

# %% [markdown]
# ## True means what?
#
# In PyTorch there are two answers. `scaled_dot_product_attention`: True = may look. But
# `nn.MultiheadAttention`, with `key_padding_mask` and a boolean `attn_mask`: True = hidden. A mask
# given to the wrong one looks fine, and does the opposite.

# %%
mx.manual_seed(0)
x = mx.randn(1, 3, 4)
real = mx.tensor([[True, True, False]])  # the third token is padding
layer = nn.MultiheadAttention(4, 1, batch_first=True)
_, given_as_it_is = layer(x, x, x, key_padding_mask=real)
_, inverted = layer(x, x, x, key_padding_mask=~real)
print("as it is:", given_as_it_is[0, 0].detach())
print("inverted:", inverted[0, 0].detach())

# %% [markdown]
# Given as it is, all attention goes to the padding. `masks` says which is meant, and each layer gets
# what it wants:

# %%
mask = masks.keep(np.array([[True, True, False]]))  # one row, for every query
print(mask)
print(layer(x, x, x, attn_mask=mask)[1][0, 0].detach())

# %% [markdown]
# ## Padding, causal, window
#
# Rows are queries, columns are keys.
#
# | mask | query $i$ sees key $j$ where | used for |
# |---|---|---|
# | `masks.padding(lengths, S)` | $j$ < length | texts of unequal length in one batch |
# | `masks.causal(L, S)` | $j \le i$ | writing: nobody sees what comes later |
# | `masks.sliding_window(L, S, left, right)` | $-\text{left} \le j - i \le \text{right}$ | long texts |

# %%
causal, window = masks.causal(6, 6), masks.sliding_window(6, 6, left=2, right=0)
figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
for ax, mask, title in zip(axes, (causal, window, causal & masks.padding([4], 6)),
                           ("causal", "window of 3", "causal, and 4 real tokens"), strict=True):
    mask.plot(ax=ax)
    ax.set_title(title)
plt.show()

# %% [markdown]
# Masks are put together with `&`: may look only where all allow it. What a mask does to weights:
# hidden cells are hatched, which is different from a weight of 0.

# %%
mx.manual_seed(1)
scores = mx.randn(5, 5)
allowed = np.tri(5, dtype=bool)
weights = F.softmax(scores.masked_fill(mx.tensor(~allowed), -mx.inf), dim=-1)
plot.heatmap(weights, list("abcde"), list("abcde"), mask=allowed,
             ax=plt.subplots(figsize=(4.2, 3.4), layout="constrained")[1])
plt.show()

# %% [markdown]
# ## A query that may look nowhere
#
# Text with no real token, or an image without a patch: all scores of a row are −∞. **Predict** what
# softmax gives, computed by its formula.

# %%
s = np.full((1, 3), -np.inf)
with np.errstate(invalid="ignore"):
    print(np.exp(s - s.max()) / np.exp(s - s.max()).sum())

# %% [markdown]
# $-\infty - (-\infty)$ is not a number, and one NaN makes a whole model NaN. In this package such a
# query gets weights 0 and the output 0, and no gradient flows through it (PyTorch returns NaN from
# `nn.MultiheadAttention`).

# %%
import warnings

Q, K, V = mx.randn(2, 4), mx.randn(3, 4), mx.randn(3, 4)
nowhere = mx.tensor([[True, True, False], [False, False, False]])
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns, as this is seldom meant
    steps = F.attention_steps(Q, K, V, nowhere)
print(steps.weights)
print(steps.output[1])

# %% [markdown]
# ## The −10⁹ that vanishes
#
# Many programs write $-10^9$ for $-\infty$. In a row where everything is forbidden, all scores are
# then about $-10^9$, and after subtracting the largest one they are ordinary numbers again. In
# float32 there are no digits left for the score itself, so the row becomes even. In float64 there
# are, and the row looks exactly where it was forbidden to look:

# %%
scores = np.array([[2.0, 0.0, -1.0]])
for dtype in (np.float32, np.float64):
    s = mx.tensor((scores - 1e9).astype(dtype))
    print(f"{np.dtype(dtype).name}: {F.softmax(s, dim=-1).numpy()}")
print(f"unmasked: {F.softmax(mx.tensor(scores), dim=-1).numpy()}")

# %% [markdown]
# A mask of another shape is refused, not stretched into something:

# %%
refusal(lambda: F.scaled_dot_product_attention(Q, K, V, mx.ones(2, 4).bool()))

# %% [markdown]
# ## Three sentences to keep
#
# 1. Forbidden is −∞ before the softmax; 0 after it, or 0 before it, is something else.
# 2. True may mean "look" or "hide": say which with `masks.keep` and `masks.drop`.
# 3. A row without a key has no softmax; it should be 0, and −10⁹ does not make it so.
#
# ## Exercises
#
# ### Exercise 1 · predict · 2 minutes · easy
# Scores (0, 0, 0, 0), and the last two keys are forbidden. What is the first weight? And what would it
# be if the two scores were set to 0 instead?

# %% exercise="predict"
### BEGIN SOLUTION
# wrong: (0.25, 0.5): Forbidden keys get no weight: between how many is 1 shared out?
# wrong: (0.5, 0.5): A score of 0 is not forbidden: e⁰ = 1.
# wrong: (0.25, 0.25): Forbidden keys get no weight: between how many is 1 shared out?
first_weight = 0.5
set_to_zero = 0.25
### END SOLUTION

# %% check="05.predict" points=1
check("05.predict", (first_weight, set_to_zero))

# %% [markdown]
# ### Exercise 2 · compute · 5 minutes · easy
# A causal mask, True where query $i$ may see key $j \le i$, for any $L$ and $S$.

# %% exercise="causal"
def my_causal(L, S):
    """bool (L, S)."""
    ### BEGIN SOLUTION
    return np.arange(S) <= np.arange(L)[:, None]
    ### END SOLUTION

# %% check="masks.causal" points=1
check("masks.causal", my_causal)

# %% [markdown]
# ### Exercise 3 · compute · 5 minutes · easy
# A padding mask from lengths, True for a real token.

# %% exercise="padding"
def my_padding(lengths, S):
    """bool (B, S)."""
    ### BEGIN SOLUTION
    return np.arange(S) < np.asarray(lengths)[:, None]
    ### END SOLUTION

# %% check="masks.padding" points=1
check("masks.padding", my_padding)

# %% [markdown]
# ### Exercise 4 · compute · 5 minutes · medium
# A window: True where $|i - j| \le w$.

# %% exercise="window"
def my_window(L, S, w):
    """bool (L, S)."""
    ### BEGIN SOLUTION
    return abs(np.arange(L)[:, None] - np.arange(S)) <= w
    ### END SOLUTION

# %% check="masks.window" points=1
check("masks.window", my_window)

# %% [markdown]
# ### Exercise 5 · modify · 10 minutes · hard
# Softmax with a mask, which gives zeros, not NaN, where a query may look nowhere.

# %% exercise="apply"
def my_masked(scores, mask):
    """softmax over the keys that the mask allows, (…, L, S)."""
    ### BEGIN SOLUTION
    m = np.where(mask, scores, -np.inf).max(-1, keepdims=True)
    m = np.where(np.isfinite(m), m, 0)
    e = np.where(mask, np.exp(np.where(mask, scores, 0) - m), 0)
    total = e.sum(-1, keepdims=True)
    return e / np.where(total == 0, 1, total)
    ### END SOLUTION

# %% check="masks.apply" points=3
check("masks.apply", my_masked)

# %% [markdown]
# ### Exercise 6 · explain · 2 minutes · medium
# A colleague passes `key_padding_mask=(ids != 0)` to `nn.MultiheadAttention`, where id 0 is padding.
# The model learns nothing. Why?
#
# - a: The mask must be a float.
# - b: True means hidden there: all real tokens are hidden.
# - c: The mask has the wrong shape.

# %% exercise="polarity"
### BEGIN SOLUTION
# wrong: "a": A bool mask is taken too. Which keys does this one hide?
# wrong: "c": (batch, length) is what it should be. Which keys does it hide?
colleague = "b"
### END SOLUTION

# %% check="05.polarity" points=1
check("05.polarity", colleague)

# %% [markdown]
# ---
# Before: [Who supplies Q, K, V](04_who_supplies_qkv.ipynb) · next:
# [Translating dates](06_translating_dates.ipynb) · [glossary](glossary.md)
