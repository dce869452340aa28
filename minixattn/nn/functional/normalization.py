"""Normalisations: each divides by a root mean square.

`rms_norm` is y = x / √(mean x² + ε), `layer_norm` the same of x − mean x, and `group_norm` the
same for groups of channels. `normalize` divides by a norm instead.
"""

import math

import numpy as np

from ...engine import Node, apply, unary
from ...errors import DTypeError, ShapeError
from ...ops.elementwise import maximum
from ...ops.norm import norm
from ...ops.reduction import mean
from ...precision import in_single
from . import fast_norm
from .checks import tensors
from .merging import row_sums


@in_single
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """y = (x − μ) / √(σ² + ε) ⊙ w + b, μ and σ² over the last dimensions.

    Parameters
    ----------
    input : (…, *normalized_shape)
    normalized_shape : tuple (or int) of the sizes that are normalised over
    weight, bias : normalized_shape, or None
    eps : ε

    References
    ----------
    Ba, Kiros & Hinton, "Layer Normalization" (2016), equations 3 and 4.
    """
    dims = last_dims("layer_norm", input, normalized_shape, weight, bias)

    def equation(x, w, b):
        return affine(over_rms(centred(x, dims), dims, eps), w, b)

    if dims == (-1,) and fast_norm.is_plain(input, weight, bias):
        return fast_norm.layer_norm(input, weight, bias, eps, equation)
    return in_float32(equation, input, weight, bias)


@in_single
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """y = x / √(mean x² + ε) ⊙ w, the mean over the last dimensions.

    Parameters
    ----------
    input : (…, *normalized_shape)
    normalized_shape : tuple (or int) of the sizes that are normalised over
    weight : normalized_shape, or None
    eps : ε; where None, the gap after 1 in the type that is computed in

    References
    ----------
    Zhang & Sennrich, "Root Mean Square Layer Normalization" (2019), equation 4.
    """
    dims = last_dims("rms_norm", input, normalized_shape, weight, None)
    computed = np.promote_types(input.dtype, np.float32)
    eps = float(np.finfo(computed).eps) if eps is None else eps
    return in_float32(lambda x, w, b: affine(over_rms(x, dims, eps), w, b), input, weight, None)


@in_single
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """y = (x − μ) / √(σ² + ε) ⊙ w + b, μ and σ² over each of G groups of channels.

    Parameters
    ----------
    input : (N, C, *)
    num_groups : G, a divisor of C
    weight, bias : (C,), or None
    eps : ε

    References
    ----------
    Wu & He, "Group Normalization" (2018), equations 1 and 7.
    """
    check_float("group_norm", input)
    if input.ndim < 2:
        raise ShapeError(f"group_norm: expected an input (N, C, *), got shape {input.shape}.")
    N, C = input.shape[:2]
    if num_groups < 1 or C % num_groups:
        raise ShapeError(
            f"group_norm: {C} channels (input of shape {input.shape}) do not divide into "
            f"{num_groups} groups."
        )
    check_affine("group_norm", (C,), weight, bias)
    groups = (N, num_groups, C // num_groups, *input.shape[2:])
    channels, dims = (C, *[1] * (input.ndim - 2)), tuple(range(2, len(groups)))

    def equation(x, w, b):
        x = over_rms(centred(x.reshape(groups), dims), dims, eps).reshape(x.shape)
        return affine(x, *(p if p is None else p.reshape(channels) for p in (w, b)))

    if fast_norm.is_plain(input, weight, bias):
        return fast_norm.group_norm(input, num_groups, weight, bias, eps, equation)
    return in_float32(equation, input, weight, bias)


def normalize(input, p=2.0, dim=1, eps=1e-12):
    """y = x / max(‖x‖ₚ, ε), the norm along `dim`."""
    check_float("normalize", input)
    return input / maximum(norm(input, p, dim, keepdim=True), eps)


# What they are made of ---------------------------------------------------------------------------


def in_float32(equation, x, w, b):
    """float16 is stored in 16 bits and computed in 32."""
    if x.dtype == np.float16:
        return equation(*(t if t is None else t.float() for t in (x, w, b))).half()
    return equation(x, w, b)


def centred(input, dims):
    """y = x − mean x; ∂L/∂x = g − mean g."""
    return unary(
        lambda x: x - average(x, dims), input, lambda g, _y, _x: g - inner_mean(g, dims)
    )


def average(x, dims):
    """The mean of an array, with the dimensions kept as 1."""
    n = max(math.prod(x.shape[d] for d in dims), 1)
    if dims == (-1,):  # the sums of many rows are quickest as a product with ones
        return row_sums(x) * (1 / n)
    if len(dims) > 1:  # positions before channels: the latter may lie side by side in memory
        x = x.sum(axis=dims[1:], keepdims=True)
    return x.sum(axis=dims[0], keepdims=True) * (1 / n)


def inner_mean(input, dims):
    """`average` with a derivative."""
    if not isinstance(input, Node):
        return average(input, dims)
    if len(dims) > 1:
        input = mean(input, dims[1:], keepdim=True)
    return mean(input, dims[:1], keepdim=True)


def over_rms(input, dims, eps):
    """y = x r with r = (mean x² + ε)^(−½); ∂L/∂x = r (g − y mean(g ⊙ y)).

    r is an operation of its own, so that the derivative can be differentiated; what flows to x
    through r is in ∂L/∂x already.
    """
    return apply(
        lambda x, r: x * r, (input, inverse_rms(input, dims, eps)),
        lambda g, y, _x, r: r * (g - y * inner_mean(g * y, dims)), None,
    )  # fmt: skip


def inverse_rms(input, dims, eps):
    """r = (mean x² + ε)^(−½); ∂L/∂x = −g r³ x / n."""

    def derivative(g, r, x):
        n = math.prod(x.shape[d] for d in dims)
        return g * (r * r * r) * x * (-1 / n)

    return unary(lambda x: 1 / np.sqrt(average(x * x, dims) + eps), input, derivative)


def affine(input, weight, bias):
    """y = x ⊙ w + b, each left out where it is None."""
    if weight is None or bias is None:
        y = input if weight is None else input * weight
        return y if bias is None else y + bias
    return apply(
        lambda x, w, b: x * w + b, (input, weight, bias),
        lambda g, _y, _x, w, _b: g * w, lambda g, _y, x, _w, _b: g * x, lambda g, *_: g,
    )  # fmt: skip


# Checks ------------------------------------------------------------------------------------------


def last_dims(name, input, normalized_shape, weight, bias):
    """The dimensions that `normalized_shape` stands for, once all sizes are found to fit."""
    check_float(name, input)
    shape = normalized_shape
    shape = (int(shape),) if not isinstance(shape, (tuple, list)) else tuple(shape)
    n = len(shape)
    if not n or n > input.ndim or input.shape[input.ndim - n :] != shape:
        wanted = ", ".join(map(str, ("…", *shape)))
        raise ShapeError(
            f"{name}: the input has shape {input.shape}, expected ({wanted}), since "
            f"normalized_shape is {shape}."
        )
    check_affine(name, shape, weight, bias)
    return tuple(range(-n, 0))


def check_affine(name, shape, weight, bias):
    """Weight and bias of the shape that they are applied in."""
    tensors(name, weight=weight, bias=bias)
    for which, p in (("weight", weight), ("bias", bias)):
        if p is not None and p.shape != shape:
            raise ShapeError(f"{name}: the {which} has shape {p.shape}, expected {shape}.")


def check_float(name, input):
    """Only a float input has a mean."""
    tensors(name, input=input)
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: expected a float input, got {input.dtype}: use x.float().")
