r"""Drawing what words say: a latent diffusion model, from noise to handwriting.

| paper    | equation                                               | identifier, shape         |
|----------|--------------------------------------------------------|---------------------------|
| LDM 3.1  | z₀ = 𝓔(x), x = 𝓓(z₀): r × r pixels become r² channels  | z_0: (B, r², H, W)        |
| LDM 3.3  | τ_θ(y), the words as vectors                           | context: (B, S, D_c)      |
| IDDPM 17 | ᾱ_t = f(t)/f(0), f(t) = cos²((t/T + s)/(1 + s) · π/2)  | alpha_bar: (T + 1,)       |
| DDPM 4   | z_t = √ᾱ_t z₀ + √(1 − ᾱ_t) ε                           | z_t: (B, r², H, W)        |
| PD D     | v = √ᾱ_t ε − √(1 − ᾱ_t) z₀                             | v: (B, r², H, W)          |
| DDPM 14  | L = E ‖v − v_θ(z_t, t, y)‖², with v in the place of ε  | loss: ()                  |
| CFG 6    | ṽ = (1 + w) v_θ(z_t, t, y) − w v_θ(z_t, t, ∅)          | guided: (B, r², H, W)     |
| DDIM 12  | z_s = √ᾱ_s ẑ₀ + √(1 − ᾱ_s) ε̂, with σ = 0               | z: (B, r², H, W)          |

LDM: Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models" (2022); its 𝓔
and 𝓓 are learned, these only move pixels. DDPM: Ho et al., "Denoising Diffusion Probabilistic
Models" (2020). IDDPM: Nichol & Dhariwal, "Improved Denoising Diffusion Probabilistic Models"
(2021). PD: Salimans & Ho, "Progressive Distillation for Fast Sampling of Diffusion Models" (2022),
appendix D. CFG: Ho & Salimans, "Classifier-Free Diffusion Guidance" (2022). DDIM: Song et al.,
"Denoising Diffusion Implicit Models" (2021).

Signal √ᾱ_t and noise √(1 − ᾱ_t) are the cosine and the sine of one angle, so (z_t, v) is (z₀, ε)
turned by it. Turning back gives both: ẑ₀ = √ᾱ_t z_t − √(1 − ᾱ_t) v, ε̂ = √(1 − ᾱ_t) z_t + √ᾱ_t v.

Read before: `unet.py`.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..creation import as_tensor, empty
from ..engine import no_grad
from ..errors import DTypeError, ShapeError
from ..nn import Embedding, Module, Parameter, init
from ..nn.functional import mse_loss, pixel_shuffle, pixel_unshuffle
from ..ops.shape import cat
from ..tensor import Tensor
from .unet import UNet


class Samples(NamedTuple):
    """What `LatentDiffusion.sample` returns.

    images : Tensor (B, 1, side, side), from −1 to 1
    times : the time steps at which the network was asked, from T down
    maps : for each of them the maps of the `UNet`, where pixels look at words; () unless asked for
    """

    images: Tensor
    times: tuple
    maps: tuple


def cosine_schedule(T, s=0.008):
    """ᾱ_t = f(t)/f(0), f(t) = cos²((t/T + s)/(1 + s) · π/2): array (T + 1,), from 1 down to 0.

    References
    ----------
    Nichol & Dhariwal (2021), equation 17.
    """
    f = np.cos((np.arange(T + 1) / T + s) / (1 + s) * math.pi / 2) ** 2
    return f / f[0]


class LatentDiffusion(Module):
    r"""Words in, images out.

    Parameters
    ----------
    vocabulary : number of words known; 0 is the padding, and all texts begin with the same word
    words : S, length of the longest text
    side : height and width of an image in pixels, a multiple of 2r
    factor : r
    steps : T
    context_dim : D_c
    unconditional : share of the texts that training replaces with ∅, the first word alone
    **options : `widths`, `num_heads` and `look` of the `UNet`

    Attributes
    ----------
    word, position : (vocabulary, D_c) and (S, D_c), start as N(0, 1) and N(0, ½²)
    """

    equation = "ẑ₀ = √ᾱ z_t − √(1 − ᾱ) v(z_t, t, words)"

    def __init__(self, vocabulary, words, *, side=16, factor=2, steps=1000, context_dim=32,
                 unconditional=0.1, **options):  # fmt: skip
        super().__init__()
        if side < 1 or side % (2 * factor):
            raise ShapeError(
                f"LatentDiffusion: side={side} is not a multiple of 2 · factor = {2 * factor}: "
                f"the U-Net halves the {side} / {factor} places of a latent row once."
            )
        self.side, self.factor, self.T, self.unconditional = side, factor, steps, unconditional
        self.alpha_bar = cosine_schedule(steps)
        self.word = Embedding(vocabulary, context_dim)
        self.position = Parameter(empty(words, context_dim))
        init.normal_(self.position, std=0.5)
        self.unet = UNet(factor**2, context_dim, **options)

    def encode(self, x):
        """z₀ = 𝓔(x): (B, 1, side, side) → (B, r², side/r, side/r)."""
        return pixel_unshuffle(x, self.factor)

    def decode(self, z_0):
        """x = 𝓓(z₀), the inverse of `encode`."""
        return pixel_shuffle(z_0, self.factor)

    def rates(self, t):
        """(√ᾱ_t, √(1 − ᾱ_t)), each (B, 1, 1, 1), for time steps t (B,): signal and noise."""
        alpha_bar = self.alpha_bar[t].reshape(-1, 1, 1, 1)
        return self.like(np.sqrt(alpha_bar)), self.like(np.sqrt(1 - alpha_bar))

    def like(self, array):
        """An array of floats as a tensor of the model's type and on its device."""
        return as_tensor(array, dtype=self.position.dtype, device=self.position.device)

    # Training ------------------------------------------------------------------------------------

    def loss(self, images, words, mask, rng):
        """L = E ‖v − v_θ(z_t, t, y)‖², t and ε by chance, y sometimes ∅ (DDPM 14, CFG algorithm 1).

        Parameters
        ----------
        images : x (B, 1, side, side), from −1 to 1
        words, mask : y (B, S) int64; (B, S) bool, True for a real word
        rng : numpy.random.Generator

        Returns
        -------
        Tensor, a single number
        """
        self.check(words, mask, images)
        z_0 = self.encode(images)
        t = rng.integers(1, self.T + 1, len(images))
        epsilon = self.like(rng.standard_normal(z_0.shape, np.float32))
        signal, noise = self.rates(t)
        z_t = signal * z_0 + noise * epsilon
        v = signal * epsilon - noise * z_0
        dropped = as_tensor(rng.random((len(images), 1)) < self.unconditional, device=mask.device)
        mask = mask & (nothing(mask) | ~dropped)
        return mse_loss(self.predict(z_t, t, words, mask)[0], v)

    def predict(self, z_t, t, words, mask):
        """v_θ(z_t, t, y): (B, r², H, W), and the maps of the `UNet`."""
        context = self.word(words) + self.position[: words.shape[1]]
        return self.unet(z_t, as_tensor(t, device=z_t.device), context, mask)

    # Sampling ------------------------------------------------------------------------------------

    def guided(self, z_t, t, words, mask, w):
        """ṽ = (1 + w) v_θ(z_t, t, y) − w v_θ(z_t, t, ∅), and the maps of y (CFG 6)."""
        if w == 0:
            return self.predict(z_t, t, words, mask)
        z_t, words, masks = cat([z_t, z_t]), cat([words, words]), cat([mask, nothing(mask)])
        v, maps = self.predict(z_t, np.concatenate([t, t]), words, masks)
        with_y, without = v.chunk(2)
        return (1 + w) * with_y - w * without, tuple(weights.chunk(2)[0] for weights in maps)

    @no_grad()
    def sample(self, words, mask, *, steps=25, w=1.0, rng=None, maps=False):
        """Draw, from z_T = noise down to z₀, in `steps` of the T time steps (DDIM 12 with σ = 0).

            ẑ₀ = √ᾱ_t z_t − √(1 − ᾱ_t) ṽ,  ε̂ = √(1 − ᾱ_t) z_t + √ᾱ_t ṽ
            z_s = √ᾱ_s ẑ₀ + √(1 − ᾱ_s) ε̂

        Parameters
        ----------
        words, mask : y (B, S) int64; (B, S) bool, True for a real word
        steps : how often the network is asked
        w : strength of the guidance; 0 for none
        rng : numpy.random.Generator, or the seed of a new one
        maps : whether to keep the maps of every step

        Returns
        -------
        Samples
        """
        self.check(words, mask)
        if not 1 <= steps <= self.T:
            raise ValueError(f"steps is how many of the time steps to visit, from 1 to {self.T}; "
                             f"got {steps}.")  # fmt: skip
        rng, H = np.random.default_rng(rng), self.side // self.factor
        z = self.like(rng.standard_normal((len(words), self.factor**2, H, H)))
        times = np.linspace(self.T, 0, steps + 1).round().astype(int)
        kept = []
        for t, s in pairwise(times):
            t, s = np.full(len(words), t), np.full(len(words), s)
            v, weights = self.guided(z, t, words, mask, w)
            (signal, noise), (signal_s, noise_s) = self.rates(t), self.rates(s)
            z_0, epsilon = signal * z - noise * v, noise * z + signal * v
            z = signal_s * z_0 + noise_s * epsilon
            kept += [weights] if maps else []
        return Samples(self.decode(z).clamp(-1, 1), tuple(times[:-1].tolist()), tuple(kept))

    def check(self, words, mask, images=None):
        """Raise unless texts, mask and images fit the model and one another."""
        S, side = len(self.position), self.side
        if words.ndim != 2 or words.shape[1] > S or mask.shape != words.shape:
            raise ShapeError(
                f"LatentDiffusion: words has shape {tuple(words.shape)} and mask "
                f"{tuple(mask.shape)}: expected both (B, S) with S at most {S}. A single text is "
                f"a batch of B = 1."
            )
        if mask.dtype.kind != "b":
            raise DTypeError(f"LatentDiffusion: mask must be bool, got {mask.dtype}: mask.bool().")
        expected = (len(words), 1, side, side)
        if images is not None and tuple(images.shape) != expected:
            raise ShapeError(
                f"LatentDiffusion: images has shape {tuple(images.shape)}, expected {expected} for "
                f"{len(words)} texts and side={side}."
            )


def nothing(mask):
    """∅ as a mask (B, S): True at the first word alone, with which every text begins."""
    return mask & as_tensor(np.arange(mask.shape[1]) == 0, device=mask.device)
