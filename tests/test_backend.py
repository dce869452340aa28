"""The array library underneath: devices, moves, random generators, scatter-add."""

import builtins
import sys

import numpy as np
import pytest
import strict_cupy
from helpers import assert_close

import minixattn as mx
from minixattn import backend


def test_devices_compare_equal_to_their_names():
    assert mx.device("cpu") == "cpu" and mx.device("cuda:0") == "cuda" == mx.device("cuda")
    assert mx.device("cuda").type == "cuda" and mx.device(mx.device("cpu")) == "cpu"
    assert repr(mx.device("cpu")) == "device(type='cpu')"
    assert mx.device() == "cpu"


def test_an_unknown_device_lists_the_known_ones():
    message = r"unknown device 'tpu': expected 'cpu' \(NumPy\) or 'cuda' \(CuPy on one GPU\)\."
    with pytest.raises(mx.DeviceError, match=message):
        mx.device("tpu")
    with pytest.raises(mx.DeviceError, match="unknown device 'tpu'"):
        mx.zeros(2, device="tpu")


def test_cuda_without_cupy_names_what_to_install(monkeypatch):
    real = builtins.__import__

    def without_cupy(name, *args, **kwargs):
        if name == "cupy":
            raise ImportError("No module named 'cupy'")
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_cupy)
    message = (
        r'device "cuda" needs CuPy, which is not installed\. Install the one for your driver: '
        r'pip install "minixattn\[gpu12\]" or pip install "minixattn\[gpu13\]"; or stay on '
        r'device="cpu"\.'
    )
    with pytest.raises(mx.DeviceError, match=message):
        mx.zeros(2, device="cuda")
    with pytest.raises(mx.DeviceError, match="needs CuPy"):
        mx.zeros(2).cuda()
    assert not mx.cuda.is_available()


def test_cuda_without_a_gpu_says_so(stand_in):
    assert mx.cuda.is_available()
    stand_in.cuda.is_available = lambda: False
    with pytest.raises(
        mx.DeviceError, match=r"CuPy finds no usable GPU and driver on this machine"
    ):
        mx.zeros(2, device="cuda")
    assert not mx.cuda.is_available()


def test_arrays_know_their_library_and_device(device):
    array = mx.ones(2, device=device).array
    assert backend.is_array(array) and backend.device_of(array) == device
    assert backend.namespace(array) is backend.library(device)
    assert backend.is_array(np.float64(1)) and backend.namespace(np.float64(1)) is np
    for other in (1.0, [1.0], None, mx.ones(2), "cupy"):
        assert not backend.is_array(other)


def test_arrays_move_only_if_they_must(stand_in):
    array = np.ones(2)
    assert backend.to_device(array, "cpu") is array
    there = backend.to_device(array, "cuda")
    assert backend.device_of(there) == "cuda" and backend.to_device(there, "cuda") is there
    back = backend.to_device(there, "cpu")
    back[0] = 5
    assert there.get().tolist() == [1, 1] and array.tolist() == [1, 1]


def test_scatter_add_adds_up_where_an_index_repeats(device):
    xp = backend.library(device)
    target, index = xp.zeros(3), xp.asarray([0, 2, 0])
    assert backend.scatter_add(target, index, xp.asarray([1.0, 2.0, 4.0])) is target
    assert backend.to_device(target, "cpu").tolist() == [5, 0, 2]


def test_owner_is_the_array_behind_all_views(device):
    array = mx.zeros(2, 3, device=device).array
    assert backend.owner(array) is array
    assert backend.owner(array[0]) is array and backend.owner(array[0][1:].reshape(1, 2)) is array
    assert backend.owner(np.frombuffer(bytes(8))).shape == (1,)


def test_a_seed_reaches_every_device(device):
    mx.manual_seed(1)
    first = backend.generator(device).random(3)
    mx.manual_seed(1)
    second = backend.generator(device).random(3)
    assert (first == second).all()
    assert backend.generator(device) is backend.generator(device)


def test_the_generator_that_a_seed_returns_is_the_one_that_serves_everyone():
    g = mx.manual_seed(2)
    assert g.initial_seed() == 2
    first = mx.rand(3, generator=g).tolist() + mx.rand(3).tolist()  # one stream
    mx.manual_seed(5).manual_seed(2)
    assert mx.rand(6).tolist() == first


# The stand-in itself -----------------------------------------------------------------------------


def test_the_stand_in_refuses_what_cupy_refuses(stand_in):
    a = stand_in.asarray(np.ones(2))
    with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
        np.asarray(a)
    for mixed in (
        lambda: a + np.ones(2), lambda: np.ones(2) + a, lambda: a * np.array(2.0),
        lambda: np.concatenate([a, np.ones(2)]), lambda: a.__setitem__(0, np.array(1.0)),
        lambda: np.where(a > 0, a, np.ones(2)),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="Unsupported type <class 'numpy.ndarray'>"):
            mixed()
    with pytest.raises(TypeError):
        np.add.at(a, [0], a)
    with pytest.raises(TypeError):
        np.insert(a, 0, a)
    with pytest.raises(BufferError):
        np.from_dlpack(a)
    assert not hasattr(stand_in.random.default_rng(0), "permutation")


def test_the_stand_in_returns_arrays_and_keeps_types(stand_in):
    a = stand_in.asarray(np.ones(2, np.float32))
    for result in (
        a.sum(),
        a[0],
        np.sum(a),
        a[0] * 2.5,
        np.float32(2) * a,
        np.where(a > 0, a, 0.0),
    ):
        assert type(result).__module__ == "cupy" and result.dtype == np.float32
    assert isinstance(a, strict_cupy.ndarray) and a[0].base is a and a.reshape(1, 2)[0].base is a
    assert_close(a.get(), np.ones(2, np.float32))


def test_a_seed_is_an_int_of_either_sign():
    mx.manual_seed(-1)
    first = mx.rand(3).tolist()
    mx.manual_seed(-1)
    assert mx.rand(3).tolist() == first
    mx.manual_seed(2**64 - 1)  # the same bits
    assert mx.rand(3).tolist() == first
    for bad in ("a", None):
        with pytest.raises(ValueError, match=rf"manual_seed\(\) takes an int, got {bad!r}\."):
            mx.manual_seed(bad)
