r"""Perceiver IO: a few latents read an input of any length, and are asked for any output.

| paper           | equation                               | identifier | shape           |
|-----------------|----------------------------------------|------------|-----------------|
| Perceiver 3.2   | φ(p) = [p, sin(f_k π p), cos(f_k π p)] | phi        | (…, d (2K + 1)) |
| IO 3.1, x       | the input array, [value, φ(p)]         | x          | (B, M, C)       |
| IO 3.1, z       | the latents, learned                   | encode.z   | (N, D)          |
| IO 3.1, encode  | z ← Attend(z, x)                       | encode     | (B, N, D)       |
| IO 3.1, process | z ← Attend(z, z), L times              | process    | (B, N, D)       |
| IO 3.2, queries | [q_class; φ(p′)]                       | q          | (B, 1 + O, F)   |
| IO 3.1, decode  | y ← Attend(q, z)                       | decode, y  | (B, 1 + O, D)   |
| IO 3.2          | W_digit y₀ + b, the class              | digit      | (B, 10)         |
| IO 3.2          | W_ink y_o + b, the value at p′_o       | ink        | (B, O, 1)       |

where Attend(q, c) is q + A(LN q, LN c) and then y + MLP(LN y), A being multi-head attention. The
first q + is left out in decoding: queries say where to look, and are no part of the answer.

IO: Jaegle et al., "Perceiver IO: A General Architecture for Structured Inputs & Outputs" (2021).
Perceiver: Jaegle et al., "Perceiver: General Perception with Iterative Attention" (2021), whose
frequencies f_1, …, f_K are spaced evenly from 1 to μ/2, μ pixels being the side of an image.

What it costs: M N scores to encode, L N² to process, O N to decode, so it is linear in input and
output; `FullSelfAttention`, the same without latents, has L M² (`perceiver_cost.py` measures both).

Read before: `nn/latent.py`, which is the encoder. How it is taught: `reading.py`.
"""

import math
from typing import NamedTuple

import numpy as np

from ..creation import as_tensor, empty
from ..errors import ShapeError
from ..nn import (
    CrossAttention,
    FeedForward,
    LatentAttention,
    LayerNorm,
    Linear,
    Module,
    ModuleList,
    Parameter,
    SelfAttention,
    init,
)
from ..nn.functional import gelu
from ..ops.shape import cat, expand
from ..tensor import Tensor
from ..tracing import note


class Outcome(NamedTuple):
    """What `PerceiverIO` returns.

    digit : Tensor (B, classes), logits
    ink : Tensor (B, O, channels), the values at the places asked for
    maps : `Maps`
    """

    digit: Tensor
    ink: Tensor
    maps: tuple


class Maps(NamedTuple):
    """Where it looked; every row sums to 1.

    encode : Tensor (B, h, N, M), **latents over pixels**; None without latents
    process : tuple of L Tensors (B, h, N, N), latents over latents
    decode : Tensor (B, h, 1 + O, N), the class and the places asked for over latents
    """

    encode: Tensor
    process: tuple
    decode: Tensor


def fourier_positions(p, bands, side):
    """φ(p) = [p, sin(f_k π p), cos(f_k π p)], f_k evenly from 1 to μ/2.

    Parameters
    ----------
    p : Tensor (…, d), each coordinate from −1 to 1
    bands : K
    side : μ, how many pixels there are from −1 to 1

    Returns
    -------
    Tensor (…, d (2K + 1))

    References
    ----------
    Jaegle et al., "Perceiver" (2021), section 3.2.
    """
    f = as_tensor(np.linspace(1, side / 2, bands), dtype=p.dtype, device=p.device)
    angle = math.pi * p.unsqueeze(-1) * f  # (…, d, K)
    return cat([p, angle.sin().flatten(-2), angle.cos().flatten(-2)], -1)


