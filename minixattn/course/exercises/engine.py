"""A student's own autodiff: a class `Value` with +, *, .data, .grad and .backward()."""

import numpy as np

from ..exercise import Exercise, Mistake


class Value:
    """A number that remembers what it was made of."""

    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents

    def __add__(self, other):
        return type(self)(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        return type(self)(self.data * other.data, ((self, other.data), (other, self.data)))

    def backward(self):
        """∂self/∂v for every v that self was made of: from the last to the first, each once."""
        order, seen = [], set()

        def visit(v):
            if id(v) not in seen:
                seen.add(id(v))
                for parent, _ in v.parents:
                    visit(parent)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            self.pass_on(v)

    @staticmethod
    def pass_on(v):
        """Add what v owes to its parents."""
        for parent, slope in v.parents:
            parent.grad += slope * v.grad


class Overwriting(Value):
    """The mistake: the last use of a value counts alone."""

    @staticmethod
    def pass_on(v):
        for parent, slope in v.parents:
            parent.grad = slope * v.grad


class Impatient(Value):
    """The mistake: each value passes on what it has before all has come in."""

    def backward(self):
        self.grad, waiting = 1.0, [self]
        while waiting:
            v = waiting.pop(0)
            self.pass_on(v)
            waiting += [parent for parent, _ in v.parents]


class Recursive(Value):
    """The same mistake: whoever is reached passes on all that it has, at once."""

    def backward(self):
        self.grad = 1.0
        self.hand_on(self)

    def hand_on(self, v):
        """To the parents of v, and theirs."""
        for parent, slope in v.parents:
            parent.grad += slope * v.grad
            self.hand_on(parent)


class Breadth(Value):
    """The same mistake: each value once, but in the order in which they are reached."""

    def backward(self):
        self.grad, waiting, seen = 1.0, [self], {id(self)}
        while waiting:
            v = waiting.pop(0)
            self.pass_on(v)
            for parent, _ in v.parents:
                if id(parent) not in seen:
                    seen.add(id(parent))
                    waiting.append(parent)


class Swapped(Value):
    """The mistake: ∂(x y)/∂x = x."""

    def __mul__(self, other):
        return type(self)(self.data * other.data, ((self, self.data), (other, other.data)))


class OneStep(Value):
    """The mistake: only what the result was made of directly gets a gradient."""

    def backward(self):
        self.grad = 1.0
        self.pass_on(self)


class Unstarted(Value):
    """The mistake: the result's own gradient stays 0, and so do all others."""

    def backward(self):
        """Nothing comes in, so nothing goes out."""


def gradients(kind, arguments):
    """What `kind` finds for some expressions of x, y and z: values and gradients."""
    (numbers,), found = arguments, []
    for expression in EXPRESSIONS:
        leaves = [kind(n) for n in numbers]
        result = expression(*leaves)
        if result is None:  # not written yet
            return None
        result.backward()
        found += [result.data, *(leaf.grad for leaf in leaves)]
    return np.array([float(number) for number in found])


EXPRESSIONS = (
    lambda x, y, _z: x + y,
    lambda x, y, _z: x * y,
    lambda x, y, z: x * y + z,
    lambda x, y, _z: x * x + y,  # used twice at once
    lambda x, y, z: (lambda a: a * z + a * a)(x + y),  # a is used again, and made of others
    lambda x, y, z: (lambda a: (lambda b: b + a * b)(a * y + z))(x * y),
)

ENGINE = Exercise(
    "autodiff.engine", "a class Value(number) with +, *, .data, .grad and .backward()", Value,
    lambda rng: [(rng.uniform(0.5, 2, 3),) for _ in range(2)],
    (
        Mistake("A value that is used twice keeps the gradient of one use only.",
                "What a value owes to several results adds up.", Overwriting),
        Mistake("A value passes its gradient on before all of it has come in.",
                "Visit a value only after everything that was made of it.", Impatient),
        Mistake("A value that is reached twice passes on twice what came in first.",
                "Visit a value once, after everything that was made of it.", Recursive),
        Mistake("Values pass their gradients on in the order in which they are reached.",
                "One that is reached early may have more to come: who must be visited first?",
                Breadth),
        Mistake("The two derivatives of the product are exchanged.",
                "∂(x y)/∂x: which of the two is constant?", Swapped),
        Mistake("The gradient goes back one step only.",
                "From which end does the walk begin, and does it go on?", OneStep),
        Mistake("No gradient arrives anywhere.",
                "It begins with ∂L/∂L, and that is not 0.", Unstarted),
    ),
    gradients,
)  # fmt: skip

EXERCISES = (ENGINE,)
