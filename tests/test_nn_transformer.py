"""PyTorch's stacks of Transformer layers."""

import numpy as np
import pytest
from helpers import assert_close, values

import minixattn as mx
from minixattn import nn

B, L, S, E, H = 2, 3, 4, 4, 2


@pytest.fixture
def model(device):
    mx.manual_seed(0)
    return nn.Transformer(E, H, 2, 2, 6, 0.0, batch_first=True).double().to(device)


@pytest.fixture
def streams(rng, device):
    return [mx.tensor(rng.standard_normal((B, n, E)), device=device) for n in (S, L)]


def test_the_decoder_looks_at_what_the_encoder_gives(model, streams):
    src, tgt = streams
    mask = model.generate_square_subsequent_mask(L, device=src.device, dtype=mx.float64)
    memory = src
    for layer in model.encoder.layers:
        memory = layer(memory)
    memory, y = model.encoder.norm(memory), tgt
    for layer in model.decoder.layers:
        y = layer(y, memory, mask)
    expected = model.decoder.norm(y)
    assert_close(model(src, tgt, tgt_mask=mask), expected)
    assert_close(model(src, tgt, tgt_mask=mask, tgt_is_causal=True), expected)


def test_what_comes_later_in_the_target_changes_nothing_before_it(model, streams):
    src, tgt = streams
    mask = model.generate_square_subsequent_mask(L, device=src.device, dtype=mx.float64)
    before = model(src, tgt, tgt_mask=mask)
    changed = mx.cat([tgt[:, :2], tgt[:, 2:] + 1], 1)
    after = model(src, changed, tgt_mask=mask)
    assert_close(after[:, :2], before[:, :2])
    assert not after[:, 2:].allclose(before[:, 2:])


def test_padding_of_the_source_is_not_looked_at(model, streams):
    src, tgt = streams
    hidden = mx.tensor([[False] * 3 + [True]] * B, device=src.device)
    masks = {"src_key_padding_mask": hidden, "memory_key_padding_mask": hidden}
    before = model(src, tgt, **masks)
    assert_close(model(mx.cat([src[:, :3], src[:, 3:] * 5], 1), tgt, **masks), before)


def test_layers_begin_alike_and_learn_apart():
    layer = nn.TransformerEncoderLayer(E, H, 6)
    encoder = nn.TransformerEncoder(layer, 2)
    first, second = (one.linear1.weight for one in encoder.layers)
    assert_close(first, second)
    assert first is not second and first is not layer.linear1.weight
    assert not np.may_share_memory(first.array, second.array)


def test_all_parameters_get_a_gradient(model, streams):
    src, tgt = streams
    (model(src, tgt) * mx.arange(E, device=src.device)).sum().backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None]
    assert missing == []


def test_the_causal_mask_is_zero_up_to_the_query_and_minus_infinity_after_it():
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.dtype == mx.float32
    np.testing.assert_array_equal(
        values(mask), [[0, -np.inf, -np.inf], [0, 0, -np.inf], [0, 0, 0]]
    )


def test_batches_and_widths_that_do_not_fit_are_named(model, streams):
    src, tgt = streams
    with pytest.raises(RuntimeError, match="batch number of src and tgt must be equal"):
        model(src, tgt[:1])
    with pytest.raises(RuntimeError, match="must be equal to d_model = 4"):
        model(src[..., :3], tgt[..., :3])
