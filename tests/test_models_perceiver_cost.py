"""With latents the cost grows with the pixels; without, with their square."""

import numpy as np

import minixattn as mx
from minixattn.models import FullSelfAttention, PerceiverIO
from minixattn.models.perceiver_cost import cost, peak_of


def test_memory_is_linear_with_latents_and_quadratic_without():
    small = {"width": 16, "heads": 2, "blocks": 1}
    kinds = PerceiverIO(latents=8, **small), FullSelfAttention(**small)
    found = [[cost(model, side, repeats=1) for side in (16, 32)] for model in kinds]
    for costs in found:
        assert [c.pixels for c in costs] == [256, 1024] and all(c.seconds > 0 for c in costs)
    linear, square = (large.bytes / small.bytes for small, large in found)
    assert linear < 4.5  # four times the pixels
    assert 8 < square < 17
    assert found[1][1].bytes > 1024**2 * 2 * 4  # at least one map of every pixel over every pixel


def test_the_peak_is_what_is_held_at_once():
    def one_after_another():
        for _ in range(3):
            np.ones(1 << 20, np.uint8)

    def together():
        return [np.ones(1 << 20, np.uint8) for _ in range(3)]

    assert 1 << 20 <= peak_of(one_after_another) < 1.6 * (1 << 20)
    assert 3 << 20 <= peak_of(together) < 3.1 * (1 << 20)


def test_measuring_leaves_the_weights_as_they_are():
    mx.manual_seed(0)
    model = PerceiverIO(latents=4, width=8, heads=2, blocks=1)
    before = {name: x.clone() for name, x in model.state_dict().items()}
    cost(model, 4, repeats=1)
    assert all((before[name] == x).all().item() for name, x in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
