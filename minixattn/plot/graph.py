"""The computation graph of an expression: what came from what, with values and gradients."""

import numpy as np

from ..backward import grad
from ..engine import Node, name_of
from ..errors import GraphError
from .canvas import ATTENTION, as_numpy, finish, new_axes, points, pyplot, room
from .graph_layout import Road, layered, placed
from .measure import text_size
from .text import families, shown

MANY, FEW = 60, 4
WIDEST = 14.0  # inches, beyond which the graph is drawn downwards
PAD, GAP, STEP = 0.08, 0.14, 0.42  # inches: around words, between boxes, between layers
SIGNS = {"add": "+", "sub": "−", "mul": "×", "div": "÷", "matmul": "@", "neg": "−", "pow": "^"}


def graph(tensor, names=None, *, gradients=None, direction=None, ax=None, save=None):
    """Draw what a tensor was computed from: a box for each operation and each leaf.

    In a box stand the operation or the leaf's name, the shape, the value (of larger tensors the
    smallest and the largest), and the gradient where there is one. Leaves that want a gradient have
    an orange frame, constants a dotted one; operations are rounded. Arrows enter a box in the order
    of its operands.

    `backward()` frees the graph: draw before it, or call `backward(retain_graph=True)` first to see
    the leaves' `.grad`. Results have a `.grad` only after their `.retain_grad()`; `gradients=True`
    shows those of all, and needs no `backward()`.

    Parameters
    ----------
    tensor : Tensor, the result
    names : {name: Tensor} for leaves and results, such as `locals()`; what is no Tensor is ignored
    gradients : True to compute ∂tensor/∂x for every x, of a `tensor` that is a single number; no
        `.grad` is touched. Where None, those in `.grad` are shown; False for none
    direction : "right" or "down", where the result stands; what fits better where None
    ax : matplotlib Axes to draw on; a new figure where None
    save : file to write, .png, .svg or .pdf

    Returns
    -------
    matplotlib Axes, whose unit is an inch of the drawing

    Raises
    ------
    GraphError
        If the graph was freed.
    ValueError
        If it has more than 60 boxes.
    TypeError
        If `tensor` is no Tensor of this package.
    """
    nodes, inputs = history(tensor)
    grads = gradients_of(tensor, nodes, gradients)
    names = {x: str(name) for name, x in (names or {}).items() if isinstance(x, Node)}
    texts = {n: lines(n, names.get(n), grads.get(n)) for n in nodes}
    drawing = Drawing(nodes, inputs, texts, direction)
    if ax is None:
        ax = pyplot().figure(figsize=drawing.size).add_axes((0, 0, 1, 1))
    ax = new_axes(ax)
    shrink = fit(ax, drawing.size)
    drawing.draw(ax, shrink)
    return finish(ax, save)


def history(tensor):
    """All that a tensor was computed from, inputs first, and {node: its inputs}."""
    if not isinstance(tensor, Node):
        raise TypeError(
            f"graph: expected a Tensor of this package, whose operations are recorded, got "
            f"{type(tensor).__module__}.{type(tensor).__name__}."
        )
    inputs, stack = {}, [tensor]
    while stack:
        x = stack.pop()
        if x in inputs:
            continue
        if x.derivatives is not None and x.inputs is None:
            raise GraphError(
                "graph: backward() has used this graph, which frees it. Draw before backward(), or "
                "call backward(retain_graph=True)."
            )
        inputs[x] = list(x.inputs)
        stack += inputs[x]
        if len(inputs) > MANY:
            raise ValueError(
                f"graph: this expression has more than {MANY} operations and leaves, too many to "
                f"read in a picture: draw a part of it, as in graph(x) of an x on the way, or "
                f".detach() the inputs that are not of interest."
            )
    born = {x: getattr(x, "order", 0) if x.derivatives is not None else 0 for x in inputs}
    return sorted(inputs, key=born.get), inputs


def gradients_of(tensor, nodes, gradients):
    """{node: its gradient as an array}, of those that have one."""
    if gradients is None:
        return {n: as_numpy(n.grad) for n in nodes if n.grad is not None}
    wanted = [n for n in nodes if n.requires_grad] if gradients else []
    if gradients and not wanted:
        raise GraphError(
            "graph: gradients=True, but nothing in this expression has requires_grad=True."
        )
    found = grad(tensor, wanted, retain_graph=True, allow_unused=True) if wanted else []
    return {n: as_numpy(g) for n, g in zip(wanted, found) if g is not None}


def lines(node, name, gradient):
    """What stands in a box."""
    operation = "" if node.derivatives is None else name_of(node.derivatives)
    what = SIGNS.get(operation, operation)
    if not operation and name is None:
        what = "leaf" if node.requires_grad else "constant"
    title = what if name is None else f"{shown(name)} = {what}" if what else shown(name)
    x = as_numpy(node)
    out = [title, *([str(tuple(x.shape))] if x.ndim else []), written(x)]
    return [*out, f"grad {written(gradient)}"] if gradient is not None else out


def written(x):
    """A few numbers as they are; of many, the smallest and the largest."""
    if x.size == 0:
        return "empty"
    if x.ndim == 0 or x.size == 1:
        text = f"{x.item():.4g}"
    elif x.ndim == 1 and x.size <= FEW:
        text = "[" + ", ".join(f"{v:.3g}" for v in x) + "]"
    elif x.dtype.kind == "f" and np.isnan(x).all():
        text = "all nan"
    else:
        lost = int(np.isnan(x).sum()) if x.dtype.kind == "f" else 0
        text = f"{np.nanmin(x):.3g} … {np.nanmax(x):.3g}" + (f", {lost} nan" if lost else "")
    return ("0" if text == "-0" else text).replace("-", "−")