class ProcessBlock(Module):
    r"""The latents look at one another.

        y = z + SelfAttention(LN z)
        output = y + MLP(LN y)

    Parameters
    ----------
    width, heads, hidden : D, h, hidden units of the MLP, whose σ is GELU
    """

    equation = "y = z + A(LN z, LN z), y + MLP(LN y)"
    equations = {
        "z": ("z", "(B, N, D)"),
        "weights": ("A", "(B, h, N, N)"),
        "y": (r"y = z + \operatorname{SelfAttention}(\operatorname{LN} z)", "(B, N, D)"),
        "output": (r"y + \operatorname{MLP}(\operatorname{LN} y)", "(B, N, D)"),
    }

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm_attention, self.norm_mlp = LayerNorm(width), LayerNorm(width)
        self.attention = SelfAttention(width, num_heads=heads)
        self.mlp = FeedForward(width, hidden, gelu)

    def forward(self, z):
        """(B, N, D) → output (B, N, D), weights (B, h, N, N)."""
        seen, weights = self.attention(self.norm_attention(z))
        y = z + seen
        output = y + self.mlp(self.norm_mlp(y))
        note(self, z=z, weights=weights, y=y, output=output)
        return output, weights


class DecodeBlock(Module):
    r"""Queries ask the latents.

        y = CrossAttention(LN q, LN z)
        output = y + MLP(LN y)

    Parameters
    ----------
    query_dim, width, heads, hidden : F, D, h, hidden units of the MLP, whose σ is GELU
    """

    equation = "y = A(LN q, LN z), y + MLP(LN y)"
    equations = {
        "q": ("q", "(B, O, F)"),
        "z": ("z", "(B, N, D)"),
        "weights": ("A", "(B, h, O, N)"),
        "y": (
            r"y = \operatorname{CrossAttention}(\operatorname{LN} q, \operatorname{LN} z)",
            "(B, O, D)",
        ),
        "output": (r"y + \operatorname{MLP}(\operatorname{LN} y)", "(B, O, D)"),
    }

    def __init__(self, query_dim, width, heads, hidden):
        super().__init__()
        self.norm_query, self.norm_latents = LayerNorm(query_dim), LayerNorm(width)
        self.attention = CrossAttention(
            query_dim, width, num_heads=heads, head_dim=width // heads, out_dim=width
        )
        self.norm_mlp, self.mlp = LayerNorm(width), FeedForward(width, hidden, gelu)

    def forward(self, q, z):
        """(B, O, F), (B, N, D) → output (B, O, D), weights (B, h, O, N)."""
        y, weights = self.attention(self.norm_query(q), self.norm_latents(z))
        output = y + self.mlp(self.norm_mlp(y))
        note(self, q=q, z=z, weights=weights, y=y, output=output)
        return output, weights


