"""What a checkpoint nests, taken apart: tensors by name, and a text that says where they belong.

    {"model": {"weight": W}, "step": 5}   →   {"model/weight": W}  and
    {"dict": [["model", {"dict": [["weight", {"tensor": "model/weight"}]]}], ["step", 5]]}

Numbers, strings, True, False and None stand as they are; a dict is a list of pairs, so that its
keys may be numbers; a tuple comes back as a tuple. Nothing else can be in it, so nothing can be run
by opening it.
"""

import json
from collections.abc import Mapping

from . import backend
from .tensor import Tensor

PLAIN = (str, int, float, bool, type(None))


def is_flat(obj):
    """Whether it is a dict of tensors by name and nothing else."""
    return isinstance(obj, Mapping) and all(
        isinstance(name, str) and is_tensor(value) for name, value in obj.items()
    )


def is_tensor(x):
    """A Tensor, or an array or number of NumPy's or CuPy's."""
    return isinstance(x, Tensor) or backend.is_array(x)


def apart(obj):
    """({name: tensor}, text) of dicts, lists, tuples, tensors, numbers, strings and None.

    Raises
    ------
    TypeError
        For anything else, saying where it is.
    """
    tensors = {}
    return tensors, json.dumps(node(obj, (), tensors), ensure_ascii=False)


def node(x, place, tensors):
    """What stands for x in the text; its tensors are entered under their places."""
    if is_tensor(x):
        name = "/".join(map(str, place)) or "tensor"
        while name in tensors:  # {1: …, "1": …}
            name += "'"
        tensors[name] = x
        return {"tensor": name}
    if isinstance(x, Mapping):
        return {"dict": [[key_of(k, place), node(v, (*place, k), tensors)] for k, v in x.items()]}
    if isinstance(x, (list, tuple)):
        kind = "tuple" if isinstance(x, tuple) else "list"
        return {kind: [node(part, (*place, i), tensors) for i, part in enumerate(x)]}
    if isinstance(x, PLAIN):
        return x
    mend = "save its state_dict()" if hasattr(x, "state_dict") else "leave it out, or use str()"
    raise TypeError(
        f"cannot save {where(place)}: it is of type {type(x).__name__}, but a file holds tensors, "
        f"numbers, strings and None, in dicts, lists and tuples: {mend}."
    )


def key_of(key, place):
    """The key of a dict, if a file can have it."""
    if isinstance(key, PLAIN):
        return key
    raise TypeError(
        f"cannot save {where(place)}: one of its keys is {key!r:.60}, of type "
        f"{type(key).__name__}. Keys are strings or numbers."
    )


def where(place):
    """How one gets there: obj["model"]["weight"]."""
    return "obj" + "".join(f"[{step!r}]" for step in place)


def together(text, tensors):
    """What `apart` took apart."""

    def built(x):
        if not isinstance(x, dict):
            return x
        ((kind, content),) = x.items()
        if kind == "tensor":
            return tensors[content]
        if kind == "dict":
            return {key: built(value) for key, value in content}
        parts = [built(part) for part in content]
        return tuple(parts) if kind == "tuple" else parts

    return built(json.loads(text))