class Drawing:
    """Boxes with words, and arrows between them, in inches."""

    def __init__(self, nodes, inputs, texts, direction):
        if direction not in (None, "right", "down"):
            raise ValueError(f'graph: direction={direction!r}, expected "right" or "down".')
        self.texts, self.inputs = texts, inputs
        self.title, self.body = points("medium"), points("small")
        self.boxes = {n: self.box(text) for n, text in texts.items()}
        self.layers, self.edges = layered(nodes, inputs)
        self.down = direction == "down"
        self.arrange()
        if direction is None and self.size[0] > WIDEST:
            self.down = True
            self.arrange()

    def box(self, text):
        """Width and height of a box with its words."""
        sizes = [text_size(line, self.body if i else self.title, families([line]))
                 for i, line in enumerate(text)]  # fmt: skip
        return max(w for w, _ in sizes) + 2 * PAD, sum(h for _, h in sizes) + 2 * PAD

    def arrange(self):
        """Give every box its place; the flow goes along the first coordinate."""
        side = 0 if self.down else 1  # of a box, across the flow
        self.across = {n: self.boxes[n][side] if n in self.boxes else Road.size[1]
                       for layer in self.layers for n in layer}  # fmt: skip
        self.place = placed(
            self.layers, self.edges, {n: w + GAP for n, w in self.across.items()}
        )
        low = min(self.place[n] - w / 2 for n, w in self.across.items()) - GAP
        self.place = {n: y - low for n, y in self.place.items()}
        breadth = max(self.place[n] + w / 2 for n, w in self.across.items()) + GAP
        self.thick = [max((self.boxes[n][1 - side] for n in layer if n in self.boxes), default=0)
                      for layer in self.layers]  # fmt: skip
        ends = np.cumsum(np.array(self.thick) + STEP)
        self.start = ends - np.array(self.thick) - STEP + GAP  # of each layer, along the flow
        length = ends[-1] - STEP + 2 * GAP
        self.size = (breadth, length) if self.down else (length, breadth)

    def xy(self, along, across):
        """A point of the drawing."""
        return (across, along) if self.down else (along, across)

    def draw(self, ax, shrink):
        """Everything."""
        for k, layer in enumerate(self.layers):
            for node in layer:
                if node in self.boxes:
                    self.draw_box(ax, node, k, shrink)
        where = {n: k for k, layer in enumerate(self.layers) for n in layer}
        for path, i in self.edges:
            self.draw_edge(ax, path, i, where, shrink)

    def draw_box(self, ax, node, k, shrink):
        """A frame and its lines of words."""
        from matplotlib.patches import FancyBboxPatch

        width, height = self.boxes[node]
        x, y = self.xy(self.start[k] + self.thick[k] / 2, self.place[node])
        leaf = node.derivatives is None
        corner = f"{'square' if leaf else 'round'},pad=0" + ("" if leaf else ",rounding_size=0.1")
        edge = ATTENTION if leaf and node.requires_grad else pyplot().rcParams["axes.edgecolor"]
        ax.add_patch(FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, boxstyle=corner, facecolor="none",
            edgecolor=edge, linewidth=(1.6 if leaf and node.requires_grad else 0.9) * shrink,
            linestyle=":" if leaf and not node.requires_grad else "-", gid="box",
        ))  # fmt: skip
        top = y - height / 2 + PAD
        for i, line in enumerate(self.texts[node]):
            size = self.body if i else self.title
            tall = text_size(line, size)[1]
            ax.text(x, top + tall / 2, line, ha="center", va="center", fontsize=size * shrink,
                    fontfamily=families([line]))  # fmt: skip
            top += tall

    def draw_edge(self, ax, path, i, where, shrink):
        """An arrow from a box to operand i of another."""
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path

        vertices, codes = [], []
        for start, end, across in self.stops(path, i, where):
            if vertices:
                bend = (vertices[-1][0] + start) / 2
                vertices += [(bend, vertices[-1][1]), (bend, across), (start, across)]
                codes += [Path.CURVE4] * 3
            else:
                vertices.append((start, across))
                codes.append(Path.MOVETO)
            if end > start + 1e-6:  # an arrow's head needs a direction
                vertices.append((end, across))
                codes.append(Path.LINETO)
        ax.add_patch(FancyArrowPatch(
            path=Path([self.xy(*v) for v in vertices], codes), arrowstyle="-|>", shrinkA=0,
            shrinkB=0, color=pyplot().rcParams["text.color"], mutation_scale=8 * shrink,
            linewidth=0.8 * shrink, gid="edge",
        ))  # fmt: skip

    def stops(self, path, i, where):
        """In each layer, from where to where along the flow an edge runs level, and at what place.

        It is level beside the boxes of a layer and bends only between layers, where none stand.
        """
        target, out = path[-1], []
        for n in path:
            start, across = self.start[where[n]], self.place[n]
            end = start + self.thick[where[n]]
            if n in self.boxes:
                middle, half = (start + end) / 2, self.boxes[n][1 if self.down else 0] / 2
                start, end = (start, middle - half) if n is target else (middle + half, end)
            if n is target:
                across += self.across[n] * ((i + 1) / (len(self.inputs[n]) + 1) - 0.5)
            out.append((start, end, across))
        return out


def fit(ax, size):
    """Give the Axes the unit of an inch of the drawing; returns by how much that is shrunk."""
    ax.axis("off")
    width, height = room(ax)
    shrink = min(1.0, width / size[0], height / size[1])
    spare = [(r / shrink - s) / 2 for r, s in zip((width, height), size)]
    ax.set(xlim=(-spare[0], size[0] + spare[0]), ylim=(size[1] + spare[1], -spare[1]))
    ax.set_aspect("equal")
    return shrink
