"""A training step with device="cuda": nothing implicit, nothing mixed, and nobody waits.

On the strict stand-in for CuPy, which refuses what a GPU refuses and counts each wait.
"""

import warnings

import numpy as np
import pytest
from strict_cupy import no_waiting, waits

import minixattn as mx
import minixattn.nn.functional as F
from minixattn import models, nn, pending
from minixattn.nn.functional import gpu_attention

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def questions_wait(monkeypatch, stand_in):
    """Questions about values wait, as they do for users; the stand-in is the GPU."""
    monkeypatch.setattr(pending, "MOST", 256)


def floats(*shape, grad=False):
    array = RNG.standard_normal(shape).astype(np.float32)
    return mx.tensor(array, device="cuda", requires_grad=grad)


def ids(high, *shape):
    return mx.tensor(RNG.integers(0, high, shape), device="cuda")


def total(outputs):
    """Σ of all float tensors among the outputs, each weighted by its own square."""
    if isinstance(outputs, mx.Tensor):
        return (outputs * outputs).sum() if outputs.dtype.kind == "f" else 0
    if outputs is None:
        return 0
    parts = outputs.values() if isinstance(outputs, dict) else outputs
    return sum(total(part) for part in parts)


def mask(*shape):
    """About three keys in four are allowed, the first always."""
    allowed = RNG.random(shape) < 0.75
    allowed[..., 0] = True
    return mx.tensor(allowed, device="cuda")


def attention_layers():
    """name -> (layer, arguments, options)."""
    x, c = floats(2, 5, 8), floats(2, 7, 8)
    cross = {"num_heads": 2}
    return {
        "CrossAttention": (nn.CrossAttention(8, **cross), (x, c), {}),
        "masked": (nn.CrossAttention(8, **cross), (x, c), {"mask": mask(2, 5, 7)}),
        "without weights": (nn.CrossAttention(8, **cross), (x, c), {"need_weights": False}),
        "grouped": (nn.CrossAttention(8, num_heads=4, kv_heads=2), (x, c), {}),
        "normed": (nn.CrossAttention(8, qk_norm="rms_norm", softcap=5.0, **cross), (x, c), {}),
        "dropping": (nn.CrossAttention(8, dropout=0.3, out_dropout=0.2, **cross), (x, c), {}),
        "SelfAttention": (nn.SelfAttention(8, **cross), (x,), {}),
        "MultiheadAttention": (nn.MultiheadAttention(8, 2, batch_first=True), (x, c, c), {}),
        "of three": (nn.MultiheadAttention(8, 2, batch_first=True), (x, c, floats(2, 7, 8)), {}),
        "padded": (
            nn.MultiheadAttention(8, 2, batch_first=True), (x, c, c),
            {"key_padding_mask": ~mask(2, 7), "attn_mask": floats(5, 7)},
        ),
        "with a null key": (
            nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True),
            (x, c, c), {"attn_mask": ~mask(5, 7)},
        ),
    }  # fmt: skip


def relatives():
    x, c = floats(2, 5, 8), floats(2, 7, 8)
    return {
        "AdditiveAttention": (nn.AdditiveAttention(8), (x, c), {"mask": mask(5, 7)}),
        "ConcatAttention": (nn.ConcatAttention(8), (x, c), {}),
        "GeneralAttention": (nn.GeneralAttention(8), (x, c), {}),
        "GatedCrossAttention": (nn.GatedCrossAttention(8, num_heads=2), (x, c), {}),
        "PersistentMemoryAttention": (
            nn.PersistentMemoryAttention(8, num_heads=2, num_slots=3), (x, c), {"mask": mask(5, 7)},
        ),
        "GEGLU": (nn.GEGLU(8, 8), (x,), {}),
    }  # fmt: skip


def other_layers():
    x, image = floats(2, 5, 8), floats(2, 4, 6, 6)
    return {
        "Linear": (nn.Linear(8, 3), (x,), {}),
        "LayerNorm": (nn.LayerNorm(8), (x,), {}),
        "RMSNorm": (nn.RMSNorm(8), (x,), {}),
        "GroupNorm": (nn.GroupNorm(2, 4), (image,), {}),
        "Embedding": (nn.Embedding(9, 4, padding_idx=1), (ids(9, 2, 5),), {}),
        "Conv2d": (nn.Conv2d(4, 3, 3, padding=1, stride=2), (image,), {}),
        "feed-forward": (
            nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Dropout(0.2), nn.Linear(16, 8)), (x,), {},
        ),
        "exact GELU of float64": (nn.Sequential(nn.Linear(8, 8), nn.GELU()).double(),
                                  (x.double(),), {}),
        "SiLU": (nn.Sequential(nn.Linear(8, 8), nn.SiLU()), (x,), {}),
    }  # fmt: skip


