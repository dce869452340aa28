# %% [markdown]
# # A derivative that follows the graph
#
# *Lesson 1 of 12 · 40 minutes · before: [One look](00_one_look.ipynb) · next:
# [Text looks at image](02_text_looks_at_image.ipynb)*
#
# One question: **how does a program know the derivative of what it has just computed?**
#
# Afterwards you can explain
# - the chain rule as a walk over a [graph](glossary.md#graph), from the result back to its inputs,
# - why gradients are added up where a number is used twice, and summed where one is
#   [broadcast](glossary.md#broadcasting),
# - how to find out that a derivative is wrong.
#
# You need: derivatives of products and sums, Python classes.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minixattn as mx
from minixattn import plot
from minixattn.course import check, refusal, show
from minixattn.engine import apply
from minixattn.ops import elementwise

# %% [markdown]
# ## Three numbers by hand
#
# $L = (a\,b + c)^2$ with $a = 2$, $b = -3$, $c = 10$. Step by step: $p = a\,b$, $s = p + c$,
# $L = s^2$.

# %%
a, b, c = 2.0, -3.0, 10.0
p = a * b
s = p + c
L = s * s
print(p, s, L)

# %% [markdown]
# **Predict:** if $a$ grows by 0.001, does $L$ grow or fall, and by how much?
#
# The chain rule goes from the back. Each line multiplies what came in from above by the derivative
# of one small step:
#
# $$\frac{\partial L}{\partial s} = 2 s, \qquad
# \frac{\partial L}{\partial p} = \frac{\partial L}{\partial s} \cdot 1, \qquad
# \frac{\partial L}{\partial a} = \frac{\partial L}{\partial p} \cdot b$$

# %%
dL_ds = 2 * s
dL_dp = dL_ds * 1
dL_dc = dL_ds * 1
dL_da = dL_dp * b
dL_db = dL_dp * a
print(dL_da, dL_db, dL_dc)

# %% [markdown]
# So $L$ falls by 24 times as much as $a$ grows: by 0.024. Move $a$ a little, and look:

# %%
h = 1e-6
print((((a + h) * b + c) ** 2 - L) / h)

# %% [markdown]
# ## Let the numbers remember
#
# Every result can remember what it was made of, and the slope towards each input. Then the walk back
# needs no thought. Here is the whole idea in 30 lines.

