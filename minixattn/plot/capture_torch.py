"""Watching a PyTorch model attend, whatever library its layers come from.

Attention weights come to light in one of three ways:

- `nn.MultiheadAttention` returns them when asked: a hook asks, and hands the caller what he
  asked for himself
- a softmax of the scores, as in eager code, is seen when it is computed
- a fused kernel, softmax(Q Kᵀ/√d + mask) V in one call, never shows them. So it is called once
  more with the identity matrix in place of V: A I = A

The second and third are seen by a `TorchFunctionMode`, to which PyTorch itself reports each call;
hooks around every module say which one is running. Kernels outside PyTorch report nothing: for
those of Transformers the model is switched to eager code while it is watched, others are named in
`Captured.missing`.
"""

import re
from contextlib import ExitStack, contextmanager

import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

SOFTMAX = {F.softmax, torch.softmax, torch.Tensor.softmax}
FUSED = F.scaled_dot_product_attention
ATTENTION = re.compile(r"attention|attn", re.IGNORECASE)  # in the name of a class
NOT_ONE = re.compile(r"processor|output|norm|mask|pool|drop", re.IGNORECASE)
OF_FUSED = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
OF_MULTIHEAD = ("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask",
                "average_attn_weights", "is_causal")  # fmt: skip
HEADS = ("heads", "num_heads", "n_heads", "nhead", "n_head", "num_attention_heads")
EAGER = (None, "eager", "sdpa")  # Transformers' implementations that PyTorch reports


@contextmanager
def watch(model, seen):
    """Collect the weights of all layers of `model` in `seen`, and leave no trace behind."""
    check(model)
    watcher = Watcher(model, seen)
    with ExitStack() as undo:
        undo.callback(torch.backends.mha.set_fastpath_enabled,
                      torch.backends.mha.get_fastpath_enabled())  # fmt: skip
        torch.backends.mha.set_fastpath_enabled(False)  # one kernel for a layer: nothing to see
        for module in model.modules():
            for handle in watcher.hooks(module):
                undo.callback(handle.remove)
        eager(model, undo)
        undo.enter_context(watcher)
        yield
    seen.missing.update(watcher.without_weights())


def check(model):
    """Refuse a model whose modules are compiled: their code no longer calls hooks."""
    for name, module in model.named_modules():
        original = "the model it was made from"
        if isinstance(module, torch.jit.ScriptModule):
            kind = "a TorchScript module"
        elif hasattr(module, "_orig_mod"):
            kind, original = "made by torch.compile", "its attribute _orig_mod"
        elif getattr(module, "_compiled_call_impl", None) is not None:
            kind, original = "compiled in place", "a model on which .compile() was not called"
        else:
            continue
        where = f"its part {name!r}" if name else "this model"
        raise TypeError(
            f"capture() cannot look inside compiled code, and {where} is {kind}. Give it "
            f"{original}; the weights are the same."
        )


def eager(model, undo):
    """Let Transformers' models compute in the open what they leave to kernels outside PyTorch."""
    for module in model.modules():
        config = getattr(module, "config", None)
        name = "_attn_implementation_internal"
        kernel = getattr(config, name, None)
        if kernel not in EAGER:
            undo.callback(setattr, config, name, kernel)
            setattr(config, name, "eager")


