"""Stop anywhere: the steps of a real forward pass, under the symbols of their equation.

    with minixattn.trace() as t:
        output, weights = layer(query, context)
    print(t)                    # every step: symbol, equation, shapes, values
    t["weights"].value          # the tensor itself
    output.sum().backward()
    t["scores"].grad            # and its gradient

A layer ends its `forward` with `note(self, Q=Q, K=K, …)`, and says in `equations` what each symbol
stands for. While a trace is open, the engine also writes down every operation that it runs
(`engine.tapes`), so that a step can be computed again from the steps before it: `Step.recompute()`
runs the very functions that ran, and gives the same numbers bit for bit.
"""

import threading

from . import engine
from .tracing_text import html_table, markdown_table, text_table


def note(layer, **values):
    """Tell the open traces which tensors a layer has computed.

    Parameters
    ----------
    layer : the Module, whose `equations` maps each symbol to (LaTeX, symbolic shape)
    **values : the tensors, by symbol, in the order of computation; None is passed over
    """
    if engine.tapes:
        for tape in engine.tapes:
            tape.take(layer, values)


class Step:
    """One line of a layer's equation, as it was computed.

    Attributes
    ----------
    symbol : such as "weights"
    equation : its LaTeX
    dims : its shape in symbols, such as "(B, h, L, S)"
    value : the Tensor
    inputs : the symbols it was computed from
    layer : the name of the layer, with a number where there are several of its kind
    """

    def __init__(self, trace, layer, symbol, equation, dims, value):
        self.trace, self.layer, self.symbol = trace, layer, symbol
        self.equation, self.dims, self.value = equation, dims, value

    @property
    def shape(self):
        """The actual shape."""
        return self.value.shape

    @property
    def grad(self):
        """The gradient, once `backward()` has been called; else None."""
        return self.value.grad

    @property
    def inputs(self):
        """The symbols of the same forward pass that this step was computed from."""
        found = [s for s in self.trace.operations(self)[1] if s in self.trace.symbols]
        return [self.trace.symbols[s].symbol for s in dict.fromkeys(found)]

    def recompute(self):
        """The array, computed again from the recorded inputs by the functions that ran."""
        operations, _ = self.trace.operations(self)
        arrays = {}
        for out, forward, inputs in operations:
            arrays[out] = forward(*[arrays.get(x, x.array) for x in inputs])
        return arrays.get(self.value, self.value.array)

    def __repr__(self):
        return f"<Step {self.layer}: {self.symbol} {self.dims} = {self.shape}>"


class trace:
    """A record of the forward passes that happen inside `with trace() as t:`.

    Steps are found by symbol, `t["weights"]`; where several layers have one of that name, by layer
    and symbol, `t["CrossAttention 2", "weights"]`, or in `t.layers`.

    Attributes
    ----------
    steps : list of Step, in the order of computation
    layers : {name: list of Step}
    """

    def __init__(self):
        self.steps, self.layers, self.symbols, self.tape = [], {}, {}, {}
        self.counts, self.thread = {}, threading.get_ident()

    def __enter__(self):
        engine.tapes.append(self)
        return self

    def __exit__(self, *error):
        engine.tapes.remove(self)

    def __call__(self, out, forward, inputs):
        """Write down one operation; the engine calls this."""
        if forward is not None and threading.get_ident() == self.thread:
            self.tape[out] = (forward, inputs)

    def take(self, layer, values):
        """Write down a layer's symbols; `note` calls this."""
        if threading.get_ident() != self.thread:
            return
        kind = type(layer).__name__
        self.counts[kind] = self.counts.get(kind, 0) + 1
        name = f"{kind} {self.counts[kind]}"
        seen = set()
        for symbol, value in values.items():
            if value is None or value in seen:
                continue  # left out of this equation, or the step before under another name
            seen.add(value)
            if value.requires_grad:
                value.retain_grad()
            equation, dims = getattr(layer, "equations", {}).get(symbol, (symbol, ""))
            step = Step(self, name, symbol, equation, dims, value)
            self.steps.append(step)
            self.layers.setdefault(name, []).append(step)
            self.symbols[value] = step

    def operations(self, step):
        """What was run between the named tensors and this one, oldest first; and the inputs."""
        own = {s.value for s in self.steps if s is not step and s.value is not step.value}
        order, sources, stack, seen = [], [], [(step.value, False)], set()
        while stack:
            x, done = stack.pop()
            if done:
                order.append((x, *self.tape[x]))
            elif x in own or x not in self.tape:
                sources.append(x)
            elif x not in seen:
                seen.add(x)
                stack.append((x, True))
                stack.extend((y, False) for y in reversed(self.tape[x][1]))
        return order, sources

    def __getitem__(self, key):
        layer, symbol = key if isinstance(key, tuple) else (None, key)
        found = [s for s in self.steps if s.symbol == symbol and layer in (None, s.layer)]
        if len(found) == 1:
            return found[0]
        if not found:
            known = ", ".join(dict.fromkeys(s.symbol for s in self.steps)) or "none: nothing ran"
            raise KeyError(f"no step {key!r} in this trace; its symbols are {known}")
        places = ", ".join(repr((s.layer, s.symbol)) for s in found)
        raise KeyError(f"{symbol!r} occurs in several layers: use one of t[{places}]")

    def __len__(self):
        return len(self.steps)

    def __repr__(self):
        return text_table(self.layers)

    def _repr_html_(self):
        return html_table(self.layers)

    def to_markdown(self):
        """The steps as Markdown tables, one a layer, with the equations as LaTeX."""
        return markdown_table(self.layers)
