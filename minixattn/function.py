"""Operations of the user's own: `forward` and `backward` in one class, as PyTorch has them."""

from .engine import Node, constant, no_grad, record
from .errors import ShapeError


class Context:
    """What `forward` leaves for `backward`.

    Attributes
    ----------
    saved_tensors : what `save_for_backward` was given
    needs_input_grad : whether each argument of `apply` wants a gradient
    """

    def __init__(self, needs_input_grad):
        self.needs_input_grad, self.saved_tensors = needs_input_grad, ()

    def save_for_backward(self, *tensors):
        """Keep tensors for `backward`; other values may be attributes: `ctx.scale = 2`."""
        self.saved_tensors = tensors


class Function:
    """Base class of an operation with a derivative of its own; use it by `apply`.

    Examples
    --------
    >>> import minixattn as mx
    >>> class Square(mx.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * g
    >>> x = mx.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    @staticmethod
    def forward(ctx, *args):
        """The result, a Tensor, of the arguments of `apply`; nothing in it is recorded."""
        raise NotImplementedError("a Function must define forward(ctx, ...).")

    @staticmethod
    def backward(ctx, g):
        """One gradient for each argument of `apply`, of its shape, or None."""
        raise NotImplementedError("a Function must define backward(ctx, g).")

    @classmethod
    def apply(cls, *args):
        """Run `forward`, and remember `backward` for it."""
        where = [i for i, x in enumerate(args) if isinstance(x, Node)]
        inputs = tuple(args[i] for i in where)
        ctx = Context(tuple(isinstance(x, Node) and x.requires_grad for x in args))
        with no_grad():
            out = cls.forward(ctx, *args)
        if not isinstance(out, Node):
            raise TypeError(
                f"{cls.__name__}.forward must return one Tensor, got {type(out).__name__}."
            )

        def derivatives(g, _y, *_inputs):
            found = cls.backward(ctx, g if isinstance(g, Node) else constant(g))
            found = found if isinstance(found, tuple) else (found,)
            check(cls.__name__, found, args)
            if isinstance(g, Node):
                return tuple(found[i] for i in where)
            return tuple(None if found[i] is None else found[i].array for i in where)

        derivatives.__qualname__ = cls.__name__
        return record(out.array, inputs, derivatives, cls.forward)


def check(name, found, args):
    """Raise unless `backward` gave one gradient an argument, each of its shape."""
    if len(found) != len(args):
        raise ShapeError(
            f"{name}.backward returned {len(found)} gradient(s) for the {len(args)} arguments of "
            f"apply(): give one each, None for what has none."
        )
    for i, (g, x) in enumerate(zip(found, args)):
        if g is None or not isinstance(x, Node):
            continue
        if not isinstance(g, Node) or g.shape != x.shape:
            what = f"shape {g.shape}" if isinstance(g, Node) else type(g).__name__
            raise ShapeError(
                f"{name}.backward returned a gradient of {what} for argument {i}: expected a "
                f"Tensor of its shape {x.shape}."
            )
