"""Training in mixed precision, as PyTorch's `torch.amp` has it.

    scaler = amp.GradScaler()
    for x, y in batches:
        optimizer.zero_grad()
        with amp.autocast("cuda"):
            loss = cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

`precision.py` says what autocast computes in which type.
"""

import numpy as np

from . import dtypes
from .changes import changing
from .engine import no_grad
from .precision import autocast

__all__ = ["GradScaler", "autocast"]

LARGEST = float(np.finfo(np.float32).max)
UNSCALED, STEPPED = "unscale_()", "step()"


class GradScaler:
    """Keeps gradients from vanishing in float16: they are computed s times too large.

        L ← s L,  so that every ∂L/∂· comes s times as large
        g ← g / s  in the parameters' float32, before the optimizer's step
        s ← s·backoff_factor, the step being left out, where a g was infinite or NaN
        s ← s·growth_factor after growth_interval steps in a row without

    Parameters
    ----------
    device : accepted for PyTorch's sake; gradients are scaled where they are
    init_scale : the first s
    growth_factor : greater than 1
    backoff_factor : between 0 and 1
    growth_interval : a number of steps
    enabled : False makes everything pass through unchanged

    Notes
    -----
    Whether all gradients are finite decides whether Python calls the optimizer, so `step` waits
    for the GPU once, as in PyTorch.

    References
    ----------
    Micikevicius et al., "Mixed Precision Training" (2018), section 3.2.
    """

    def __init__(self, device="cuda", init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5,
                 growth_interval=2000, enabled=True):  # fmt: skip
        if not growth_factor > 1:
            raise ValueError(f"GradScaler: growth_factor must be above 1, got {growth_factor}.")
        if not 0 < backoff_factor < 1:
            raise ValueError(
                f"GradScaler: backoff_factor must lie between 0 and 1, got {backoff_factor}."
            )
        if not 0 < init_scale <= LARGEST:
            raise ValueError(
                f"GradScaler: init_scale must be a positive number, got {init_scale}."
            )
        self.device, self.enabled = device, enabled
        self.growth_factor, self.backoff_factor = growth_factor, backoff_factor
        self.growth_interval = growth_interval
        self.factor, self.good_steps = float(init_scale), 0
        self.done = {}  # optimizer's id -> (what was last done, whether all its g were finite)

    def scale(self, outputs):
        """s L for a loss, or for every one in a list or tuple of losses."""
        if not self.enabled:
            return outputs
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(loss) for loss in outputs)
        return outputs * self.factor

    @no_grad()
    def unscale_(self, optimizer):
        """Divide the gradients of the optimizer's parameters by s now, to clip or look at them.

        Raises
        ------
        RuntimeError
            If that was done already since the last `update()`.
        ValueError
            If a gradient is float16, in which the quotient would vanish.
        """
        if not self.enabled:
            return
        last, _ = self.done.get(id(optimizer), (None, None))
        if last is not None:
            raise RuntimeError(
                f"unscale_() after {last} of the same optimizer: the gradients are divided by the "
                f"scale once a step. Call update() at the end of each step."
            )
        finite = []
        for g in gradients(optimizer):
            changing(g)
            finite.append(np.isfinite(g.array).all())
            g.array *= g.array.dtype.type(1 / self.factor)
        self.done[id(optimizer)] = UNSCALED, finite

    def step(self, optimizer, *args, **kwargs):
        """`optimizer.step()` with the gradients divided by s, or nothing if one is not finite.

        Returns
        -------
        What `optimizer.step` returns; None where the step was left out
        """
        if not self.enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs or args:
            raise RuntimeError(
                "GradScaler.step() takes no closure: the loss it computes would not be scaled."
            )
        if self.done.get(id(optimizer), (None,))[0] == STEPPED:
            raise RuntimeError(
                "step() was called already since the last update(): call update() once at the "
                "end of each step."
            )
        if id(optimizer) not in self.done:
            self.unscale_(optimizer)
        finite = self.done[id(optimizer)][1]
        if not finite:
            raise RuntimeError(
                "step(): no parameter of the optimizer has a gradient: call "
                "scaler.scale(loss).backward() first."
            )
        good = bool(np.stack(finite).all())
        self.done[id(optimizer)] = STEPPED, good
        return optimizer.step() if good else None

    def update(self, new_scale=None):
        """Choose s for the next step, once all optimizers have stepped; or set it.

        Raises
        ------
        RuntimeError
            If there was no `step()` since the last update.
        """
        if not self.enabled:
            return
        if new_scale is not None:
            self.factor = float(new_scale)
        elif not self.done:
            raise RuntimeError(
                "update() without step(): the scale follows from whether the gradients were "
                "finite, so call scaler.step(optimizer) first."
            )
        elif not all(good if last == STEPPED else bool(np.stack(good).all())
                     for last, good in self.done.values()):  # fmt: skip
            self.factor, self.good_steps = self.factor * self.backoff_factor, 0
        else:
            self.good_steps += 1
            if self.good_steps == self.growth_interval:
                grown, self.good_steps = self.factor * self.growth_factor, 0
                self.factor = grown if grown <= LARGEST else self.factor
        self.done = {}

    def get_scale(self):
        """s, or 1.0 where not enabled."""
        return self.factor if self.enabled else 1.0

    def is_enabled(self):
        """Whether it does anything."""
        return self.enabled

    def state_dict(self):
        """What a later run needs to continue; empty where not enabled."""
        if not self.enabled:
            return {}
        return {
            "scale": self.factor, "growth_factor": self.growth_factor,
            "backoff_factor": self.backoff_factor, "growth_interval": self.growth_interval,
            "_growth_tracker": self.good_steps,
        }  # fmt: skip

    def load_state_dict(self, state_dict):
        """Continue from what `state_dict()` gave.

        Raises
        ------
        RuntimeError
            If it is empty or incomplete; then nothing is changed.
        """
        if not self.enabled:
            return
        needed = ("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")
        missing = [name for name in needed if name not in state_dict]
        if missing:
            raise RuntimeError(
                f"the state to load lacks {', '.join(missing)}: it may be of a GradScaler that "
                f"was not enabled, whose state is empty."
            )
        (self.factor, self.growth_factor, self.backoff_factor, self.growth_interval,
         self.good_steps) = (state_dict[name] for name in needed)  # fmt: skip


def gradients(optimizer):
    """The gradients of an optimizer's parameters, which must not be float16."""
    found = [p.grad for group in optimizer.param_groups for p in group["params"]
             if p.grad is not None]  # fmt: skip
    half = next((g for g in found if g.dtype == dtypes.float16), None)
    if half is not None:
        raise ValueError(
            f"GradScaler: a gradient of shape {half.shape} is float16, in which it would vanish "
            f"once divided by the scale. Keep the parameters float32 (not model.half()); autocast "
            f"multiplies in float16 all the same."
        )
    return found
