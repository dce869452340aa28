# %% [markdown]
# # Your own model
#
# *Lesson 11 of 12 · 35 minutes · before: [At scale](10_at_scale.ipynb) · next:
# [Find the bug](12_find_the_bug.ipynb)*
#
# One question: **I have a model, in PyTorch or of my own making: how do I see where it looks, and how do I
# prove that it computes what the paper says?**
#
# Afterwards you can
# - collect attention weights from PyTorch, Diffusers and Transformers models, and put them into a page
#   that opens anywhere,
# - bring the weights of such a layer here, and compare it step by step,
# - read a report that names the convention in which two layers differ.
#
# You need: [lesson 3](03_from_head_to_layer.ipynb). Cells that need PyTorch say so where it is missing.

# %%
import importlib.util

import matplotlib.pyplot as plt
import numpy as np

import minixattn as mx
from minixattn import interop, nn, plot
from minixattn.course import check, refusal

THERE = {name: importlib.util.find_spec(name) is not None
         for name in ("torch", "diffusers", "transformers")}
print(THERE)

# %% [markdown]
# ## A model of your own
#
# `capture` collects the weights of every attention layer of a model while it runs, ours or PyTorch's,
# and leaves the model as it was. Here is a small one of ours, with two layers of cross-attention:

# %%
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = (nn.CrossAttention(16, 8, num_heads=2) for _ in range(2))

    def forward(self, x, c):
        x = x + self.first(x, c)[0]
        return x + self.second(x, c)[0]

# %%
mx.manual_seed(0)
reader, x, c = Reader(), mx.randn(1, 4, 16), mx.randn(1, 6, 8)
with plot.capture(reader) as seen:
    reader(x, c)
print(seen)

# %%
words, patches = ["where", "is", "the", "7"], [f"p{i}" for i in range(6)]
layers = np.stack([seen[name][0][0] for name in seen.names])  # (layers, heads, L, S)
plot.heads(layers, words, patches, ax=plt.figure(figsize=(6.5, 4)), vmax=0.5)
plt.show()

# %% [markdown]
# The explorer is one HTML file: no network, no server, opens from a memory stick. In a notebook
# `page` alone shows it.

# %%
page = plot.explore(layers, queries=words, keys=patches, title="a reader of two layers")
html = page._repr_html_()
print(f"{len(html) // 1000} kB, loads something: {'src=' + chr(34) + 'http' in html}")

# %% [markdown]
# ## A PyTorch model
#
# `nn.MultiheadAttention` throws its weights away in the fast path; `capture` asks for them, and lets go
# afterwards, even after an exception.

# %%
def look_at_torch():
    import torch

    torch.manual_seed(0)
    decoder = torch.nn.TransformerDecoderLayer(16, 2, batch_first=True)
    with plot.capture(decoder) as seen, torch.no_grad():
        decoder(torch.randn(1, 4, 16), torch.randn(1, 6, 16))
    return seen


print(look_at_torch() if THERE["torch"] else "PyTorch is not installed here: skipped.")

# %% [markdown]
# ## Diffusers and Transformers
#
# The same for `diffusers.models.attention_processor.Attention` (Stable Diffusion's cross-attention)
# and for the attention of Hugging Face's models:

# %%
def look_at_diffusers():
    import torch
    from diffusers.models.attention_processor import Attention

    layer = Attention(query_dim=16, cross_attention_dim=8, heads=2, dim_head=8)
    with plot.capture(layer) as seen, torch.no_grad():
        layer(torch.randn(1, 4, 16), encoder_hidden_states=torch.randn(1, 6, 8))
    return seen


print(look_at_diffusers() if THERE["diffusers"] else "Diffusers is not installed here: skipped.")

# %%
def look_at_transformers():
    import torch
    from transformers import BertConfig, BertModel

    small = BertConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, vocab_size=50,
                       intermediate_size=32, attn_implementation="eager")
    bert = BertModel(small).eval()
    with plot.capture(bert) as seen, torch.no_grad():
        bert(torch.tensor([[1, 2, 3, 4, 5]]))
    return seen


print(look_at_transformers() if THERE["transformers"] else "Transformers is not installed here: skipped.")

# %% [markdown]
# ## Bringing weights over
#
# A state dict is names and arrays. `from_torch`, `from_diffusers` and `from_transformers` read the
# names that people use, and need none of these libraries. Here is one as it may come out of a file:

# %%
rng = np.random.default_rng(0)
state = {f"to_{name}.weight": rng.standard_normal((16, n)).astype("f4") / n**0.5
         for name, n in (("q", 16), ("k", 8), ("v", 8))}
