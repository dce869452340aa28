# %% [markdown]
# # Find the bug
#
# *Lesson 12 of 12 · 45 minutes · before: [Your own model](11_your_own_model.ipynb)*
#
# One question: **twelve statements and programs about attention that were published, and are wrong:
# what does each of them get wrong, and which test would have told?**
#
# Afterwards you can
# - turn a sentence or a line of code into a test that can fail,
# - recognise the twelve mistakes when you meet them again.
#
# You need: lessons [1](01_derivatives.ipynb) to [5](05_masks.ipynb). Each mistake has its source; most
# were found and mended by the people who made them, which is how it should be.
#
# | 1–3 | 4–6 | 7–9 | 10–12 |
# |---|---|---|---|
# | heads, gradients, a test that cannot fail | weights, NaN, −10⁹ | masks, widths, softmax | scale, who asks, names |

# %%
import warnings

import numpy as np

import minixattn as mx
from minixattn import nn
from minixattn.course import check, refusal
from minixattn.nn import functional as F

mx.manual_seed(0)


def test(claim, what):
    """Run a test of a claim: it passes, or says why not."""
    assert claim, what
    print("passes:", what)

# %% [markdown]
# ## 1. Heads by `view` alone
#
# `Q.view(batch * heads, -1, d)`, and back in the same way: a widely copied text classifier
# ([Chinese-Text-Classification-Pytorch, issues 10](https://github.com/649453932/Chinese-Text-Classification-Pytorch/issues/10)
# [and 53](https://github.com/649453932/Chinese-Text-Classification-Pytorch/issues/53)). All shapes are
# right. **Test:** a head's row must come from one token.

# %%
x = np.arange(12.0).reshape(1, 3, 4)  # three tokens: 0–3, 4–7, 8–11
tokens = np.arange(12).reshape(3, 4) // 4
by_view = x.reshape(2, 3, 2)
rows = by_view // 4  # the token that each number came from
refusal(lambda: test((rows[0] == [[0, 0], [1, 1], [2, 2]]).all(), "row l of head 0 is token l"))

