"""Every plot function takes the arrays of every library, as they are."""

import numpy as np
import pytest
from helpers import leaf

import minixattn as mx
from minixattn import plot
from minixattn.plot.canvas import as_numpy

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")


WEIGHTS = np.random.default_rng(0).dirichlet(np.ones(6), (2, 4))  # (h, L, S)
ROW = WEIGHTS[0, 0]
MAPS = WEIGHTS.swapaxes(1, 2)  # (h, patches, words)
IMAGE = np.linspace(0, 1, 8 * 6).reshape(8, 6)

DRAWN = {
    "heatmap": lambda given: plot.heatmap(given(WEIGHTS[0])),
    "heads": lambda given: plot.heads(given(WEIGHTS)),
    "arcs": lambda given: plot.arcs(given(WEIGHTS[0]), "abcd", "efghij"),
    "overlay": lambda given: plot.overlay(given(IMAGE), given(WEIGHTS[0, 0]), (2, 3)),
    "words": lambda given: plot.words(given(IMAGE), given(MAPS), list("abcd"), (2, 3)),
    "mask": lambda given: plot.mask(given(WEIGHTS[0] > 0.1)),
    "animate": lambda given: plot.animate(given(WEIGHTS)),
    "images": lambda given: plot.heatmap(given(WEIGHTS[0]), keys=given(np.ones((6, 4, 4)))),
}
"""What each function draws from arrays that `given` makes of NumPy's."""


class Dlpack:
    """An array that offers DLPack alone."""

    def __init__(self, array):
        self.array = np.array(array)  # a writeable one

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Array:
    """An array that offers `__array__` alone."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


def torch_leaf(dtype):
    def made(array):
        torch = pytest.importorskip("torch")
        if array.dtype == bool:
            return torch.tensor(array)
        return torch.tensor(array, dtype=getattr(torch, dtype), requires_grad=True)

    return made


KINDS = {
    "array": np.asarray, "lists": np.ndarray.tolist, "float32": lambda a: a.astype(np.float32),
    "read-only": lambda a: np.broadcast_to(a, a.shape), "__array__": Array, "__dlpack__": Dlpack,
    "torch": torch_leaf("float64"), "bfloat16": torch_leaf("bfloat16"),
}  # fmt: skip


def pictures(artist):
    """The arrays of all images, and the paths of all lines, that were drawn."""
    first = np.ravel(np.asarray(artist, dtype=object))[0]
    first = getattr(first, "_fig", None) or first  # an animation
    figure = first.figure if first.figure is not None else first
    arrays = [np.asarray(image.get_array()) for ax in figure.axes for image in ax.get_images()]
    drawn = [lines.get_paths() for ax in figure.axes for lines in ax.collections]
    return arrays + [np.concatenate([path.vertices for path in paths]) for paths in drawn if paths]


def assert_alike(found, expected, atol):
    assert len(found) == len(expected) > 0
    for a, b in zip(found, expected):
        np.testing.assert_allclose(a, b, atol=atol)


def suitable(name, kind):
    return kind != "float32" or name != "mask"  # a mask is bool


@pytest.mark.filterwarnings("ignore:Animation was deleted")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DRAWN)
def test_arrays_of_every_kind_draw_the_same_picture(name, kind):
    make = KINDS[kind]
    if not suitable(name, kind):
        pytest.skip("a mask is bool")
    atol = 0.02 if kind == "bfloat16" else 1e-6
    assert_alike(pictures(DRAWN[name](make)), pictures(DRAWN[name](np.asarray)), atol)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.filterwarnings("ignore:Animation was deleted")
def test_tensors_draw_the_same_picture(name, device):
    def tensor(array):
        return mx.tensor(array, device=device) if array.dtype == bool else leaf(array, device)

    assert_alike(pictures(DRAWN[name](tensor)), pictures(DRAWN[name](np.asarray)), 1e-6)


class LikeTorch:
    """What a PyTorch tensor on a GPU asks for: detach, then cpu, then convert."""

    def __init__(self, array, detached=False, here=False):
        self.array, self.detached, self.here = array, detached, here

    def detach(self):
        return LikeTorch(self.array, True, self.here)

    def cpu(self):
        assert self.detached
        return LikeTorch(self.array, self.detached, True)

    def __array__(self, *args, **options):
        if not (self.detached and self.here):
            raise TypeError("cannot convert")
        return np.asarray(self.array, *args)


class LikeSeries:
    """A table's column, whose `get` is another thing than a GPU array's."""

    def get(self, key):
        raise AssertionError(key)

    def __array__(self, *args, **options):
        return ROW


@pytest.mark.parametrize(
    "given", [LikeTorch(ROW), LikeSeries(), ROW.tolist(), ROW.astype(np.float16)],
    ids=["torch", "pandas", "list", "float16"],
)  # fmt: skip
def test_weights_of_other_libraries_are_taken_as_they_are(given):
    found = plot.overlay(IMAGE, given, (2, 3)).get_images()[1].get_array()
    expected = plot.overlay(IMAGE, ROW, (2, 3)).get_images()[1].get_array()
    np.testing.assert_allclose(as_numpy(given), ROW, atol=1e-3)
    np.testing.assert_allclose(found, expected, atol=1e-3)
