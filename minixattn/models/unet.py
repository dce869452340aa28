r"""A small U-Net that looks at words: the network inside Stable Diffusion, in its proportions.

Read beside Ho et al., "Denoising Diffusion Probabilistic Models" (2020), appendix B, and Rombach et
al., "High-Resolution Image Synthesis with Latent Diffusion Models" (2022), section 3.3:

| paper                                   | identifier           | shape                     |
|-----------------------------------------|----------------------|---------------------------|
| z_t, the noisy latent                   | z                    | (B, C_z, H, W)            |
| t, its sinusoidal embedding, an MLP     | t, τ = time(t)       | (B,), (B, 4C)             |
| τ_θ(y), the words                       | context              | (B, S, D_c)               |
| φ_i(z_t), the network's features        | x                    | (B, C, H, W)              |
| Q = W_Q φ_i(z_t), K = W_K τ_θ(y), V = …  | look: CrossAttention | weights (B, h, H·W, S)    |
| ResNet block                            | ResBlock             | (B, C, H, W)              |
| SpatialTransformer                      | SpatialTransformer   | (B, C, H, W)              |

    z ─ Conv ─ Res ──────────────────────────────── Res ─ T ─ Conv ─→ output    H × W pixels
                └── down ─ Res ─ T ─ Res ── up ──┘                              half of them

The features on the left are kept and joined to those on the right. In T, a SpatialTransformer,
pixels are the queries and words the keys: each pixel asks the words what to become.

Read before: `nn/attention.py`, `nn/conditioning.py` (GEGLU, FiLM), `nn/functional/convolution.py`.
"""

import math

from .. import nn
from ..creation import arange
from ..errors import ShapeError
from ..nn.functional import silu
from ..ops.elementwise import cos, exp, sin
from ..ops.shape import cat
from ..tracing import note

GROUPS = 8  # of every GroupNorm


