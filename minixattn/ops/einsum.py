"""Einstein summation, as the steps it stands for: permute, multiply matrices, sum.

`einsum("bhld,bhsd->bhls", q, k)`: letters on both sides of one product are its batch, letters that
vanish are its inner size, and the rest are rows and columns. Each step is differentiable, so the
whole is, to any order.
"""

from ..engine import lift
from ..errors import ShapeError
from .product import matmul
from .reduction import sum as sum_
from .shape import permute

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def einsum(equation, *operands):
    """Sum of products over named dimensions.

    Parameters
    ----------
    equation : such as "ij,jk->ik"; "..." stands for leading dimensions that broadcast; without
        "->" the result has the letters that occur once, in alphabetical order
    *operands : Tensors, one for each part of the left side

    Raises
    ------
    ShapeError
        If the parts do not fit the tensors, or one letter has two sizes.
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    operands = [lift(x) for x in operands]
    inputs, output = parse(equation, operands)
    check_sizes(equation, inputs, operands)
    terms = [on_diagonal(x, letters) for x, letters in zip(operands, inputs)]
    x, letters = terms[0]
    for i, (y, others) in enumerate(terms[1:], 2):
        later = set(output).union(*(t[1] for t in terms[i:]))
        x, letters = pair(x, letters, y, others, later)
    x, letters = keep(x, letters, output)
    return permute(x, [letters.index(c) for c in output]) if x.ndim > 1 else x


def parse(equation, operands):
    """The letters of each operand and of the result, with "..." spelt out in capitals."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        raise ShapeError(
            f'einsum("{equation}"): {len(parts)} part(s) on the left side, but {len(operands)} '
            f"tensor(s)."
        )
    used = set(equation)
    spare = [c for c in LETTERS if c not in used]
    widest, inputs = 0, []
    for part, x in zip(parts, operands):
        named = part.replace("...", "")
        extra = x.ndim - len(named)
        if extra < 0 or (extra and "..." not in part) or not (named.isalpha() or not named):
            raise ShapeError(
                f'einsum("{equation}"): the part "{part}" names {len(named)} '
                f"dimension(s), but its tensor has shape {x.shape}."
            )
        inputs.append(part.replace("...", "".join(spare[:extra][::-1])))
        widest = max(widest, extra)
    batch = "".join(spare[:widest][::-1])
    if not arrow:
        named = "".join(parts).replace("...", "")
        right = ("..." if "..." in left else "") + "".join(
            sorted(c for c in set(named) if named.count(c) == 1)
        )
    output = right.replace("...", batch)
    unknown = sorted(set(output) - set("".join(inputs)))
    if unknown or len(set(output)) != len(output):
        raise ShapeError(
            f'einsum("{equation}"): the result names '
            f"{'unknown letters ' + str(unknown) if unknown else 'a letter twice'}."
        )
    return inputs, output


def check_sizes(equation, inputs, operands):
    """Every letter has one size throughout (1 broadcasts)."""
    size = {}
    for letters, x in zip(inputs, operands):
        for c, n in zip(letters, x.shape):
            if size.setdefault(c, n) != n and 1 not in (size[c], n):
                shapes = " and ".join(str(x.shape) for x in operands)
                raise ShapeError(
                    f'einsum("{equation}"): "{c}" is {size[c]} in one tensor and {n} in another; '
                    f"the shapes are {shapes}."
                )
            size[c] = max(size[c], n)


def on_diagonal(x, letters):
    """A repeated letter picks the diagonal: "ii" is x[i, i]."""
    for c in letters:
        while letters.count(c) > 1:
            i, j = letters.index(c), letters.rindex(c)
            order = [d for d in range(x.ndim) if d not in (i, j)] + [i, j]
            x = permute(x, order)
            steps = list(range(x.shape[-1]))
            x = x[(..., steps, steps)]
            letters = "".join(k for d, k in enumerate(letters) if d not in (i, j)) + c
    return x, letters


def keep(x, letters, wanted):
    """Sum over the letters that are not wanted."""
    gone = tuple(d for d, c in enumerate(letters) if c not in wanted)
    return (sum_(x, gone) if gone else x), "".join(c for c in letters if c in wanted)


def pair(x, a, y, b, later):
    """Two operands multiplied: batch letters stay, inner letters are summed by the product."""
    x, a = keep(x, a, later | set(b))
    y, b = keep(y, b, later | set(a))
    both = [c for c in a if c in b]
    equal = {c: x.shape[a.index(c)] == y.shape[b.index(c)] for c in both}
    inner = [c for c in both if c not in later and equal[c]]
    batch = [c for c in both if c not in inner]
    rows, columns = [c for c in a if c not in both], [c for c in b if c not in both]
    x = permute(x, [a.index(c) for c in batch + rows + inner])
    y = permute(y, [b.index(c) for c in batch + inner + columns])
    n, m = x.shape[len(batch) : len(batch) + len(rows)], y.shape[y.ndim - len(columns) :]
    x = x.reshape((*x.shape[: len(batch)], size(n), size(x.shape[len(batch) + len(rows) :])))
    y = y.reshape((*y.shape[: len(batch)], x.shape[-1], size(m)))
    z = matmul(x, y)
    letters = "".join(batch + rows + columns)
    return keep(z.reshape((*z.shape[: len(batch)], *n, *m)), letters, later)


def size(shape):
    """The number of elements of a shape."""
    n = 1
    for k in shape:
        n *= k
    return n
