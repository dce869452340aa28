"""Where a number that is none comes from: the layer, the weight or the batch is named."""

import math

import pytest
from training_runs import Small

import minixattn as mx
from minixattn import engine, masks
from minixattn.nn import CrossAttention, Module
from minixattn.nonfinite import first_bad_gradient, first_bad_layer


def squares(model, x):
    return (model(x) ** 2).mean(), None


def made(device, kind=Small):
    mx.manual_seed(0)
    return kind().to(device), mx.randn(5, 4, device=device)


@pytest.mark.parametrize("name", ["first.weight", "last.bias"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_hold_it_are_named(name, value, device):
    model, x = made(device)
    dict(model.named_parameters())[name].data[0] = value
    said = first_bad_layer(model, x, squares)
    assert said == f"the weights {name!r} hold it already"


def test_the_layer_behind_which_it_comes_up_is_named(device):
    class Rooted(Small):
        def forward(self, x):
            return self.last(self.first(x).sqrt())

    model, x = made(device, Rooted)
    said = first_bad_layer(model, x, squares)
    assert said == "it first comes up in, or right behind, the layer 'first' (Linear)"


def test_a_bad_batch_is_told_from_a_bad_layer(device):
    class Doubled(Small):
        def forward(self, x):
            return super().forward(x * 2)

    model, x = made(device, Doubled)
    said = first_bad_layer(model, x * math.nan, squares)
    assert said == "it comes before the first layer: look at the batch"


def test_what_attention_must_not_look_at_is_no_fault(device):
    """−∞ stands in the scores there; the mistake is elsewhere."""

    class Masked(Module):
        def __init__(self):
            super().__init__()
            self.look = CrossAttention(4, num_heads=2)
            self.last = mx.nn.Linear(4, 4)

        def forward(self, x):
            seen, _ = self.look(x[None], x[None], masks.causal(5, 5))
            return self.last(seen).sum().log() * math.nan

    model, x = made(device, Masked)
    said = first_bad_layer(model, x, squares)
    assert "the layer 'last' (Linear)" in said


def test_a_second_pass_without_it_is_not_blamed_on_a_layer():
    model, x = made("cpu")
    assert "a second pass over the same batch was finite" in first_bad_layer(model, x, squares)


def test_nothing_watches_afterwards():
    model, x = made("cpu")

    def failing(model, x):
        raise KeyError("batch")

    first_bad_layer(model, x, squares)
    with pytest.raises(KeyError):
        first_bad_layer(model, x, failing)
    assert engine.tapes == []


def test_the_gradient_nearest_the_loss_is_named(device):
    model, x = made(device)
    squares(model, x)[0].backward()
    assert first_bad_gradient(model) == "it is only too long"
    model.first.bias.grad.data[0] = math.inf
    assert first_bad_gradient(model) == "on the way back it first comes up at 'first.bias'"
    model.last.weight.grad.data[1] = math.nan
    assert first_bad_gradient(model) == "on the way back it first comes up at 'last.weight'"
