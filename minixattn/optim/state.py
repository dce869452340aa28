"""An optimizer's state as plain dicts, in PyTorch's layout, and back."""

from collections import defaultdict
from copy import deepcopy

from .. import backend, dtypes
from ..engine import constant, lift
from ..tensor import Tensor


def pack(optimizer):
    """{"state": {number: {name: value}}, "param_groups": [{…, "params": [numbers]}]}."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    number = {p: i for i, p in enumerate(params)}
    groups = []
    for group in optimizer.param_groups:
        options = {k: v for k, v in group.items() if k != "params"}
        groups.append({**options, "params": [number[p] for p in group["params"]]})
    return {"state": {number[p]: s for p, s in optimizer.state.items()}, "param_groups": groups}


def load(optimizer, state_dict):
    """(state, param_groups) for `optimizer` from a packed state, everything checked first."""
    if not isinstance(state_dict, dict) or not {"state", "param_groups"} <= set(state_dict):
        got = sorted(state_dict) if isinstance(state_dict, dict) else type(state_dict).__name__
        raise ValueError(f"an optimizer's state has 'state' and 'param_groups', got {got}.")
    saved = state_dict["param_groups"]
    check_groups(optimizer, saved)
    parameter = {}
    groups = []
    for group, own in zip(saved, optimizer.param_groups):
        parameter.update(zip(group["params"], own["params"]))
        groups.append({**deepcopy(group), "params": own["params"]})
        optimizer.check(groups[-1])
    state = defaultdict(dict)
    for i, values in state_dict["state"].items():
        if i not in parameter:
            raise ValueError(f"the state is for a parameter {i!r} that no saved group lists.")
        check_complete(optimizer, i, values)
        p = parameter[i]
        state[p] = {name: adopted(value, p, name, i) for name, value in values.items()}
    return state, groups


def check_groups(optimizer, saved):
    """Raise ValueError unless the saved groups have the sizes and options of the optimizer's."""
    kind = type(optimizer).__name__
    sizes = [len(group["params"]) for group in saved]
    own = [len(group["params"]) for group in optimizer.param_groups]
    if sizes != own:
        raise ValueError(
            f"the state to load has {len(sizes)} parameter group(s) of {sizes} tensors, this "
            f"{kind} has {len(own)} of {own}: build the same groups before loading."
        )
    for i, group in enumerate(saved):
        missing = sorted(set(optimizer.defaults) - set(group))
        if missing:
            raise ValueError(
                f"param_groups[{i}] of the state to load lacks {', '.join(missing)}: it was saved "
                f"by another kind of optimizer than {kind}."
            )


def check_complete(optimizer, i, values):
    """Raise ValueError if what is saved for one parameter lacks a name the method needs."""
    missing = [name for name in optimizer.remembers if name not in values]
    if missing:
        raise ValueError(
            f"the state to load lacks {', '.join(missing)} for parameter {i}, which "
            f"{type(optimizer).__name__} needs; it has {sorted(values)}."
        )


def adopted(value, p, name, i):
    """A private copy of one saved value: arrays fitted to their parameter, numbers as they are."""
    if name == "step":  # a count, kept on the CPU as in PyTorch
        return constant(lift(value).array.copy()).cpu()
    if not (isinstance(value, Tensor) or backend.is_array(value)):
        return deepcopy(value)
    value = lift(value).detach()
    if value.shape != p.shape:
        raise ValueError(
            f"{name} of parameter {i} has shape {value.shape} in the state to load, but the "
            f"parameter has shape {p.shape}: the models differ, or the order of their parameters."
        )
    keeps = value.dtype == dtypes.float32 and p.dtype == dtypes.float16
    return value.to(dtype=None if keeps else p.dtype, device=p.device, copy=True)
