"""What optimizers share: groups of parameters, the walk over them, and a state to continue from.

An optimizer is a subclass that says in `update` how one array of parameters changes. It writes
into the parameters' own memory, piece by piece, so that what it computes stays in the cache.
"""

from collections import defaultdict

import numpy as np

from .. import backend, dtypes
from ..changes import changing
from ..engine import constant, enable_grad, no_grad
from ..errors import DeviceError, ShapeError
from ..tensor import Tensor
from .groups import check_parameter, groups_of, listed
from .state import load, pack
from .together import bundles, update_together

PIECE = 1 << 16  # elements; what an update reads and makes of so many fits a processor's cache


class Optimizer:
    """The base of all optimizers.

    Parameters
    ----------
    params : iterable of Tensors; or of dicts, each with "params" and options of its own
    defaults : dict of the options of groups that do not say otherwise

    Attributes
    ----------
    param_groups : list of dicts, each {"params": [Tensor, …], "lr": …, …}; may be changed
    state : {parameter: dict of what the method remembers about it}

    Raises
    ------
    TypeError
        If `params` is a Tensor or a Module, or a parameter is not a Tensor.
    ValueError
        If there are no parameters, one is listed twice or is not a leaf, a group lacks "params",
        or an option is out of range.
    """

    remembers = ()  # names that the state of a parameter must have
    # Whether `update` does with each element what it would do without the others, so that it may be
    # given small parameters end to end. Not inherited: each class says it of its own `update`.
    elementwise = False
    _stepped = False
    _wholes = {}  # of small parameters; see together.py

    def __init__(self, params, defaults):
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups = []
        for group in groups_of(params):
            self.add_param_group(group)

    def check(self, group):
        """Raise ValueError if an option of a group is out of range; subclasses say which."""

    def update(self, theta, g, state, group):
        """Change the array `theta` in place, given its gradient `g`; what a subclass is for."""
        raise NotImplementedError(f"{type(self).__name__} must define update() or step().")

    def step(self, closure=None):
        """One update of every parameter that has a gradient.

        Parameters
        ----------
        closure : function that computes the loss anew (zero_grad, forward, backward), or None

        Returns
        -------
        What `closure` returned, or None

        Raises
        ------
        ShapeError, DeviceError
            If a gradient does not fit its parameter; then nothing is changed.
        """
        self._stepped = True
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        due = [
            (p, gradient(p, i, j), group)
            for i, group in enumerate(self.param_groups)
            for j, p in enumerate(group["params"])
            if p.grad is not None
        ]
        with no_grad():
            for p, _, _ in due:
                changing(p)
            self.update_all(due)
        return loss

    def update_all(self, due):
        """`update` for every parameter; small ones together where the class says that it may be."""
        wholes = {}
        elementwise = vars(type(self)).get("elementwise", False)
        for bundle in bundles(due, self.state) if elementwise else [[one] for one in due]:
            if len(bundle) > 1:
                wholes |= update_together(self.update, bundle, self.state, self._wholes)
            else:
                ((p, g, group),) = bundle
                self.update(p.array, g, self.state[p], group)
        self._wholes = wholes

    def zero_grad(self, set_to_none=True):
        """Forget the gradients: `.grad` becomes None, or 0 with `set_to_none=False`."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None or set_to_none:
                    p.grad = None
                else:
                    p.grad = p.grad.detach().zero_()

    def add_param_group(self, param_group):
        """Train more parameters: {"params": …} and the options that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(
                f"a parameter group is a dict such as {{'params': [...], 'lr': 0.1}}, got "
                f"{type(param_group).__name__}."
            )
        if "params" not in param_group:
            raise ValueError(
                f"a parameter group needs the key 'params', got only {sorted(param_group)}."
            )
        given = param_group["params"]
        params = [given] if isinstance(given, Tensor) else listed(given)
        known = {p for group in self.param_groups for p in group["params"]}
        for i, p in enumerate(params):
            check_parameter(p, f"param_groups[{len(self.param_groups)}]['params'][{i}]", known)
            known.add(p)
        group = {**self.defaults, **param_group, "params": params}
        self.check(group)
        self.param_groups.append(group)

    def state_dict(self):
        """What a later run needs to continue: {"state": …, "param_groups": …}.

        Parameters appear as their numbers 0, 1, … in the order of the groups. The tensors are the
        optimizer's own and go on changing, as in PyTorch: `copy.deepcopy` freezes them.
        """
        return pack(self)

    def load_state_dict(self, state_dict):
        """Continue from what `state_dict()` gave, for parameters in the same order.

        Tensors are copied, to the device of their parameter.

        Raises
        ------
        ValueError
            If groups, parameters, shapes or options are not those of this optimizer, which then
            stays as it was.
        """
        self.state, self.param_groups = load(self, state_dict)

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "_wholes"}

    def __repr__(self):
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {v}" for k, v in sorted(group.items()) if k != "params"]
        return "\n".join([*lines, ")"])


# For `update` ------------------------------------------------------------------------------------


def pieces(theta, g, *averages):
    """Matching flat pieces of parameters, gradient and averages, to update one after another.

    A GPU gets everything in one piece, and so do small parameters, and those whose elements lie in
    another order than row by row, because their flat form would be a copy. An average may be None.
    """
    arrays = (theta, g, *averages)
    if theta.size <= PIECE or backend.device_of(theta) != "cpu":
        return (arrays,)
    if not all(a.flags.c_contiguous for a in (theta, *averages) if a is not None):
        return (arrays,)
    flat = [None if a is None else a.reshape(-1) for a in arrays]
    return (
        [None if a is None else a[i : i + PIECE] for a in flat]
        for i in range(0, theta.size, PIECE)
    )


def remembered(state, name, theta):
    """The array that `state` keeps under a name, in the shape of `theta`: 0 before the first step.

    For float16 parameters it is float32, in which small squares do not vanish.
    """
    if state.get(name) is None:
        state[name] = constant(np.zeros_like(theta, dtype=at_least_float32(theta.dtype)))
    return state[name].array


def at_least_float32(dtype):
    """float32 in place of float16; other types as they are."""
    return dtypes.float32 if dtype == dtypes.float16 else dtype


def gradient(p, i, j):
    """The array of p.grad, checked to fit p, which is parameter j of group i."""
    g = p.grad.array
    if g.shape != p.array.shape:
        raise ShapeError(
            f"{place_of(i, j)} has shape {p.shape}, but its .grad has shape {g.shape}."
        )
    if type(g) is not type(p.array) and p.grad.device != p.device:
        raise DeviceError(
            f"{place_of(i, j)} is on {p.device}, but its .grad on {p.grad.device}: call "
            f"zero_grad() after moving a model."
        )
    return g if g.dtype != dtypes.float16 else g.astype(dtypes.float32)


def place_of(i, j):
    """Where a parameter is listed, for errors."""
    return f"param_groups[{i}]['params'][{j}]"
