"""Latent diffusion, as `minixattn train drawings` trains it, and its twin.

The noise, the time steps, and which texts are left out are drawn before, for both sides the same;
so what is timed is the prediction from them. No moving average of the weights is kept.
"""

import numpy as np

from .twin import of_recipe, sides


def pieces():
    """The model, and its batches with their noise."""
    made = of_recipe("drawings", lambda b: (b.images, b.words, b.mask), loss_of)
    rng = np.random.default_rng(0)
    return made._replace(batches=[noisy(made.model, rng, *batch) for batch in made.batches])


def noisy(model, rng, images, words, mask):
    """z_t, t, words, mask, and v, which is to be predicted: `LatentDiffusion.loss` before that."""
    from minixattn import tensor

    z_0 = model.encode(tensor(images)).numpy()
    t = rng.integers(1, model.T + 1, len(images))
    epsilon = rng.standard_normal(z_0.shape, np.float32)
    signal, noise = (rate.numpy() for rate in model.rates(t))
    dropped = rng.random((len(images), 1)) < model.unconditional
    mask = mask & ((np.arange(mask.shape[1]) == 0) | ~dropped)
    return signal * z_0 + noise * epsilon, t, words, mask, signal * epsilon - noise * z_0


def loss_of(F, model, z_t, t, words, mask, v):
    """The mean squared error of v; nothing is counted."""
    return F.mse_loss(model.predict(z_t, t, words, mask)[0], v), None


def latent_diffusion(_torch, model):
    """LatentDiffusion in PyTorch."""
    from .twin_unet import LatentDiffusion

    return LatentDiffusion(model)


SIDES = sides(pieces, latent_diffusion)
