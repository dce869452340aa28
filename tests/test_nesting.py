"""Checkpoints as lessons write them: nested at will, and back as they were."""

import io

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.serialization import metadata


def back(obj, path, **options):
    mx.save(obj, path, **options)
    return mx.load(path)


@pytest.mark.parametrize("obj", [
    5, 2.5, "text ü", True, None, [], {}, (1, (2, [3, None])), {1: "a", "1": "b"},
    {"epoch": 3, "losses": [0.5, float("inf")], "done": False, "name": None},
    {"tensor": 1}, [{"dict": []}],
], ids=repr)  # fmt: skip
def test_numbers_and_words_come_back_as_they_were(obj, tmp_path):
    found = back(obj, tmp_path / "c.safetensors")
    assert found == obj and type(found) is type(obj)


def test_tensors_come_back_where_they_were(tmp_path, device):
    x = mx.arange(3, device=device)
    obj = {"model": {"w": x, "b": x.float()}, "list": [x, (x + 1,)], 0: x * 2, "0": x * 3}
    found = back(obj, tmp_path / "c.safetensors")
    assert list(found) == ["model", "list", 0, "0"]
    assert found["model"]["b"].dtype == mx.float32
    np.testing.assert_array_equal(values(found["list"][1][0]), [1, 2, 3])
    np.testing.assert_array_equal(values(found[0]), [0, 2, 4])
    np.testing.assert_array_equal(values(found["0"]), [0, 3, 6])
    alone = back(x, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(values(alone), [0, 1, 2])


def test_a_checkpoint_continues_a_training(tmp_path):
    path, x = tmp_path / "c.safetensors", mx.ones(2, 3)

    def begun():
        mx.manual_seed(0)
        model = mx.nn.Linear(3, 1)
        return model, mx.optim.Adam(model.parameters(), lr=0.1)

    def step(model, optimizer):
        optimizer.zero_grad()
        (model(x) ** 2).sum().backward()
        optimizer.step()

    model, optimizer = begun()
    step(model, optimizer)
    mx.save({"model": model.state_dict(), "opt": optimizer.state_dict(), "step": 1}, path)
    step(model, optimizer)

    again, other = begun()
    loaded = mx.load(path)
    assert loaded["step"] == 1
    again.load_state_dict(loaded["model"])
    other.load_state_dict(loaded["opt"])
    step(again, other)
    np.testing.assert_array_equal(values(again.weight), values(model.weight))


def test_an_open_file_does_as_well():
    for obj in ({"w": mx.ones(2)}, {"epoch": 3, "w": [mx.ones(2)]}):
        file = io.BytesIO()
        mx.save(obj, file)
        file.seek(0)
        assert str(mx.load(file)) == str(obj)


def test_a_damaged_open_file_is_named():
    with pytest.raises(ValueError, match="cannot load 'BytesIO'"):
        mx.load(io.BytesIO(b"not a file of ours at all, but long enough to look like one"))


def test_what_the_user_keeps_beside_stays_apart(tmp_path):
    path = tmp_path / "c.safetensors"
    assert back({"n": 1}, path, metadata={"by": "me"}) == {"n": 1}
    assert metadata(path) == {"by": "me"}


@pytest.mark.parametrize(("obj", "words"), [
    ({"a": [1, print]}, r"cannot save obj\['a'\]\[1\]: it is of type builtin_function"),
    ({"model": mx.nn.Linear(2, 2)}, r"obj\['model'\]: it is of type Linear.*its state_dict\(\)"),
    ({"a": {(1, 2): 3}}, r"cannot save obj\['a'\]: one of its keys is \(1, 2\)"),
], ids=["function", "module", "key"])  # fmt: skip
def test_what_no_file_can_hold_is_named_with_its_place(obj, words, tmp_path):
    with pytest.raises(TypeError, match=words):
        mx.save(obj, tmp_path / "c.safetensors")
    assert list(tmp_path.iterdir()) == []
