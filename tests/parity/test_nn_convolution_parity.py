"""Convolution and resampling against PyTorch: values, first and second derivatives in float64."""

import pytest
import torch
from compare import close, compare, everywhere, normal

import minixattn as mx

F = "t.nn.functional."


@pytest.mark.parametrize(
    "options",
    ["", ", stride=2", ", padding=1", ", dilation=2", ", padding='same'", ", padding='valid'",
     ", stride=(2, 1), padding=(1, 2), dilation=(1, 2)", ", 2, 1, 1"],
)  # fmt: skip
def test_conv2d(options):
    everywhere(
        f"{F}conv2d(x, W, b{options})", x=normal(2, 3, 6, 7), W=normal(4, 3, 3, 2), b=normal(4)
    )


@pytest.mark.parametrize("groups", [2, 4])
def test_groups(groups):
    W = normal(8, 4 // groups, 2, 3)
    everywhere(f"{F}conv2d(x, W, None, 1, 1, 1, {groups})", x=normal(2, 4, 4, 5), W=W)


def test_a_single_image():
    everywhere(F + "conv2d(x, W)", x=normal(3, 5, 4), W=normal(2, 3, 2, 2))


@pytest.mark.parametrize("options", ["2", "(2, 3)", "2, 2", "2, 1, 1", "3, padding=1, stride=2",
                                     "(3, 2), (1, 2), (0, 1), (2, 1)"])  # fmt: skip
def test_unfold(options):
    everywhere(f"{F}unfold(x, {options})", x=normal(2, 3, 5, 6))


@pytest.mark.parametrize(
    "options",
    ["scale_factor=2", "scale_factor=(2.0, 3.0)", "size=(7, 5)", "size=3", "scale_factor=1.7",
     "None, 2", "(10, 6)"],
)  # fmt: skip
def test_interpolate(options):
    everywhere(f"{F}interpolate(x, {options})", x=normal(2, 3, 5, 3))


@pytest.mark.parametrize("options", ["2", "(2, 3)", "3, 1", "3, stride=2, padding=1"])
def test_avg_pool2d(options):
    everywhere(f"{F}avg_pool2d(x, {options})", x=normal(2, 3, 5, 6))


@pytest.mark.parametrize("shape", [(2, 4, 6, 4), (4, 2, 2)])
def test_shuffles(shape):
    compare(F + "pixel_unshuffle(x, 2)", x=normal(*shape))
    compare(F + "pixel_shuffle(x, 2)", x=normal(*shape))


@pytest.mark.parametrize(
    "expression",
    ["Conv2d(3, 4, 3)", "Conv2d(4, 6, (3, 2), 2, 1, 1, 2, False)", "PixelUnshuffle(2)",
     "Conv2d(2, 2, 3, padding='same')", "Upsample(scale_factor=2)", "AvgPool2d(2)"],
)  # fmt: skip
def test_layers_share_a_state_and_agree(expression):
    ours, theirs = (eval(f"t.nn.{expression}", {"t": t}).double() for t in (mx, torch))
    with mx.no_grad():
        for i, p in enumerate(ours.parameters()):
            p.copy_(mx.tensor(normal(*p.shape, seed=i)))
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    x = normal(2, getattr(ours, "in_channels", 3), 6, 4)
    a, b = mx.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    close(y, z, expression)
    (y * y).sum().backward()
    (z * z).sum().backward()
    close(a.grad, b.grad, expression)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters()):
        close(p.grad, q.grad, name)
