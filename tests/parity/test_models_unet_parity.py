"""The parts of the U-Net against the same equations in PyTorch, with every gradient."""

import torch.nn.functional as TF
from layer_parity import agree, attention

from minixattn.models.unet import GROUPS, ResBlock, SpatialTransformer


def linear(p, name, x):
    return TF.linear(x, p[f"{name}.weight"], p.get(f"{name}.bias"))


def conv(p, name, x, padding):
    return TF.conv2d(x, p[f"{name}.weight"], p[f"{name}.bias"], padding=padding)


def group_norm(p, name, x):
    return TF.group_norm(x, GROUPS, p[f"{name}.weight"], p[f"{name}.bias"])


def layer_norm(p, name, x):
    return TF.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"])


def test_res_block():
    def restated(p, x, time):
        h = conv(p, "conv_in", TF.silu(group_norm(p, "norm_in", x)), 1)
        h = h + linear(p, "W", time)[:, :, None, None]
        h = conv(p, "conv_out", TF.silu(group_norm(p, "norm_out", h)), 1)
        return h + conv(p, "shortcut", x, 0)

    agree(ResBlock(8, 16, 5), restated, (2, 8, 4, 3), (2, 5))


def test_spatial_transformer():
    def restated(p, F, c):
        x = linear(p, "W_in", group_norm(p, "norm", F).flatten(2).mT)
        n = layer_norm(p, "norm_read", x)
        x = x + attention(p, "read.", 2, n, n)[0]
        seen, weights = attention(p, "look.", 2, layer_norm(p, "norm_look", x), c)
        x = x + seen
        u, g = linear(p, "think.0.W", layer_norm(p, "norm_think", x)).chunk(2, -1)
        x = x + linear(p, "think.1", u * TF.gelu(g))
        return F + linear(p, "W_out", x).mT.reshape(F.shape), weights

    agree(SpatialTransformer(16, 5, num_heads=2), restated, (3, 16, 4, 2), (3, 7, 5))