class PerceiverIO(Module):
    r"""Pixels in, the digit and the ink at any other place out.

    Parameters
    ----------
    latents : N
    width : D
    heads : h, of every attention
    blocks : L, how many times the latents look at one another
    hidden : hidden units of each MLP; 2 D where None
    bands : K, frequencies for each coordinate
    side : μ, pixels from one edge to the other of the images that it learns from
    channels : numbers for each pixel
    classes : how many kinds of image

    Attributes
    ----------
    encode, process, decode : the three parts; q_class (1, F), what asks for the kind of image,
        starts N(0, 0.02²) without its tails beyond ±2; to_digit, to_ink : Linear, from y

    Examples
    --------
    >>> import minixattn as mx
    >>> model = mx.models.PerceiverIO(latents=8, width=16, heads=2, blocks=1)
    >>> pixels, places, asked = mx.rand(3, 64, 1), mx.rand(3, 64, 2), mx.rand(3, 5, 2)
    >>> digit, ink, maps = model(pixels, places, asked)
    >>> digit.shape, ink.shape, maps.encode.shape
    ((3, 10), (3, 5, 1), (3, 2, 8, 64))
    """

    equation = "z ← Attend(z, x), z ← Attend(z, z) L times, y ← Attend(q, z)"
    equations = {
        "x": (r"x = [\text{value}, \varphi(p)]", "(B, M, C)"),
        "weights": (r"A", "(B, h, N, M)"),
        "z": (r"\operatorname{Attend}(z, x), …, \operatorname{Attend}(z, z)", "(B, N, D)"),
        "q": (r"q = [q_\text{class}; \varphi(p')]", "(B, 1 + O, F)"),
        "y": (r"y \leftarrow \operatorname{Attend}(q, z)", "(B, 1 + O, D)"),
        "digit": (r"W_\text{digit}\, y_0 + b", "(B, 10)"),
        "ink": (r"W_\text{ink}\, y_{1…} + b", "(B, O, 1)"),
    }  # fmt: skip

    def __init__(self, *, latents=24, width=64, heads=4, blocks=2, hidden=None, bands=4, side=8,
                 channels=1, classes=10):  # fmt: skip
        super().__init__()
        self.channels, self.bands, self.side = channels, bands, side
        F, hidden = 2 * (2 * bands + 1), 2 * width if hidden is None else hidden
        self.encode = LatentAttention(
            width, channels + F, num_latents=latents, num_heads=heads, hidden_dim=hidden
        )
        self.process = ModuleList(ProcessBlock(width, heads, hidden) for _ in range(blocks))
        self.q_class = Parameter(empty(1, F))
        init.trunc_normal_(self.q_class, std=0.02)
        self.decode = DecodeBlock(F, width, heads, hidden)
        self.to_digit, self.to_ink = Linear(width, classes), Linear(width, channels)

    def forward(self, values, positions, queries):
        """Read pixels, then answer.

        Parameters
        ----------
        values : (B, M, channels); hidden pixels are not among them
        positions : p (M, 2) or (B, M, 2), where they are, (y, x) from −1 to 1
        queries : p′ (O, 2) or (B, O, 2), the places to fill in

        Returns
        -------
        Outcome

        Raises
        ------
        ShapeError
            If shapes do not fit the model or one another.
        """
        self.check(values, positions, queries)
        x = cat([values, self.phi(positions, len(values))], -1)
        z, weights = self.encode(x)
        process = []
        for block in self.process:
            z, looks = block(z)
            process.append(looks)
        q_class = expand(self.q_class, len(values), *self.q_class.shape)
        q = cat([q_class, self.phi(queries, len(values))], 1)
        y, answers = self.decode(q, z)
        digit, ink = self.to_digit(y[:, 0]), self.to_ink(y[:, 1:])
        note(self, x=x, weights=weights, z=z, q=q, y=y, digit=digit, ink=ink)
        return Outcome(digit, ink, Maps(weights, tuple(process), answers))

    def phi(self, p, B):
        """φ(p) for every image: (L, 2) or (B, L, 2) → (B, L, F)."""
        features = fourier_positions(p, self.bands, self.side)
        return features if features.ndim == 3 else expand(features, B, *features.shape)

    def check(self, values, positions, queries):
        """Raise ShapeError unless the inputs fit the model and one another."""
        name, c = type(self).__name__, self.channels
        if values.ndim != 3 or values.shape[-1] != c or not values.shape[1]:
            raise ShapeError(
                f"{name}: values has shape {tuple(values.shape)}, expected (B, M, {c}): M pixels, "
                f"at least one, of {c} number{'s'[: c > 1]} each. An image (8, 8) is "
                f"image.reshape(1, 64, 1), and its positions are data.pixels.grid(8)."
            )
        B, M, _ = values.shape
        for what, p, length in ("positions", positions, M), ("queries", queries, None):
            L = p.shape[-2] if p.ndim > 1 and length is None else length
            if tuple(p.shape) not in ((L, 2), (B, L, 2)):
                n = "O" if length is None else M
                raise ShapeError(
                    f"{name}: {what} has shape {tuple(p.shape)}, expected ({n}, 2) or "
                    f"({B}, {n}, 2), a place (y, x) from −1 to 1 for each pixel."
                )
