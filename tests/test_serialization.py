"""Saving and loading: what goes in comes out, files appear whole or not at all, errors explain."""

import json
import os
import stat
import sys

import numpy as np
import pytest
from freeze_optim import one_step, parameters
from freeze_optim import values as values_of
from helpers import leaf, values

import minixattn as mx
from minixattn.nn import Module, Parameter
from minixattn.serialization import metadata

safetensors_numpy = pytest.importorskip(
    "safetensors.numpy", reason='needs pip install "minixattn[interop]"'
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


class Model(Module):
    """y = s·xW."""

    def __init__(self, array, scale, device):
        super().__init__()
        self.weight = Parameter(mx.tensor(array, device=device))
        self.parts = [Scale(scale, device)]


class Scale(Module):
    def __init__(self, scale, device):
        super().__init__()
        self.s = Parameter(mx.tensor(scale, dtype=mx.float64, device=device))


# What goes in comes out --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype",
    ["float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"],
)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (0,), (2, 3), (3, 0, 2), (2, 3, 4)])
def test_every_dtype_and_shape_comes_back(dtype, shape, path, device, rng):
    array = (rng.standard_normal(shape) * 20).astype(dtype)
    mx.save({"x": mx.tensor(array, device=device)}, path)
    x = mx.load(path)["x"]
    assert (x.dtype, x.shape, x.device) == (np.dtype(dtype), shape, "cpu")
    np.testing.assert_array_equal(values(x), array)


def test_special_numbers_come_back(path):
    array = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, np.finfo(float).max])
    mx.save({"x": mx.tensor(array)}, path)
    assert mx.load(path)["x"].numpy().tobytes() == array.tobytes()


REARRANGED = {
    "transposed": lambda a: a.T,
    "swapped": lambda a: a.swapaxes(0, 1),
    "strided": lambda a: a[::2, :, 1::2],
    "reversed": lambda a: a[::-1],
    "broadcast": lambda a: np.broadcast_to(a, (2, *a.shape)),
    "column-major": np.asfortranarray,
}


@pytest.mark.parametrize("how", REARRANGED)
def test_the_order_of_elements_in_memory_is_not_mistaken_for_theirs(how, path, rng):
    array = REARRANGED[how](rng.standard_normal((4, 3, 6)))
    mx.save({"x": mx.from_numpy(array), "bare": array}, path)
    loaded = mx.load(path)
    np.testing.assert_array_equal(values(loaded["x"]), array)
    np.testing.assert_array_equal(values(loaded["bare"]), array)
    raw = safetensors_numpy.load(safetensors_numpy.save({"x": array}))["x"]
    assert not np.array_equal(raw, array)  # the library alone gets it wrong


@pytest.mark.parametrize("given", ["module", "state_dict"])
def test_a_model_comes_back(given, path, device, rng):
    model = Model(rng.standard_normal((2, 3)), 0.5, device)
    mx.save(model if given == "module" else model.state_dict(), path)
    again = Model(np.zeros((2, 3)), 0.0, device)
    again.load_state_dict(mx.load(path))
    np.testing.assert_array_equal(values(again.weight), values(model.weight))
    assert again.parts[0].s.item() == 0.5 and again.weight.device == device


def test_a_model_that_does_not_fit_the_file_stays_as_it_was(path, device):
    mx.save(Model(np.ones((2, 3)), 0.5, device), path)
    other = Model(np.zeros((3, 2)), 0.25, device)
    with pytest.raises(RuntimeError, match=r"weight: the model has shape \(3, 2\), .* \(2, 3\)"):
        other.load_state_dict(mx.load(path))
    assert other.parts[0].s.item() == 0.25 and not values(other.weight).any()


def test_results_arrays_and_numpy_scalars_can_be_saved(path, device):
    p = leaf([1.0, 2.0], device)
    mx.save({"weight": p, "scale": p * 2}, path)
    loaded = mx.load(path)
    assert sorted(loaded) == ["scale", "weight"]
    assert not loaded["weight"].requires_grad and loaded["weight"].is_leaf
    np.testing.assert_array_equal(values(loaded["scale"]), [2, 4])
    mx.save({"a": np.arange(3), "b": np.float32(1.5)}, path)
    loaded = mx.load(path)
    assert (loaded["b"].item(), loaded["b"].dtype) == (1.5, mx.float32)
    assert loaded["a"].tolist() == [0, 1, 2]


def test_nothing_at_all_can_be_saved(path):
    mx.save({}, path)
    assert mx.load(path) == {} and metadata(path) == {}


def test_names_may_be_any_text(path):
    names = ["layer.0.weight", "", "Gewicht für Größe", "权重", 'a "quoted" name']
    mx.save({name: mx.tensor(float(i)) for i, name in enumerate(names)}, path)
    loaded = mx.load(path)
    assert {name: loaded[name].item() for name in names} == {n: i for i, n in enumerate(names)}


