"""Teaching a Perceiver to read loose pixels, and measuring how well it does.

    model = fit(PerceiverIO(), Pixels("train"), steps=6000)
    evaluate(model, Pixels("test"))
    read(model, images, side=64)

Read before: `perceiver.py`, and `data/pixels.py` for what a model gets to see.
"""

import numpy as np

from ..creation import as_tensor
from ..data.digits import handwriting
from ..data.pixels import grid, page
from ..engine import no_grad
from ..nn.functional import cross_entropy, mse_loss
from ..training import fit as trained

INK = 15.0  # what an error of the ink counts, beside one of the class


def tensors(model, batch):
    """values, positions, queries, answers and labels of a batch, where the model is."""
    place = {"device": model.q_class.device}
    floats = [as_tensor(part, dtype=model.q_class.dtype, **place) for part in batch[:4]]
    return *floats, as_tensor(batch.labels, **place)


def loss_of(model, batch):
    """Cross-entropy of the digit + INK · mean squared error of the ink asked for; and accuracy."""
    *seen, answers, labels = tensors(model, batch)
    digit, ink, _ = model(*seen)
    right = (digit.argmax(-1) == labels).float().mean().item()
    return cross_entropy(digit, labels) + INK * mse_loss(ink, answers), right


def fit(model, task, *, steps=6000, size=32, rate=2.5e-3, warmup=0.1, decay=0.05, **options):
    """Train on `data.Pixels` by `training.fit`, which has more options; returns the model."""
    return trained(model, task, loss_of, steps=steps, size=size, rate=rate, warmup=warmup,
                   decay=decay, **options)  # fmt: skip


@no_grad()
def read(model, images, side=8):
    """Read digits (n, 64), drawn on pages of side x side pixels.

    Returns
    -------
    Outcome, whose ink is that of the 8 x 8 places of a digit
    """
    device, dtype = model.q_class.device, model.q_class.dtype
    values = as_tensor(page(images, side)[..., None], dtype=dtype, device=device)
    places, asked = (as_tensor(grid(n), dtype=dtype, device=device) for n in (side, 8))
    return model(values, places, asked)


@no_grad()
def evaluate(model, task, hidden=0.5, seed=0):
    """How well a model reads every image of a split, whole and with a share of it hidden.

    Parameters
    ----------
    model : PerceiverIO, in `eval()` mode
    task : `data.Pixels("test")`
    hidden : share of pixels that is hidden and asked for
    seed : of which ones

    Returns
    -------
    dict: `accuracy`, the share of digits named right with all pixels seen; `accuracy_hidden`,
    that with the share hidden; `rmse`, the root mean squared error of hidden ink, from 0 to 1;
    `rmse_mean` and `rmse_gaussian`, those of two simpler guesses for the same pixels
    """
    found = {}
    for name, share in ("accuracy", 0.0), ("accuracy_hidden", hidden):
        batch = task.whole(share, seed)
        *seen, answers, labels = tensors(model, batch)
        digit, ink, _ = model(*seen)
        found[name] = (digit.argmax(-1) == labels).float().mean().item()
    found["rmse"] = mse_loss(ink, answers).item() ** 0.5
    return found | simpler_guesses(batch)


def simpler_guesses(batch):
    """How far off the mean training image is, and a Gaussian fitted to the training images.

        x_hidden = μ_h + Σ_hv Σ_vv⁻¹ (x_visible − μ_v)

    The second is the best guess that is linear in what is visible. Pages must not be moved.

    Returns
    -------
    dict: `rmse_mean`, `rmse_gaussian`
    """
    images = handwriting("train").images.astype(np.float64)
    mu, sigma = images.mean(0), np.cov(images.T) + 0.01 * np.eye(64)
    by_mean, by_gaussian = [], []
    for v, h, seen in zip(number(batch.positions), number(batch.queries), batch.values[..., 0]):
        by_mean.append(mu[h])
        gain = np.linalg.solve(sigma[np.ix_(v, v)], seen - mu[v])
        by_gaussian.append(mu[h] + sigma[np.ix_(h, v)] @ gain)
    errors = [np.array(guess) - batch.answers[..., 0] for guess in (by_mean, by_gaussian)]
    rmse = [float(np.sqrt((error**2).mean())) for error in errors]
    return {"rmse_mean": rmse[0], "rmse_gaussian": rmse[1]}


def number(places):
    """Which of the 64 pixels lies at each place (…, 2): (…) int64."""
    y, x = np.moveaxis(np.floor((places + 1) * 4).astype(int), -1, 0)
    return 8 * y + x