# %%
mended = x.reshape(1, 3, 2, 2).swapaxes(1, 2)[0]
test((mended[0] // 4 == [[0, 0], [1, 1], [2, 2]]).all(), "row l of head 0 is token l")

# %% [markdown]
# ## 2. Backward as soon as possible
#
# The first micrograd called the backward of each value's parents at once
# ([micrograd, issue 2](https://github.com/karpathy/micrograd/issues/2)). A value that is used twice
# then passes on its first gradient twice. **Test:** $L = a \cdot a$ with $a = 2 x$.

# %%
def hasty(v, g):
    """Each value passes on what it has so far, for every use."""
    v["grad"] += g
    for parent, slope in v["parents"]:
        hasty(parent, slope * v["grad"])


X = {"grad": 0.0, "parents": []}
A = {"grad": 0.0, "parents": [(X, 2.0)]}  # a = 2 x, at x = 3
hasty({"grad": 0.0, "parents": [(A, 6.0), (A, 6.0)]}, 1.0)  # L = a a
refusal(lambda: test(X["grad"] == 24.0, f"dL/dx is 8 x = 24 (here {X['grad']})"))

# %%
x = mx.tensor(3.0, requires_grad=True)
a = 2 * x
(a * a).backward()
test(x.grad.item() == 24.0, "dL/dx is 8 x = 24, once each value waits for all that it is owed")

# %% [markdown]
# ## 3. A test that cannot fail
#
# `softmax(x).sum().backward()`: TinyTorch's tests of softmax's derivative went on passing when its
# minus was made a plus ([cs249r_book, pull request
# 2053](https://github.com/harvard-edge/cs249r_book/pull/2053)). **Test of the test:** it must reject a
# wrong derivative.

# %%
def wrong_derivative(g, p):
    return p * (g / (g * p).sum(-1, keepdims=True) - 1)  # should be g − Σ g p


p = F.softmax(mx.randn(2, 4), dim=-1).numpy()
plain, weighted = np.ones_like(p), np.arange(8.0).reshape(2, 4)
refusal(lambda: test(np.abs(wrong_derivative(plain, p)).max() > 1e-6, "a plain sum sees the mistake"))

# %%
true = p * (weighted - (weighted * p).sum(-1, keepdims=True))
test(np.abs(wrong_derivative(weighted, p) - true).max() > 1e-3, "weighted outputs see the mistake")

# %% [markdown]
# ## 4. "Attention weights sum to 1"
#
# Not those that PyTorch returns while training with dropout: they come *after* it
# ([pytorch, issue 42929](https://github.com/pytorch/pytorch/issues/42929)). **Test:** look at a row.

# %%
weights = F.softmax(mx.randn(1, 6), dim=-1)
mx.manual_seed(3)
dropped = F.dropout(weights, 0.5)
refusal(lambda: test(abs(dropped.sum().item() - 1) < 1e-6, f"the row sums to 1 (here {dropped.sum().item():.2f})"))

# %%
layer = nn.CrossAttention(8, num_heads=2, dropout=0.5).train()
A = layer(mx.randn(1, 3, 8), mx.randn(1, 5, 8))[1]
test(A.sum(-1).allclose(mx.ones(1, 2, 3), atol=1e-6), "what is returned here is from before dropout")

# %% [markdown]
# ## 5. A head that may look nowhere
#
# A mask that hides every key of a head makes all of PyTorch's output NaN
# ([pytorch, issue 160064](https://github.com/pytorch/pytorch/issues/160064)). **Test:** by the formula.

# %%
hidden = np.full((1, 4), -np.inf)
with np.errstate(invalid="ignore"):
    e = np.exp(hidden - hidden.max())
    by_formula = e / e.sum()
refusal(lambda: test(np.isfinite(by_formula).all(), f"weights are numbers (here {by_formula[0]})"))

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    nowhere = F.scaled_dot_product_attention(mx.randn(1, 4), mx.randn(3, 4), mx.randn(3, 4),
                                             mx.zeros(1, 3).bool())
test((nowhere == 0).all().item(), "who looks nowhere gets 0")

# %% [markdown]
# ## 6. −10⁹ for −∞
#
# `masked_fill(mask == 0, -1e9)`, in the Annotated Transformer for years ([pull request
# 67](https://github.com/harvardnlp/annotated-transformer/pull/67), where it was asked to be replaced).
# **Test:** a fully hidden row, in float64.

# %%
scores = np.array([[3.0, 0.0, -2.0]])
filled = F.softmax(mx.tensor(np.where(np.zeros(3, bool), scores, scores - 1e9)), dim=-1).numpy()
refusal(lambda: test(filled.max() < 0.9, f"a hidden row tells nothing (here {filled[0].round(2)})"))

# %%
filled = np.where(np.zeros(3, bool), scores, -np.inf)
test(np.isneginf(filled).all(), "−∞ forgets the scores; and a row without a key needs care of its own")

# %% [markdown]
# Here `scores - 1e9` stands for a mask that is *added*, as many do; `masked_fill` gives an even row,
# which is wrong too.
#
# ## 7. Masks that multiply
#
# "Why an addition and not a multiplication?" ([transformers, issue
# 32598](https://github.com/huggingface/transformers/issues/32598)). **Test:** the hidden key's weight.

# %%
s, keep = mx.tensor([[2.0, 1.0, 3.0]]), mx.tensor([[1.0, 1.0, 0.0]])
multiplied = F.softmax(s * keep, dim=-1)
refusal(lambda: test(multiplied[0, 2].item() == 0, f"the hidden key gets 0 (here {multiplied[0, 2].item():.3f})"))

# %%
added = F.softmax(s + mx.tensor([[0.0, 0.0, -mx.inf]]), dim=-1)
test(added[0, 2].item() == 0, "added −∞ gives 0: the exponential turns sums into products")

# %% [markdown]
# ## 8. "Both sequences must have the same dimension"
#
# V. Kosar, *Cross-Attention in Transformer Architecture* (2021), of cross-attention. **Test:** words 8
# wide look at patches 6 wide.

# %%
words, patches = mx.randn(1, 3, 8), mx.randn(1, 5, 6)
refusal(lambda: words @ patches.mT)

# %%
output, _ = nn.CrossAttention(8, 6, num_heads=2)(words, patches)
test(output.shape == (1, 3, 8), "the projections bring both to one width d_k")

# %% [markdown]
# ## 9. "The feed-forward layer *does* use softmax"
#
# The same article, of feed-forward layers as attention; a "not" got lost. **Test:** with a softmax the
# slots' weights sum to 1.

# %%
ff = nn.FeedForward(4, 6)
slots = F.relu(ff.W_1(mx.randn(1, 4)))
refusal(lambda: test(abs(slots.sum().item() - 1) < 1e-3, f"slots sum to 1 (here {slots.sum().item():.2f})"))

# %%
x = mx.randn(3, 4)
test(ff(x).allclose(F.relu(ff.W_1(x)) @ ff.W_2.weight.T + ff.W_2.bias, atol=1e-6),
     "it is relu(x·k) v, slots do not compete")

# %% [markdown]
# ## 10. No scale
#
# There too: softmax((W_Q S₂)(W_K S₁)ᵀ) W_V S₁, without $1/\sqrt{d_k}$. **Test:** a head of width 512
# should still look at more than one of 20 keys.

# %%
q, k = mx.randn(1000, 1, 512), mx.randn(1000, 20, 512)
largest = F.softmax(q @ k.mT, dim=-1).max(-1)[0].mean().item()
refusal(lambda: test(largest < 0.5, f"the largest weight is below 0.5 (here {largest:.2f})"))

# %%
largest = F.softmax(q @ k.mT / 512**0.5, dim=-1).max(-1)[0].mean().item()
test(largest < 0.5, f"with the scale the largest weight is {largest:.2f}")

# %% [markdown]
# ## 11. "The query comes from the encoder"
#
# There too, of Stable Diffusion, where the text encoder supplies keys and values. **Test:** the output
# is added to the image's features, so it needs a row for each place.

# %%
places, text = mx.randn(1, 64, 8), mx.randn(1, 7, 8)
look = nn.CrossAttention(8, num_heads=2)
asked_by_text = look(text, places)[0]
refusal(lambda: places + asked_by_text)

# %%
test((places + look(places, text)[0]).shape == (1, 64, 8), "the places ask, the words answer")

# %% [markdown]
# ## 12. Names that hide in self-attention
#
# A lecture notebook (dlsyscourse, *Transformers and attention*) computes softmax(K Qᵀ) V with K and Q
# exchanged on both sides of the equation: right while both come from one sequence. **Test:**
# cross-attention.

# %%
def as_published(x, c, W_K, W_Q, W_V):
    K, Q, V = x @ W_K, x @ W_Q, c @ W_V  # K is what everyone else calls Q
    return F.softmax(K @ Q.mT / 2, dim=-1) @ V


W = [mx.randn(4, 4) for _ in range(3)]
test(as_published(mx.ones(3, 4), mx.ones(3, 4), *W).shape == (3, 4), "self-attention runs")
refusal(lambda: as_published(mx.ones(3, 4), mx.ones(5, 4), *W))

# %%
def mended(x, c, W_Q, W_K, W_V):
    Q, K, V = x @ W_Q, c @ W_K, c @ W_V
    return F.softmax(Q @ K.mT / 2, dim=-1) @ V


test(mended(mx.ones(3, 4), mx.ones(5, 4), *W).shape == (3, 4), "and so does cross-attention")

# %% [markdown]
# ## The picture
#
# Number 1 once more, drawn: which token do the numbers of head 0 come from?

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(6, 2.2), layout="constrained")
origin = np.repeat(np.arange(4), 6).reshape(4, 6)  # 4 tokens of width 6, 3 heads
for ax, head, title in zip(axes, (origin.reshape(3, 4, 2)[0], origin.reshape(4, 3, 2)[:, 0]),
                           ("view alone", "view and transpose"), strict=True):
    ax.imshow(head, cmap="viridis", vmin=0, vmax=3, aspect="auto")
    for (row, column), token in np.ndenumerate(head):
        ax.text(column, row, f"token {token}", ha="center", va="center", color="w" if token < 2 else "k")
    ax.set(title=title, ylabel="row of head 0", xlabel="column", xticks=[0, 1], yticks=range(4))
plt.show()

# %% [markdown]
# ## Three sentences to keep
#
# 1. A claim about attention is a claim about shapes, sums or numbers: write it as a test.
# 2. Try it where things differ: other lengths, other widths, unequal weights, a row without a key.
# 3. Right shapes prove nothing, and neither does a test that has never failed.
#
# ## Exercises
#
# ### Exercise 1 · compute · 3 minutes · easy
# Somebody wrote a block without its residual. Write it right: pre-norm.

# %% exercise="residual"
def pre_norm(x, norm, sublayer):
    """x + sublayer(norm(x))."""
    ### BEGIN SOLUTION
    return x + sublayer(norm(x))
    ### END SOLUTION

# %% check="blocks.pre_norm" points=1
check("blocks.pre_norm", pre_norm)

# %% [markdown]
# ### Exercise 2 · compute · 5 minutes · medium
# Somebody normalised over the tokens, with the unbiased variance, and ε outside of the root. Write
# LayerNorm right.

# %% exercise="norm"
def layer_norm(x, weight, bias, eps):
    """weight ⊙ (x − mean) / √(var + ε) + bias, over the last dimension."""
    ### BEGIN SOLUTION
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return weight * (x - mean) / np.sqrt(var + eps) + bias
    ### END SOLUTION

# %% check="blocks.layer_norm" points=2
check("blocks.layer_norm", layer_norm)

# %% [markdown]
# ### Exercise 3 · compute · 5 minutes · medium
# Somebody's derivative of softmax is `p * (1 - p) * g`. Write it right.

# %% exercise="softmax"
def softmax_backward(g, p):
    """dx from g, where p = softmax(x) over the last dimension."""
    ### BEGIN SOLUTION
    return p * (g - (p * g).sum(-1, keepdims=True))
    ### END SOLUTION

# %% check="autodiff.softmax" points=2
check("autodiff.softmax", softmax_backward)

# %% [markdown]
# ### Exercise 4 · explain · 3 minutes · medium
# "`hidden_shape` comes from the query length, so viewing the keys with it infers a wrong head count"
# ([transformers, pull request 48356](https://github.com/huggingface/transformers/pull/48356)). The test
# suites of all the models had passed. Why?
#
# - a: They only ever had contexts as long as the queries.
# - b: They ran on the CPU.
# - c: They used one head.

# %% exercise="lengths"
### BEGIN SOLUTION
# wrong: "b": The mistake is in shapes, which are the same on every device.
# wrong: "c": With one head the shape would be wrong all the same. When are two lengths exchanged unnoticed?
all_tests_passed = "a"
### END SOLUTION

# %% check="12.lengths" points=1
check("12.lengths", all_tests_passed)

# %% [markdown]
# ### Exercise 5 · predict · 2 minutes · easy
# Number 10: by what factor is the standard deviation of the scores too large, without the scale, for
# heads of width 512?

# %% exercise="factor"
### BEGIN SOLUTION
# wrong: 0.04419417382: That is the scale itself, not what its absence does.
# wrong: 512: That is the factor of the variance.
factor = 512**0.5
### END SOLUTION

# %% check="12.factor" points=1
check("12.factor", factor)

# %% [markdown]
# ---
# Before: [Your own model](11_your_own_model.ipynb) · [glossary](glossary.md)