# %%
class Value:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents

    def __add__(self, other):
        return Value(self.data + other.data, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        return Value(self.data * other.data, [(self, other.data), (other, self.data)])

# %% [markdown]
# The walk: visit every value once, the result first, and each only after everything that was made of
# it. Written the other way round: first come all parents, then the value itself; then reverse.

# %%
def in_order(v, order, seen):
    if v not in seen:
        seen.add(v)
        for parent, _ in v.parents:
            in_order(parent, order, seen)
        order.append(v)
    return order

# %%
def backward(result):
    result.grad = 1.0  # ∂L/∂L
    for v in reversed(in_order(result, [], set())):
        for parent, slope in v.parents:
            parent.grad += slope * v.grad  # the chain rule


Value.backward = backward

# %%
A, B, C = Value(2.0), Value(-3.0), Value(10.0)
S = A * B + C
(S * S).backward()
print(A.grad, B.grad, C.grad)

# %% [markdown]
# `S * S` uses $S$ twice, so $S$ gets its gradient from two sides: `+=`, not `=`. With `=` one side
# would overwrite the other, and all three gradients come out half as large.
#
# ## Now ours
#
# A [tensor](glossary.md#tensor) is such a value with an array in it. An operation stands beside its
# derivative. `g` is what comes in from above, `y` the output; an underscore, as in `_x`, marks what
# the derivative does not need. (`unary` makes an operation of the two, `floating` makes whole numbers
# floats.) This is one of them:

# %%
show(elementwise.tanh)

# %%
a, b, c = (mx.tensor(x, requires_grad=True) for x in (2.0, -3.0, 10.0))
s = a * b + c
L = s * s
L.backward()
print(a.grad, b.grad, c.grad)

# %%
with plt.rc_context({"figure.figsize": (9, 3.5)}):
    a.grad = b.grad = c.grad = None
    s = a * b + c
    plot.graph(s * s, {"a": a, "b": b, "c": c, "s": s})
    plt.show()

# %% [markdown]
# ## Where numbers are repeated, gradients are summed
#
# A row is added to each of three rows: it was used three times. **Predict:** the gradient of `row`
# in `(x + row)`, if each of the 12 results gets the gradient 1?

# %%
x = mx.zeros(3, 4, requires_grad=True)
row = mx.zeros(4, requires_grad=True)
(x + row).backward(mx.ones(3, 4))
print(row.grad)

# %% [markdown]
# A gradient always has its input's shape. What was copied on the way forward is added up on the way
# back.
#
# ## How to catch a wrong derivative
#
# `gradcheck` compares every derivative with a central difference, in float64:
#
# $$\frac{\partial L}{\partial x_i} \approx \frac{L(x + h e_i) - L(x - h e_i)}{2 h}$$

# %%
mx.manual_seed(0)
x = mx.randn(3, 4, dtype=mx.float64, requires_grad=True)
print(mx.autograd.gradcheck(lambda x: mx.tanh(x) * x, (x,)))

# %% [markdown]
# Break it: a tanh whose derivative forgets the square. `apply` is what makes an operation of a
# function and its derivative.

# %%
def forgetful(x):
    return apply(np.tanh, (x,), lambda g, y, _x: g * (1 - y))  # should be 1 - y²

# %%
refusal(lambda: mx.autograd.gradcheck(forgetful, (x,)))

# %% [markdown]
# ## A test that can never fail
#
# The weights of a softmax sum to 1, whatever goes in. So the gradient of their plain sum is zero
# everywhere, and even a wrong derivative that gives zero passes. **Weight every output before you
# sum.**

# %%
mx.manual_seed(0)
x = mx.randn(2, 3, requires_grad=True)
mx.softmax(x, dim=-1).sum().backward()
print(x.grad.abs().max().item() < 1e-6)
x.grad = None
(mx.softmax(x, dim=-1) * mx.arange(6.0).reshape(2, 3)).sum().backward()
print(x.grad)

# %% [markdown]
# ## The picture: descending
#
# Follow the gradient downhill, step by step, and a curve comes to fit the points. (`Adam` is an
# [optimizer](glossary.md#optimizer): it says how long each step is.)

# %%
rng = np.random.default_rng(0)
t = np.linspace(-1, 1, 40)
points = mx.tensor(np.sin(3 * t) + 0.1 * rng.standard_normal(40))
powers = mx.tensor(np.stack([t**n for n in range(6)], -1))  # (40, 6)
theta = mx.zeros(6, dtype=mx.float64, requires_grad=True)
optimizer = mx.optim.Adam([theta], lr=0.1)
for _ in range(300):
    optimizer.zero_grad()
    ((powers @ theta - points) ** 2).mean().backward()
    optimizer.step()

# %%
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(t, points.numpy(), "o", color="0.6", label="points")
ax.plot(t, (powers @ theta).detach().numpy(), color="#d95f02", label="after 300 steps")
ax.set(xlabel="t", ylabel="y")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Three sentences to keep
#
# 1. Every result remembers what it was made of; `backward()` walks from the result to its inputs and
#    multiplies by one small derivative at each step.
# 2. A value that is used several times adds up its gradients, and so does one that was broadcast.
# 3. A derivative is believed only after central differences agree, on outputs that are weighted
#    unequally.
#
# ## Exercises
#
# ### Exercise 1 · predict · 2 minutes · easy
# $L = x \cdot x \cdot y$ at $x = 3$, $y = 2$. What is $\partial L/\partial x$?

# %% exercise="by-hand"
### BEGIN SOLUTION
# wrong: 18: That is L itself.
# wrong: 6: x is used twice; this is one use only.
# wrong: 9: That is the derivative with respect to y.
dL_dx = 12
### END SOLUTION

# %% check="01.by_hand" points=1
check("01.by_hand", dL_dx)

# %% [markdown]
# ### Exercise 2 · compute · 3 minutes · easy
# The derivative of a product: `g` comes in, one gradient for each input goes out. (In all lessons a
# function of yours may work on NumPy's arrays or on tensors; `check` tries both.)

# %% exercise="mul"
def mul(g, x, y):
    """(∂L/∂x, ∂L/∂y) of x y, from g = ∂L/∂(x y)."""
    ### BEGIN SOLUTION
    return g * y, g * x
    ### END SOLUTION

# %% check="autodiff.mul" points=1
check("autodiff.mul", mul)

# %% [markdown]
# ### Exercise 3 · modify · 10 minutes · medium
# Write your own `Value` with `+`, `*` and `.backward()`. The check uses values twice, and in an order
# in which a hasty walk goes wrong.

# %% exercise="engine"
class MyValue:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents

    def __add__(self, other):
        ### BEGIN SOLUTION
        return MyValue(self.data + other.data, [(self, 1.0), (other, 1.0)])
        ### END SOLUTION

    def __mul__(self, other):
        ### BEGIN SOLUTION
        return MyValue(self.data * other.data, [(self, other.data), (other, self.data)])
        ### END SOLUTION

    def backward(self):
        ### BEGIN SOLUTION
        backward(self)
        ### END SOLUTION

# %% check="autodiff.engine" points=3
check("autodiff.engine", MyValue)

# %% [markdown]
# ### Exercise 4 · compute · 10 minutes · hard
# The derivative of a sum with [broadcasting](glossary.md#broadcasting): each gradient must have the
# shape of its input. Shapes like `(3, 4)` and `(4,)`, or `(3, 1)` and `(1, 4)`, will come.

# %% exercise="add"
def add(g, x, y):
    """(∂L/∂x, ∂L/∂y) of x + y, from g = ∂L/∂(x + y)."""
    ### BEGIN SOLUTION
    def summed(g, shape):
        g = g.sum(tuple(range(g.ndim - len(shape))))
        return g.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)

    return summed(g, x.shape), summed(g, y.shape)
    ### END SOLUTION