def test_tensors_that_share_memory_are_saved_under_each_name(path):
    x = mx.arange(6).reshape(2, 3)
    mx.save({"whole": x, "same": x, "row": x[1], "column": x[:, 2]}, path)
    loaded = mx.load(path)
    assert loaded["same"].equal(x) and loaded["whole"].equal(x)
    assert loaded["row"].tolist() == [3, 4, 5] and loaded["column"].tolist() == [2, 5]
    loaded["whole"].zero_()
    assert loaded["same"].equal(x)


def test_loaded_tensors_own_their_memory_and_can_be_trained(path, device):
    mx.save({"x": mx.ones(3, dtype=mx.float64)}, path)
    x = mx.load(path, map_location=device)["x"].requires_grad_()
    assert x.device == device and x.array.base is None
    (x * x).sum().backward()
    mx.optim.SGD([x], lr=0.25).step()
    np.testing.assert_array_equal(values(x), 0.5)
    assert mx.load(path)["x"].tolist() == [1, 1, 1]


def test_metadata_comes_back_and_needs_no_library(path, monkeypatch):
    kept = {"epoch": "3", "note": "größer", "json": json.dumps({"lr": 0.1})}
    mx.save({"x": mx.ones(1)}, path, metadata=kept)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    assert metadata(path) == kept


def test_paths_may_be_text_or_path_objects(path):
    mx.save({"x": mx.ones(1)}, str(path))
    assert mx.load(str(path))["x"].equal(mx.load(path, weights_only=True)["x"])


def test_an_optimizers_state_survives_in_a_file(path):
    params = parameters(mx)
    optimizer = mx.optim.Adam(params, lr=0.1)
    for i in range(5):
        one_step(mx, optimizer, params, i)
    state = optimizer.state_dict()
    tensors = {f"param.{i}": p for i, p in enumerate(params)}
    tensors |= {f"state.{i}.{k}": v for i, s in state["state"].items() for k, v in s.items()}
    mx.save(tensors, path, metadata={"param_groups": json.dumps(state["param_groups"])})
    for i in range(5, 10):
        one_step(mx, optimizer, params, i)

    loaded = mx.load(path)
    again = [loaded[f"param.{i}"].requires_grad_() for i in range(3)]
    other = mx.optim.Adam(again)
    names = "step", "exp_avg", "exp_avg_sq"
    other.load_state_dict({
        "state": {i: {k: loaded[f"state.{i}.{k}"] for k in names} for i in range(3)},
        "param_groups": json.loads(metadata(path)["param_groups"]),
    })  # fmt: skip
    for i in range(5, 10):
        one_step(mx, other, again, i)
    np.testing.assert_array_equal(values_of(again), values_of(params))


# A file is never lost ----------------------------------------------------------------------------


def fail_at(monkeypatch, name, error):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(os, name, fail)


@pytest.mark.parametrize("where", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_old_file_survives_a_failure_and_no_rest_stays(where, error, path, monkeypatch):
    mx.save({"x": mx.ones(3)}, path)
    before = path.read_bytes()
    fail_at(monkeypatch, where, error)
    with pytest.raises(type(error)) as raised:
        mx.save({"x": mx.zeros(30)}, path)
    if isinstance(error, OSError):
        text = str(raised.value)
        assert "No space left on device" in text and "What was there before is unchanged" in text
        assert raised.value.errno == 28 and str(path) in text
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_leaves_the_old_file(path, monkeypatch):
    mx.save({"x": mx.ones(3)}, path)
    before = path.read_bytes()
    plain_open = open

    def open_full(name, mode="r", **options):
        if "x" in mode:
            plain_open(name, "wb").close()
            return plain_open("/dev/full", "wb")
        return plain_open(name, mode, **options)

    monkeypatch.setattr("builtins.open", open_full)
    with pytest.raises(OSError, match="No space left on device"):
        mx.save({"x": mx.ones(100_000)}, path)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_a_refused_value_leaves_the_old_file(path):
    mx.save({"x": mx.ones(3)}, path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match=r"cannot save obj\['y'\]: it is of type set"):
        mx.save({"x": mx.zeros(3), "y": {1}}, path)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_a_link_stays_a_link(path, tmp_path):
    target = tmp_path / "target.safetensors"
    mx.save({"x": mx.ones(1)}, target)
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("no symbolic links here")
    mx.save({"x": mx.zeros(1)}, path)
    assert path.is_symlink() and mx.load(target)["x"].item() == 0


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_a_new_file_has_the_usual_permissions(path, tmp_path):
    mx.save({"x": mx.ones(1)}, path)
    (tmp_path / "usual").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)
