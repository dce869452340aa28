"""The parts of `minixattn.models.LatentDiffusion` in PyTorch, for its twin.

Each is made like a part of ours, with its sizes and names.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from minixattn.models.unet import GROUPS

from .twin_transformer import Attention


def linear(like):
    """A Linear of the sizes of that one."""
    return nn.Linear(like.in_features, like.out_features)


def conv(like, stride=1):
    """A Conv2d of the sizes of that one, which keeps height and width but for the stride."""
    out_channels, channels, size, _ = like.weight.shape
    return nn.Conv2d(channels, out_channels, size, stride, padding=size // 2)


def group_norm(like):
    """A GroupNorm of the channels of that one."""
    return nn.GroupNorm(GROUPS, *like.weight.shape)


class ResBlock(nn.Module):
    """shortcut(x) + Conv(SiLU(GN(Conv(SiLU(GN x)) + W τ)))."""

    def __init__(self, like):
        super().__init__()
        self.norm_in, self.norm_out = group_norm(like.norm_in), group_norm(like.norm_out)
        self.conv_in, self.conv_out = conv(like.conv_in), conv(like.conv_out)
        self.W = linear(like.W)
        self.shortcut = None if like.shortcut is None else conv(like.shortcut)

    def forward(self, x, tau):
        """(B, C, H, W), (B, D_τ) → (B, C′, H, W)."""
        h = self.conv_in(F.silu(self.norm_in(x))) + self.W(tau)[:, :, None, None]
        x = x if self.shortcut is None else self.shortcut(x)
        return x + self.conv_out(F.silu(self.norm_out(h)))


class GEGLU(nn.Module):
    """u ⊙ GELU(g), [u, g] = x W + b."""

    def __init__(self, like):
        super().__init__()
        self.W = linear(like.W)

    def forward(self, x):
        """(B, L, C) → (B, L, 2C)."""
        u, g = self.W(x).chunk(2, -1)
        return u * F.gelu(g)


class SpatialTransformer(nn.Module):
    """F + W x, x ← x + A(x, x), x ← x + A(x, words), x ← x + GEGLU(x)."""

    def __init__(self, like):
        super().__init__()
        C = like.W_in.in_features
        self.norm, self.W_in, self.W_out = group_norm(like.norm), nn.Linear(C, C), nn.Linear(C, C)
        self.norm_read, self.norm_look = nn.LayerNorm(C), nn.LayerNorm(C)
        self.read, self.look = Attention(like.read), Attention(like.look, returns=True)
        self.norm_think = nn.LayerNorm(C)
        self.think = nn.Sequential(GEGLU(like.think[0]), linear(like.think[1]))

    def forward(self, input, context, mask):
        """(B, C, H, W), (B, S, D_c), mask (B, 1, 1, S) → (B, C, H, W), weights (B, h, HW, S)."""
        x = self.W_in(self.norm(input).flatten(2).mT)
        n = self.norm_read(x)
        x = x + self.read(n, n)[0]
        look, A = self.look(self.norm_look(x), context, mask)
        x = x + look
        x = x + self.think(self.norm_think(x))
        return input + self.W_out(x).mT.unflatten(2, input.shape[2:]), A


class UNet(nn.Module):
    """`minixattn.models.unet.UNet`."""

    def __init__(self, like):
        super().__init__()
        self.width = like.width
        self.time = nn.Sequential(
            linear(like.time[0]), nn.SiLU(), linear(like.time[2]), nn.SiLU()
        )
        self.conv_in, self.down = conv(like.conv_in), conv(like.down, stride=2)
        self.res_left, self.res_low = ResBlock(like.res_left), ResBlock(like.res_low)
        self.res_middle, self.res_right = ResBlock(like.res_middle), ResBlock(like.res_right)
        self.transformer_low = SpatialTransformer(like.transformer_low)
        self.transformer_right = SpatialTransformer(like.transformer_right)
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), conv(like.up[1]))
        self.norm_out, self.conv_out = group_norm(like.norm_out), conv(like.conv_out)

    def forward(self, z, t, context, mask):
        """(B, C_z, H, W), (B,), (B, S, D_c), (B, S) → (B, C_z, H, W), weights of both."""
        i = torch.arange(self.width // 2)
        angle = t.float()[:, None] * torch.exp(i * (-2 * math.log(10000) / self.width))
        tau, mask = self.time(torch.cat([angle.cos(), angle.sin()], 1)), mask[:, None, None]
        left = self.res_left(self.conv_in(z), tau)
        x, low = self.transformer_low(self.res_low(self.down(left), tau), context, mask)
        x = self.up(self.res_middle(x, tau))
        x = self.res_right(torch.cat([x, left], 1), tau)
        x, high = self.transformer_right(x, context, mask)
        return self.conv_out(F.silu(self.norm_out(x))), (low, high)


class LatentDiffusion(nn.Module):
    """`minixattn.models.LatentDiffusion`, from the noisy latent on."""

    def __init__(self, like):
        super().__init__()
        self.word = nn.Embedding(*like.word.weight.shape)
        self.position = nn.Parameter(torch.empty(like.position.shape))
        self.unet = UNet(like.unet)

    def predict(self, z_t, t, words, mask):
        """v_θ(z_t, t, y), and the weights."""
        return self.unet(z_t, t, self.word(words) + self.position[: words.shape[1]], mask)