# %% check="autodiff.add" points=3
check("autodiff.add", add)

# %% [markdown]
# ### Exercise 5 · compute · 5 minutes · medium
# The derivative of a matrix product $A B$. Follow the shapes.

# %% exercise="matmul"
def matmul(g, A, B):
    """(∂L/∂A, ∂L/∂B) of A B."""
    ### BEGIN SOLUTION
    return g @ B.T, A.T @ g
    ### END SOLUTION

# %% check="autodiff.matmul" points=2
check("autodiff.matmul", matmul)

# %% [markdown]
# ### Exercise 6 · explain · 2 minutes · medium
# Why is `softmax(x).sum()` a bad test of softmax's derivative?
#
# - a: Sums of float32 numbers are not exact.
# - b: Its true gradient is zero, so many wrong derivatives pass.
# - c: Softmax has no derivative at its largest weight.

# %% exercise="bad-test"
### BEGIN SOLUTION
# wrong: "a": True, but too small to matter here. What does a row of softmax sum to, whatever x is?
# wrong: "c": It is smooth everywhere. What does a row of softmax sum to, whatever x is?
bad_test = "b"
### END SOLUTION

# %% check="01.bad_test" points=1
check("01.bad_test", bad_test)

# %% [markdown]
# ---
# Before: [One look](00_one_look.ipynb) · next:
# [Text looks at image](02_text_looks_at_image.ipynb) · [glossary](glossary.md)
