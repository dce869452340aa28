"""Pictures of attention. Arrays go in, matplotlib axes come out; needs the extra `plot`.

| call                              | shows                                                     |
|-----------------------------------|-----------------------------------------------------------|
| `heatmap(weights, queries, keys)` | one matrix: a row for each query, a column for each key   |
| `heads(weights, queries, keys)`   | a small matrix for each head or layer, with its entropy   |
| `arcs(weights, queries, keys)`    | lines between two texts                                   |
| `overlay(image, weights, grid)`   | one query's weights over the image that it looks at       |
| `words(image, weights, tokens, grid)` | a map over the image for each word                    |
| `animate(weights, queries, keys)` | weights that form over time, or with `image=` over it     |
| `mask(allowed)`                   | which query may look at which key                         |
| `steps(trace)`                    | the whole equation as matrices, drawn to scale            |
| `graph(tensor, names)`            | what a tensor was computed from, with gradients           |
| `curves(log)`                     | loss and other measures against training steps            |
| `explore(attention, queries, keys)` | a page to point at, one HTML file; needs no matplotlib  |
| `capture(model)`                  | nothing itself: it collects the weights that a model,     |
|                                   | this package's or PyTorch's, computes inside the block    |

Weights have a row for each query and a column for each key; heads, layers and tokens count from 0.
A picture goes onto the Axes `ax=` where given, and into the file `save=` (.png, .svg or .pdf).
"""
from .animate import animate
from .arcs import arcs
from .capture import capture
from .curves import curves
from .explore import explore
from .graph import graph
from .heads import heads
from .heatmap import heatmap
from .mask import mask
from .overlay import overlay
from .steps import steps
from .words import words

__all__ = [
    "animate", "arcs", "capture", "curves", "explore", "graph", "heads", "heatmap", "mask",
    "overlay", "steps", "words",
]  # fmt: skip