class Watcher(TorchFunctionMode):
    """Knows which module is running, and hears of every softmax and fused kernel.

    Attributes
    ----------
    names : {module: its name in the model}
    running : the modules that are running now, the outermost first, each with its batch size
    called : how often each module that looks like attention was called
    slices : parts of a batch of weights whose rest is still to come
    """

    def __init__(self, model, seen):
        super().__init__()
        self.seen, self.running, self.called, self.slices = seen, [], {}, []
        self.names = {module: name for name, module in model.named_modules()}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """PyTorch's report of one call."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if func is FUSED:
            self.take(with_identity(named(args, kwargs, OF_FUSED)))
        elif func in SOFTMAX and over_last(out, named(args, kwargs, ("input", "dim"))):
            self.take(out)
        return out

    # which module is running ---------------------------------------------------------------------

    def hooks(self, module):
        """Hooks that say when a module starts and ends."""
        yield module.register_forward_pre_hook(self.start, with_kwargs=True, prepend=True)
        if isinstance(module, torch.nn.MultiheadAttention):
            asked = []
            yield module.register_forward_pre_hook(ask_for_weights(asked), with_kwargs=True)
            yield module.register_forward_hook(self.answer(asked), prepend=True)
        yield module.register_forward_hook(self.end, always_call=True)

    def start(self, module, args, kwargs):
        """Before a module's forward: it is the innermost one that runs."""
        tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, torch.Tensor)]
        self.running.append((module, tensors[0].shape[0] if tensors and tensors[0].ndim else 1))
        if looks_like_attention(module):
            self.called[module] = self.called.get(module, 0) + 1

    def end(self, module, _args, _output):
        """After a module's forward, whether it returned or raised."""
        while self.running and self.running.pop()[0] is not module:
            pass  # a module that failed inside, before it could say so

    def answer(self, asked):
        """A hook on nn.MultiheadAttention: keep the weights, return what was asked for."""

        def hook(module, _args, output):
            result, weights = output
            need, average = asked.pop()
            self.keep(self.names[module], weights if weights.ndim == 4 else weights[None])
            if average:
                weights = weights.mean(-3)
            return result, weights if need else None

        return hook

    # what is kept --------------------------------------------------------------------------------

    def take(self, weights):
        """File weights (…, L, S) under the attention module that runs."""
        found = [entry for entry in self.running if looks_like_attention(entry[0])]
        if found:
            module, batch = found[-1]
        elif self.running and weights.ndim == 4:
            module, batch = self.running[-1]
        else:
            return  # a softmax over classes, or outside the model
        name = self.names[module]
        if any(n != name and n.startswith(f"{name}." if name else "") for n, _ in self.seen.calls):
            return  # its parts attend; what it does itself is something else
        weights = self.by_head(weights, module, batch)
        if weights is not None:
            self.keep(name, weights)

    def by_head(self, weights, module, batch):
        """(B·h, L, S), as some layers compute them, or parts of it, as (B, h, L, S)."""
        if weights.ndim != 3:
            return weights.reshape(-1, *((1,) * (4 - weights.ndim) + weights.shape)[-3:])
        h = next((n for n in (getattr(module, a, None) for a in HEADS) if isinstance(n, int)), 1)
        if "Sliced" in type(getattr(module, "processor", None)).__name__:
            self.slices.append(weights)
            if sum(map(len, self.slices)) < batch * h:
                return None
            weights, self.slices = torch.cat(self.slices), []
        n = len(weights)
        return weights.reshape(-1, h if n % h == 0 and n != batch else 1, *weights.shape[-2:])

    def keep(self, name, weights):
        """As NumPy has them."""
        weights = weights.detach().to("cpu", copy=True)
        if weights.dtype == torch.bfloat16:
            weights = weights.float()  # NumPy has no bfloat16
        self.seen.calls.append((name, weights.numpy()))

    def without_weights(self):
        """{name: why}, for each innermost attention module that gave no weights."""
        gave = {name for name, _ in self.seen.calls}
        found = {}
        for module, name in self.names.items():
            inside = [m for m in module.modules() if m is not module and looks_like_attention(m)]
            around = any(name.startswith(f"{other}.") for other in gave)
            if looks_like_attention(module) and not (inside or around or name in gave):
                found[name or "the model itself"] = self.reason(module)
        return found

    def reason(self, module):
        """Why a module gave no weights, and what to do."""
        if module not in self.called:
            return "it was not called inside the block."
        kernel = type(getattr(module, "processor", None)).__name__
        if kernel != "NoneType":
            return (
                f"its processor, {kernel}, uses a kernel that keeps the weights to itself. Switch "
                f"to one of PyTorch's: model.set_attn_processor(AttnProcessor2_0()), or "
                f'model.set_attention_backend("native").'
            )
        return (
            "it ran, but called neither scaled_dot_product_attention nor a softmax over the keys "
            "(a kernel such as flash or flex attention, or an attention without softmax). Make "
            'the model with attn_implementation="eager", or compute softmax(scores) in its code.'
        )


def looks_like_attention(module):
    """Whether a module is attention, by the name of its class."""
    name = type(module).__name__
    return bool(ATTENTION.search(name)) and not NOT_ONE.search(name)


def ask_for_weights(asked):
    """A hook on nn.MultiheadAttention that asks for each head's weights, and notes who did not."""

    def hook(_module, args, kwargs):
        given = named(args, kwargs, OF_MULTIHEAD)
        asked.append((given.get("need_weights", True), given.get("average_attn_weights", True)))
        return (), {**given, "need_weights": True, "average_attn_weights": False}

    return hook


def named(args, kwargs, names):
    """All arguments of a call by name."""
    return {**dict(zip(names, args)), **kwargs}


def over_last(out, given):
    """Whether a softmax that gave `out` went over the last dimension."""
    dim = given.get("dim")
    return isinstance(dim, int) and out.ndim > 1 and dim % out.ndim == out.ndim - 1


def with_identity(given):
    """The weights inside a fused kernel, by the kernel itself: A I = A."""
    key = given["key"]
    S = key.shape[-2]
    identity = torch.eye(S, dtype=key.dtype, device=key.device).expand(*key.shape[:-1], S)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):  # any width of V, whatever the GPU
        return FUSED(**{**given, "value": identity, "dropout_p": 0.0})