def sinusoids(t, width):
    """e = [cos(t ω_i), sin(t ω_i)], ω_i = 10000^(−2i/width): (B,) → (B, width).

    References
    ----------
    Ho et al. (2020), appendix B, after Vaswani et al. (2017), section 3.5.
    """
    i = arange(width // 2, device=t.device).float()
    angle = t.float().unsqueeze(1) * exp(i * (-2 * math.log(10000) / width))
    return cat([cos(angle), sin(angle)], 1)


def zeroed(layer):
    """A layer that starts at 0, so that what it is added to passes unchanged at first."""
    for p in layer.parameters():
        nn.init.zeros_(p)
    return layer


def beside(a, b):
    """The channels of two images as those of one, which in memory lie side by side as theirs do."""
    return cat([a.permute(0, 2, 3, 1), b.permute(0, 2, 3, 1)], -1).permute(0, 3, 1, 2)


class ResBlock(nn.Module):
    r"""Two convolutions beside a shortcut; the time step shifts every channel.

        h = Conv(SiLU(GN x)) + W τ
        y = shortcut(x) + Conv(SiLU(GN h))

    Parameters
    ----------
    channels, out_channels : C, C′; where they differ the shortcut is a 1 × 1 convolution
    time_width : width of τ

    References
    ----------
    Ho et al. (2020), appendix B. The last convolution starts at 0.
    """

    equation = "shortcut(x) + Conv(SiLU(GN(Conv(SiLU(GN x)) + W τ)))"
    equations = {
        "x": ("x", "(B, C, H, W)"),
        "tau": (r"\tau", "(B, D_τ)"),
        "h": (r"\operatorname{Conv}(\operatorname{SiLU}(\operatorname{GN} x)) + W \tau",
              "(B, C′, H, W)"),
        "output": (r"x + \operatorname{Conv}(\operatorname{SiLU}(\operatorname{GN} h))",
                   "(B, C′, H, W)"),
    }  # fmt: skip

    def __init__(self, channels, out_channels, time_width):
        super().__init__()
        self.norm_in = nn.GroupNorm(GROUPS, channels)
        self.norm_out = nn.GroupNorm(GROUPS, out_channels)
        self.conv_in = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.conv_out = zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.W = nn.Linear(time_width, out_channels)
        self.shortcut = None
        if channels != out_channels:
            self.shortcut = nn.Conv2d(channels, out_channels, 1)

    def forward(self, input, time):
        """(B, C, H, W), τ (B, D_τ) → (B, C′, H, W)."""
        h = self.conv_in(silu(self.norm_in(input))) + self.W(time)[:, :, None, None]
        x = input if self.shortcut is None else self.shortcut(input)
        output = x + self.conv_out(silu(self.norm_out(h)))
        note(self, x=input, tau=time, h=h, output=output)
        return output


class Modulation(nn.Module):
    r"""FiLM in the place of cross-attention: all words together scale and shift the channels.

        z = mean_s SiLU(W c_s)
        y = γ(z) ⊙ x + β(z) − x

    Called as `CrossAttention` is, by a caller who adds x to it. Its weights are 1/S: no pixel can
    ask for a word of its own.

    Parameters
    ----------
    query_dim, context_dim : C, width of a pixel, and D_c, width of a word
    num_heads : h, in the shape of the weights only

    References
    ----------
    Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer" (2018), equation 2.
    """

    equation = "γ(z) ⊙ x + β(z) − x, z = mean SiLU(W c)"

    def __init__(self, query_dim, context_dim, *, num_heads, **_biases):
        super().__init__()
        self.num_heads, self.W = num_heads, nn.Linear(context_dim, 2 * context_dim)
        self.film = nn.FiLM(2 * context_dim, query_dim)

    def forward(self, query, context, mask=None):
        """(B, L, C), (B, S, D_c), mask (B, 1, S) → output (B, L, C), weights (B, h, L, S)."""
        real = (context[:, :, :1] * 0 + 1 if mask is None else mask.mT).to(query.dtype)  # (B, S, 1)
        share = real / real.sum(1, keepdim=True)
        z = (silu(self.W(context)) * share).sum(1)  # (B, 2 D_c)
        output = self.film(query.mT, z).mT - query
        B, L, _ = query.shape
        weights = share.reshape(B, 1, 1, -1).expand(B, self.num_heads, L, -1)
        return output, weights


class SpatialTransformer(nn.Module):
    r"""The pixels as a sequence: they look at one another, at the words, and think.

        x = W_in GN(F)                       pixels as rows: (B, H·W, C)
        x ← x + SelfAttention(LN x)
        x ← x + CrossAttention(LN x, c)      **pixels look at words**
        x ← x + W GEGLU(LN x)
        output = F + W_out x

    Parameters
    ----------
    channels : C
    context_dim : D_c, width of the words
    num_heads : h
    look : the class whose layer lets the pixels see the words

    References
    ----------
    Rombach et al. (2022), section 3.3 and appendix E.2.1. The feed-forward part has 2C hidden
    units, where the paper's has 4C.
    """

    equation = "F + W x, x ← x + A(x, x), x ← x + A(x, words), x ← x + GEGLU(x)"
    equations = {
        "F": ("F", "(B, C, H, W)"),
        "c": ("c", "(B, S, D_c)"),
        "tokens": (r"x = W_{in} \operatorname{GN}(F)", "(B, H·W, C)"),
        "read": (r"x \leftarrow x + A(\operatorname{LN} x, \operatorname{LN} x)", "(B, H·W, C)"),
        "weights": ("A", "(B, h, H·W, S)"),
        "seen": (r"x \leftarrow x + A(\operatorname{LN} x, c)", "(B, H·W, C)"),
        "thought": (r"x \leftarrow x + W \operatorname{GEGLU}(\operatorname{LN} x)", "(B, H·W, C)"),
        "output": (r"F + W_{out} x", "(B, C, H, W)"),
    }

    def __init__(self, channels, context_dim, *, num_heads, look=nn.CrossAttention):
        super().__init__()
        C = channels
        self.norm, self.W_in = nn.GroupNorm(GROUPS, C), nn.Linear(C, C)
        self.norm_read = nn.LayerNorm(C)
        self.read = nn.SelfAttention(C, num_heads=num_heads, bias=False, out_bias=True)
        self.norm_look = nn.LayerNorm(C)
        self.look = look(C, context_dim, num_heads=num_heads, bias=False, out_bias=True)
        self.norm_think = nn.LayerNorm(C)
        self.think = nn.Sequential(nn.GEGLU(C, 2 * C), nn.Linear(2 * C, C))
        self.W_out = nn.Linear(C, C)

    def forward(self, input, context, mask=None):
        """Features F (B, C, H, W), words (B, S, D_c) → output (B, C, H, W), weights (B, h, HW, S).

        The mask is that of `CrossAttention`: (B, 1, S), True for a real word.
        """
        B, C, H, W = input.shape
        rows = self.norm(input).permute(0, 2, 3, 1).reshape(B, H * W, C)
        tokens = self.W_in(rows)
        read = tokens + self.read(self.norm_read(tokens))[0]
        look, weights = self.look(self.norm_look(read), context, mask)
        seen = read + look
        thought = seen + self.think(self.norm_think(seen))
        image = self.W_out(thought).reshape(B, H, W, C).permute(0, 3, 1, 2)
        output = input + image
        note(self, F=input, c=context, tokens=tokens, read=read, weights=weights, seen=seen,
             thought=thought, output=output)  # fmt: skip
        return output, weights


class UNet(nn.Module):
    r"""From a noisy image, its time step and words to a prediction of the image's size.

    Parameters
    ----------
    channels : C_z, of the image that comes and goes
    context_dim : D_c, width of the words
    widths : C of the full size and of half of it
    num_heads : h
    look : the class whose layer lets the pixels see the words: `CrossAttention`, or `Modulation`
        for the baseline
    """

    equation = "U(z, t, words)"

    def __init__(self, channels, context_dim, *, widths=(32, 96), num_heads=2,
                 look=nn.CrossAttention):  # fmt: skip
        super().__init__()
        C, C2 = widths
        self.channels, self.width, T = channels, C, 4 * C

        def transformer(width):
            return SpatialTransformer(width, context_dim, num_heads=num_heads, look=look)

        self.time = nn.Sequential(nn.Linear(C, T), nn.SiLU(), nn.Linear(T, T), nn.SiLU())
        self.conv_in = nn.Conv2d(channels, C, 3, padding=1)
        self.res_left = ResBlock(C, C, T)
        self.down = nn.Conv2d(C, C, 3, stride=2, padding=1)
        self.res_low, self.transformer_low = ResBlock(C, C2, T), transformer(C2)
        self.res_middle = ResBlock(C2, C2, T)
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(C2, C, 3, padding=1))
        self.res_right, self.transformer_right = ResBlock(2 * C, C, T), transformer(C)
        self.norm_out = nn.GroupNorm(GROUPS, C)
        self.conv_out = zeroed(nn.Conv2d(C, channels, 3, padding=1))

    def forward(self, z, t, context, mask=None):
        """Predict.

        Parameters
        ----------
        z : (B, C_z, H, W), with even H and W
        t : (B,) time steps
        context : (B, S, D_c)
        mask : (B, S) bool, True for a real word, or None

        Returns
        -------
        output : (B, C_z, H, W)
        maps : the weights of both transformers: (B, h, H·W/4, S) and (B, h, H·W, S)
        """
        self.check(z, t, context)
        mask = None if mask is None else mask.unsqueeze(1)  # (B, 1, S): the same for every pixel
        tau = self.time(sinusoids(t, self.width).to(z.dtype))
        left = self.res_left(self.conv_in(z), tau)
        x, looks_low = self.transformer_low(self.res_low(self.down(left), tau), context, mask)
        x = self.up(self.res_middle(x, tau))
        x = self.res_right(beside(x, left), tau)
        x, looks = self.transformer_right(x, context, mask)
        return self.conv_out(silu(self.norm_out(x))), (looks_low, looks)

    def check(self, z, t, context):
        """Raise ShapeError unless the inputs fit the network and one another."""
        if z.ndim != 4 or z.shape[1] != self.channels or z.shape[2] % 2 or z.shape[3] % 2:
            raise ShapeError(
                f"UNet: z has shape {tuple(z.shape)}, expected (B, {self.channels}, H, W) with "
                f"even H and W, which are halved on the way."
            )
        if tuple(t.shape) != (len(z),) or len(context) != len(z):
            raise ShapeError(
                f"UNet: z holds {len(z)} images, so t must have shape ({len(z)},) and the context "
                f"({len(z)}, S, D_c); got {tuple(t.shape)} and {tuple(context.shape)}."
            )
