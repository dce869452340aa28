"""Dropout."""

import numpy as np

from ... import backend
from ...engine import constant
from .checks import tensors


def dropout(input, p=0.5, training=True, inplace=False):
    """y = m ⊙ x / (1 − p), each mask element m being 0 with probability p, else 1.

    Dividing keeps the expected value: E[y] = x. The masks come from the generator that
    `manual_seed` starts.

    Parameters
    ----------
    input : Tensor of any shape
    p : probability with which an element becomes 0
    training : False leaves everything as it is
    inplace : accepted for PyTorch's sake; the input stays as it is

    References
    ----------
    Srivastava et al., "Dropout" (2014), section 4; scaled as in section 10.
    """
    tensors("dropout", input=input)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: the probability p must be between 0 and 1, got {p}.")
    if not training or p == 0:
        return input
    chance = backend.generator(input.device).random(input.shape, dtype=np.float32)
    scale = input.dtype.type(1 / (1 - p) if p < 1 else 0)
    return input * constant((chance >= p) * scale)