state["to_out.0.weight"] = rng.standard_normal((16, 16)).astype("f4") / 4
state["to_out.0.bias"] = np.zeros(16, "f4")
layer = interop.from_diffusers(state, num_heads=2)
print(layer(x, c)[0].shape)

# %% [markdown]
# Names that are not understood, or a number of heads that does not fit, are told:

# %%
refusal(lambda: interop.from_diffusers({"query.weight": np.zeros((16, 16))}, num_heads=2))

# %% [markdown]
# ## Comparing step by step
#
# Somebody wrote the layer in NumPy. Its output differs. Where?

# %%
def somebodys(x, c, h=2):
    Q, K, V = (a @ state[f"to_{n}.weight"].T for n, a in (("q", x), ("k", c), ("v", c)))
    Q, K, V = (t.reshape(len(t), h, -1).swapaxes(0, 1) for t in (Q, K, V))
    scores = Q @ K.swapaxes(-1, -2) / np.sqrt(16)  # of the whole width
    e = np.exp(scores)
    weights = e / e.sum(-1, keepdims=True)
    output = (weights @ V).swapaxes(0, 1).reshape(len(x), -1) @ state["to_out.0.weight"].T
    return {"scores": scores[None], "weights": weights[None], "output": output[None]}

# %%
theirs = somebodys(x[0].numpy(), c[0].numpy())
report = interop.compare(layer, theirs, x, c)
print(report)

# %% [markdown]
# The report names the first step that differs, and the convention which explains the numbers: √D of
# the model in place of √d_k of the head. It is found by computing, not by guessing: the attention is
# done again with one convention changed at a time.
#
# ## The picture
#
# The same attention, theirs and ours: with the wrong scale the looks are flatter.

# %%
ours = layer(x, c)[1].detach().numpy()
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
for ax, weights, title in zip(axes, (theirs["weights"], ours), ("divided by √16", "divided by √8"), strict=True):
    plot.heatmap(weights[0, 0], words, patches, ax=ax, colorbar=False)
    ax.set_title(title)
plt.show()

# %% [markdown]
# ## Three sentences to keep
#
# 1. `plot.capture(model)` collects weights without changing the model; `plot.explore` makes a page of
#    them that needs nothing else.
# 2. Weights are names and arrays, and come here without the library that made them.
# 3. Two layers are compared step by step, and the convention that explains a difference is found by
#    computing with it.
#
# ## Exercises
#
# ### Exercise 1 · predict · 2 minutes · easy
# A decoder layer of PyTorch runs once. How many attention layers does `capture` report for it?

# %% exercise="layers"
### BEGIN SOLUTION
# wrong: 3: The feed-forward network is not among them: it has no weights to show.
# wrong: 1: The decoder's self-attention is attention too.
layers_seen = 2
### END SOLUTION

# %% check="11.layers" points=1
check("11.layers", layers_seen)

# %% [markdown]
# ### Exercise 2 · compute · 5 minutes · medium
# The largest difference between `theirs["weights"]` and `ours`, over all heads?

# %% exercise="difference"
### BEGIN SOLUTION
largest = float(np.abs(theirs["weights"] - ours).max())
### END SOLUTION

# %% check="11.difference" points=1
check("11.difference", largest)

# %% [markdown]
# ### Exercise 3 · modify · 8 minutes · medium
# What does the report call the mistake if somebody leaves out the scale altogether? Give
# `interop.compare` a dict with nothing but such `scores`, and answer with `report.convention`.

# %% exercise="convention"
### BEGIN SOLUTION
unscaled = {"scores": theirs["scores"] * 4}
convention = interop.compare(layer, unscaled, x, c).convention
### END SOLUTION

# %% check="11.convention" points=2
check("11.convention", convention)

# %% [markdown]
# ### Exercise 4 · explain · 2 minutes · medium
# Why compare in float64, or with a tolerance, and never for equality?
#
# - a: Two libraries may add in another order, and rounding errors differ.
# - b: float32 cannot hold weights below 1.
# - c: The softmax is random.

# %% exercise="tolerance"
### BEGIN SOLUTION
# wrong: "b": It holds numbers down to 10⁻³⁸. Is (a + b) + c the same as a + (b + c)?
# wrong: "c": It gives the same each time. Is (a + b) + c the same as a + (b + c)?
why_tolerance = "a"
### END SOLUTION

# %% check="11.tolerance" points=1
check("11.tolerance", why_tolerance)

# %% [markdown]
# ---
# Before: [At scale](10_at_scale.ipynb) · next: [Find the bug](12_find_the_bug.ipynb) ·
# [glossary](glossary.md)
