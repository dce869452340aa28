"""What users give to an optimizer, in order and checked: parameters, groups of them, options."""

import math

from ..tensor import Tensor


def groups_of(params):
    """A list of parameter groups, from whatever was given as `params`."""
    if isinstance(params, (Tensor, dict, str)) or not hasattr(params, "__iter__"):
        mend = " Did you mean .parameters()?" if hasattr(params, "parameters") else ""
        raise TypeError(
            f"an optimizer takes an iterable of Tensors, such as model.parameters(), or of dicts "
            f"with 'params'; got {type(params).__name__}.{mend}"
        )
    params = listed(params)
    if not params:
        raise ValueError(
            "an optimizer got an empty list of parameters. A generator such as "
            "model.parameters() can be read only once; and what a Module is to learn must be a "
            "Parameter, not a plain Tensor."
        )
    return params if isinstance(params[0], dict) else [{"params": params}]


def listed(params):
    """The parameters as a list; a set is refused, because its order changes between runs."""
    if isinstance(params, (set, frozenset)):
        raise TypeError("parameters need an order to be saved and loaded: use a list, not a set.")
    return list(params)


def check_parameter(p, where, known):
    """Raise unless `p` is a leaf Tensor that is not among the `known` ones."""
    if not isinstance(p, Tensor):
        mend = ": use parameters(), not named_parameters()" if isinstance(p, tuple) else ""
        mend = ": use its .parameters()" if hasattr(p, "parameters") else mend
        raise TypeError(f"{where} must be a Tensor, got {type(p).__name__}{mend}.")
    if not p.is_leaf:
        raise ValueError(
            f"{where}, of shape {p.shape}, is the result of an operation; only leaves can be "
            f"optimized. Make it with requires_grad=True as the last step, or .detach() it first."
        )
    if p.requires_grad and not getattr(p.array.flags, "writeable", True):
        raise ValueError(
            f"{where}, of shape {p.shape}, lies in memory that cannot be written, as an expanded "
            f"tensor's: make it of a copy (.clone())."
        )
    if p in known:
        raise ValueError(
            f"{where}, of shape {p.shape}, is listed twice: it would be updated twice a step."
        )


def check_not_negative(group, *names):
    """Raise ValueError unless these options are finite numbers of at least 0."""
    for name in names:
        value = group[name]
        if isinstance(value, Tensor) or not hasattr(value, "__float__"):
            raise TypeError(f"{name} must be a number, got {type(value).__name__}: {value!r}.")
        if not 0 <= value < math.inf:
            mend = " (to climb, use maximize=True)" if name == "lr" and value < 0 else ""
            raise ValueError(f"{name} must be finite and at least 0, got {value!r}{mend}.")
