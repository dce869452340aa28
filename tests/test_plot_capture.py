"""What capture collects, from models of this package; and how it refuses what it cannot watch."""

import sys
import types

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn import engine
from minixattn.plot.capture import Captured, capture

B, L, S, E, H = 2, 3, 5, 8, 4


class Two(mx.nn.Module):
    """A model that looks twice, the second time at what it has read."""

    def __init__(self):
        super().__init__()
        self.read = mx.nn.CrossAttention(E, num_heads=2)
        self.blocks = mx.nn.Sequential(mx.nn.MultiheadAttention(E, H, batch_first=True))

    def forward(self, x, c):
        x = x + self.read(x, x)[0]
        return self.blocks[0](x, c, c)


@pytest.fixture
def two(device):
    return Two().to(device), mx.randn(B, L, E, device=device), mx.randn(B, S, E, device=device)


def test_layers_are_named_by_their_place_in_the_model_and_give_every_head(two):
    model, x, c = two
    with capture(model) as seen:
        model(x, c)
    assert seen.names == list(seen) == ["read", "blocks.0"]
    assert seen["read"][0].shape == (B, 2, L, L)
    assert seen["blocks.0"][0].shape == (B, H, L, S)
    assert type(seen["read"][0]) is np.ndarray


def test_weights_are_the_numbers_that_the_layer_returns(two):
    model, x, c = two
    with capture(model) as seen:
        model(x, c)
    found = values(model.read(x, x)[1])  # of another kernel than a traced one: rounded otherwise
    np.testing.assert_allclose(seen["read"][0], found, rtol=1e-6)


def test_weights_that_a_model_notes_as_its_own_are_kept_once():
    model = mx.models.VisualQA(5, 4, 3, pixels=6, width=E, heads=H)
    with capture(model) as seen:
        _, weights = model(mx.rand(B, 9, 6), mx.ones(B, 4).long(), mx.ones(B, 4).bool())
    assert seen.names == ["blocks.0.read", "blocks.0.look"]
    np.testing.assert_array_equal(seen["blocks.0.look"][0], values(weights[0]))


def test_each_call_is_kept_and_a_later_change_in_place_does_not_reach_it(two):
    model, x, c = two
    with capture(model) as seen, mx.no_grad():
        _, weights = model.read(x, c)
        before = values(weights).copy()
        weights.mul_(0)
        model.read(x[:, :1], c)
    assert [w.shape for w in seen["read"]] == [(B, 2, L, S), (B, 2, 1, S)]
    np.testing.assert_array_equal(seen["read"][0], before)
    assert list(seen.arrays()) == ["read", "read#2"]


def test_arrays_go_into_a_file_and_come_back(two, tmp_path):
    model, x, c = two
    with capture(model) as seen:
        model(x, c)
    np.savez(tmp_path / "a.npz", **seen.arrays())
    with np.load(tmp_path / "a.npz") as file:
        assert sorted(file) == ["blocks.0", "read"]
        np.testing.assert_array_equal(file["read"], seen["read"][0])


def test_weights_are_chosen_by_a_part_of_the_name_in_the_order_of_computation(two):
    model, x, c = two
    with capture(model) as seen:
        model(x, c)
    assert [w.shape[1] for w in seen.weights()] == [2, H]
    assert [w.shape[1] for w in seen.weights("blocks")] == [H]
    with pytest.raises(KeyError, match="no captured layer has 'cross' in its name.*read"):
        seen.weights("cross")
    with pytest.raises(KeyError, match="Layers that gave some: 'read', 'blocks.0'"):
        seen["cross"]


def test_the_repr_says_which_layers_gave_what(two):
    model, x, c = two
    with capture(model) as seen:
        model(x, c)
        model.read(x, x)
    assert repr(seen) == (
        "<Captured: 2 layers gave weights (B, h, L, S)\n"
        "  read  (2, 2, 3, 3)  in 2 calls\n"
        "  blocks.0  (2, 4, 3, 5)>"
    )


def test_nothing_listens_any_more_after_an_exception(two):
    model, x, c = two
    seen = None

    def fail():
        nonlocal seen
        with capture(model) as seen:
            model(x, c)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not engine.tapes
    model(x, c)
    assert len(seen.calls) == 2


def test_a_layer_of_another_model_is_not_collected(two):
    model, x, c = two
    other = mx.nn.CrossAttention(E, num_heads=2).to(x.device)
    expected = pytest.warns(UserWarning, match="no attention weights were captured")
    with expected, capture(model) as seen:
        other(x, c)
    assert not seen and "not called inside the block" in seen.missing["the model"]


@pytest.mark.parametrize("thing", [object(), np.ones(3), None])
def test_what_is_not_a_model_is_refused(thing):
    with pytest.raises(TypeError, match=f"got {type(thing).__name__}. A pipeline of Diffusers"):
        capture(thing).__enter__()


def test_pytorch_is_not_imported_for_a_model_that_is_not_of_pytorch(monkeypatch, two):
    model, x, c = two
    monkeypatch.setitem(sys.modules, "torch", None)  # an import of it would fail
    with capture(model) as seen:
        model(x, c)
    assert len(seen) == 2


def test_pytorchs_models_go_to_the_watcher_that_knows_pytorch(monkeypatch):
    class TheirModule:
        pass

    class Watched:
        def __init__(self, model, seen):
            self.model, self.seen = model, seen

        def __enter__(self):
            self.seen.calls.append(("layer", np.ones((1, 1, 2, 2)) / 2))

        def __exit__(self, *error):
            self.seen.missing["other"] = "it was not called."

    torch = types.SimpleNamespace(nn=types.SimpleNamespace(Module=TheirModule))
    monkeypatch.setitem(sys.modules, "torch", torch)
    watcher = types.SimpleNamespace(watch=Watched)
    monkeypatch.setitem(sys.modules, "minixattn.plot.capture_torch", watcher)
    monkeypatch.setattr("minixattn.plot.capture_torch", watcher, raising=False)
    with capture(TheirModule()) as seen:
        assert seen.names == ["layer"]
    assert "other  gave none: it was not called." in repr(seen)


def test_an_empty_capture_says_so():
    assert repr(Captured()) == "<Captured: 0 layers gave weights (B, h, L, S)>"