def whole_models():
    source, given = ids(11, 2, 6), ids(9, 2, 4)
    return {
        "VisualQA": (
            models.VisualQA(vocabulary=11, words=4, answers=5, width=16, heads=2),
            (floats(3, 9, 64), ids(11, 3, 4), mask(3, 4)), {},
        ),
        "Transformer": (
            models.Transformer(11, 9, width=16, heads=2, layers=1), (source, given),
            {"mask": mask(2, 6)},
        ),
        "UNet": (
            models.UNet(3, 8, widths=(8, 16)), (floats(2, 3, 8, 8), ids(100, 2), floats(2, 4, 8)),
            {},
        ),
        "PerceiverIO": (
            models.PerceiverIO(latents=4, width=16, heads=2, blocks=1),
            (floats(2, 9, 1), floats(2, 9, 2), floats(2, 3, 2)), {},
        ),
    }  # fmt: skip


CASES = {
    "attention": attention_layers, "relative": relatives, "layer": other_layers,
    "model": whole_models,
}  # fmt: skip
OPTIMIZERS = {
    "SGD": lambda p: mx.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True),
    "Adam": lambda p: mx.optim.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1),
    "AdamW": lambda p: mx.optim.AdamW(p, lr=0.1, maximize=True),
}


def step(layer, arguments, options, optimizer):
    optimizer.zero_grad()
    total(layer(*arguments, **options)).backward()
    nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
    optimizer.step()


@pytest.mark.parametrize(
    ("group", "name"), [(g, n) for g, n in (
        *(("attention", n) for n in (
            "CrossAttention", "masked", "without weights", "grouped", "normed", "dropping",
            "SelfAttention", "MultiheadAttention", "of three", "padded", "with a null key")),
        *(("relative", n) for n in (
            "AdditiveAttention", "ConcatAttention", "GeneralAttention", "GatedCrossAttention",
            "PersistentMemoryAttention", "GEGLU")),
        *(("layer", n) for n in (
            "Linear", "LayerNorm", "RMSNorm", "GroupNorm", "Embedding", "Conv2d", "feed-forward",
            "exact GELU of float64", "SiLU")),
        *(("model", n) for n in ("VisualQA", "Transformer", "UNet", "PerceiverIO")),
    )],
)  # fmt: skip
def test_a_training_step_never_waits_for_the_gpu(group, name):
    layer, arguments, options = CASES[group]()[name]
    layer = layer.to("cuda")
    before = {n: p.detach().cpu().numpy().copy() for n, p in layer.named_parameters()}
    optimizer = mx.optim.AdamW(layer.parameters(), lr=0.1)
    with no_waiting():
        step(layer, arguments, options, optimizer)
        step(layer, arguments, options, optimizer)
    after = {n: p.detach().cpu().numpy() for n, p in layer.named_parameters()}
    assert all(np.isfinite(p).all() for p in after.values())
    assert any((after[n] != before[n]).any() for n in after)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_optimizer_waits_for_the_gpu(optimizer):
    layer = nn.CrossAttention(8, num_heads=2).to("cuda")
    optimizer = OPTIMIZERS[optimizer](layer.parameters())
    arguments = floats(2, 5, 8), floats(2, 7, 8)
    with no_waiting():
        for _ in range(3):
            step(layer, arguments, {}, optimizer)


@pytest.mark.parametrize("loss", ["classes", "probabilities", "smoothed", "mse", "l1", "bce"])
def test_no_loss_waits_for_the_gpu(loss):
    x, y = floats(6, 4, grad=True), ids(4, 6)
    p = floats(6, 4).softmax(-1)
    with no_waiting():
        value = {
            "classes": lambda: F.cross_entropy(x, y, ignore_index=2),
            "probabilities": lambda: F.cross_entropy(x, p),
            "smoothed": lambda: F.cross_entropy(x, y, label_smoothing=0.1, weight=p[0]),
            "mse": lambda: F.mse_loss(x, p),
            "l1": lambda: F.l1_loss(x, p),
            "bce": lambda: F.binary_cross_entropy_with_logits(x, p),
        }[loss]()
        value.backward()
    assert value.item() > 0


@pytest.mark.parametrize("kind", [None, "bool", "float", "causal"])
def test_long_attention_in_blocks_of_rows_never_waits(kind, monkeypatch):
    """The blocks of the GPU, made small, so that several of them are walked through."""
    monkeypatch.setattr(gpu_attention, "WHOLE", 2 * 17 * 8)
    q, k, v = (floats(1, 2, n, 4, grad=True) for n in (19, 17, 17))
    allowed = {"bool": mask(19, 17), "float": floats(19, 17)}.get(kind)
    with no_waiting():
        tiled = F.scaled_dot_product_attention(q, k, v, allowed, is_causal=kind == "causal")
        total(tiled).backward()
    found = [x.grad.cpu().numpy() for x in (q, k, v)]
    for x in (q, k, v):
        x.grad = None
    steps = F.attention_steps(q, k, v, allowed, is_causal=kind == "causal")
    total(steps.output).backward()
    np.testing.assert_allclose(tiled.detach().cpu(), steps.output.detach().cpu(), atol=1e-6)
    for g, x in zip(found, (q, k, v)):
        np.testing.assert_allclose(g, x.grad.cpu().numpy(), rtol=1e-4, atol=1e-5)


def test_the_training_loop_waits_for_two_numbers_a_step():
    """The loss and the norm of the gradient, which it looks at to stop in good order."""
    from minixattn.training import train

    layer = nn.CrossAttention(8, num_heads=2).to("cuda")
    batches = [(floats(2, 5, 8), floats(2, 7, 8)) for _ in range(3)]
    waits.clear()
    train(layer, batches, lambda m, b: (total(m(*b)), 0.0),
          mx.optim.SGD(layer.parameters(), lr=0.01), steps=3)  # fmt: skip
    assert len(waits) == 2 * 3, waits


# Questions that wait -----------------------------------------------------------------------------


@pytest.mark.parametrize("read", ["item", "tolist", "cpu", "numpy", "bool", "repr"])
def test_a_wrong_index_is_an_error_before_any_number_is_seen(read):
    table = floats(1, 1)
    with no_waiting():
        F.embedding(mx.tensor([0, 12], device="cuda") % 13, floats(9, 4))
    look = {"numpy": lambda x: x.numpy(force=True), "bool": bool, "repr": repr}
    with pytest.raises(IndexError, match="the index 12 is out of range: expected 0 to 8"):
        look.get(read, lambda x: getattr(x, read)())(table)


@pytest.mark.parametrize("key", [
    lambda i: i, lambda i: (slice(None), i), lambda i: (..., i), lambda i: (None, 0, i),
    lambda i: (..., i.cpu().tolist()), lambda i: (i % 2, i),
])  # fmt: skip
def test_an_index_array_out_of_range_is_an_error_before_any_number_is_seen(key):
    x, i = floats(4, 4), mx.tensor([0, 1, 4], device="cuda")
    with pytest.raises(IndexError, match="holds values from 0 to 4, expected -4 to 3"):
        x[key(i)].sum().item()
    assert np.isfinite(x[key(i - 1)].sum().item())


def test_an_empty_row_of_a_mask_is_warned_of_when_values_are_read():
    allowed = mask(2, 5, 7)
    allowed.array[1, 2] = False
    layer = nn.CrossAttention(8, num_heads=2).to("cuda")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        output, _ = layer(floats(2, 5, 8), floats(2, 7, 8), allowed)
    with pytest.warns(mx.masks.EmptyRowWarning, match="batch 1, query 2") as caught:
        output.sum().item()
    assert caught[0].filename == __file__


def test_many_questions_are_answered_in_between(monkeypatch):
    monkeypatch.setattr(pending, "MOST", 3)
    table = floats(9, 4)
    F.embedding(mx.tensor([0, 12], device="cuda"), table)
    F.embedding(mx.tensor([0, 1], device="cuda"), table)
    with pytest.raises(IndexError, match="the index 12"):
        F.embedding(mx.tensor([0, 2], device="cuda"), table)
    assert not pending.questions


def test_an_error_drops_the_questions_that_came_after_its_cause():
    table = floats(9, 4)
    F.embedding(mx.tensor([0, 12], device="cuda"), table)
    F.embedding(mx.tensor([0, 13], device="cuda"), table)
    with pytest.raises(IndexError, match="the index 12"):
        table.sum().item()
    assert np.isfinite(table.sum().item())
