"""conv2d as one operation gives what its steps give."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import grad
from minixattn.nn.functional import conv2d, fast_convolution

CASES = {  # (N, C, H, W), (O, C, k_h, k_w), options
    "plain": ((2, 3, 6, 5), (4, 3, 3, 2), {}),
    "padding": ((2, 3, 6, 5), (4, 3, 3, 3), {"padding": 1}),
    "padding wider than the kernel": ((2, 3, 4, 5), (4, 3, 2, 3), {"padding": (3, 1)}),
    "same, with an even kernel": ((2, 2, 5, 4), (3, 2, 4, 2), {"padding": "same"}),
    "dilation": ((1, 2, 7, 8), (3, 2, 3, 2), {"dilation": (2, 3), "padding": (1, 2)}),
    "stride": ((2, 2, 7, 8), (3, 2, 3, 2), {"stride": (2, 3), "padding": 1}),
    "patches with gaps": ((2, 2, 7, 8), (3, 2, 2, 2), {"stride": 3}),
    "one pixel": ((3, 2, 4, 3), (5, 2, 1, 1), {}),
    "one patch": ((2, 3, 4, 4), (1, 3, 4, 4), {}),
}


@pytest.fixture
def in_steps(monkeypatch):
    """conv2d(…) by the operations that record themselves."""

    def run(*given, **options):
        with monkeypatch.context() as patched:
            patched.setattr(fast_convolution, "is_plain", lambda *_: False)
            return conv2d(*given, **options)

    return run


def leaves(rng, shapes, dtype=np.float64, bias=True):
    x, W = shapes
    made = [leaf(rng.standard_normal(n), dtype=dtype) for n in (x, W, W[:1])]
    return made if bias else made[:2]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bias", (True, False))
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 3e-5), (np.float64, 1e-12)])
def test_values_and_derivatives_are_those_of_the_steps(case, bias, dtype, tolerance, rng, in_steps):
    *shapes, options = CASES[case]
    given = leaves(rng, shapes, dtype, bias)
    found, expected = (f(*given, **options) for f in (conv2d, in_steps))
    assert set(found.inputs) == set(given)  # one operation
    assert_close(found, expected, tolerance, tolerance)
    for a, b in zip(grad(weighted(found), given), grad(weighted(expected), given), strict=True):
        assert a.dtype == dtype
        assert_close(a, b, tolerance, tolerance * max(1, np.abs(values(b)).max()))


@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_are_those_of_the_steps(case, rng, in_steps):
    *shapes, options = CASES[case]
    given = leaves(rng, shapes)
    found = []
    for f in (conv2d, in_steps):
        first = grad(weighted(f(*given, **options)), given, create_graph=True)
        found.append(grad(weighted(first[0]) + weighted(first[1] * first[1]), given[:2]))
    for a, b in zip(*found):
        assert_close(a, b, 1e-10, 1e-10)


def test_images_may_lie_in_memory_in_any_order(rng):
    x, W, b = leaves(rng, ((2, 3, 6, 5), (4, 3, 3, 3)))
    turned = mx.tensor(values(x).transpose(2, 0, 3, 1).copy()).permute(1, 3, 0, 2)
    assert_close(conv2d(turned, W, b, padding=1), conv2d(x, W, b, padding=1))
    (g,) = grad(weighted(conv2d(turned, W, b, padding=1)), [W])
    (expected,) = grad(weighted(conv2d(x, W, b, padding=1)), [W])
    assert_close(g, expected)


def test_an_image_that_wants_no_gradient_gets_none(rng, monkeypatch):
    """The first layer's image is data: its derivative would be a third of the work."""
    x, W, b = leaves(rng, ((2, 3, 6, 5), (4, 3, 3, 3)))
    nobody = lambda *_: pytest.fail("computed for nobody")  # noqa: E731
    monkeypatch.setattr(fast_convolution, "derivative_of_image", nobody)
    weighted(conv2d(x.detach(), W, b)).backward()
    assert W.grad is not None and x.grad is None


def test_a_gradient_belongs_to_the_kernel_alone(rng):
    x, W, b = leaves(rng, ((2, 3, 6, 5), (4, 3, 3, 3)))
    for _ in range(2):
        weighted(conv2d(x, W, b)).backward()
    (once,) = grad(weighted(conv2d(x, W, b)), [W])
    assert_close(W.grad, 2 * values(once))
    assert W.grad.is_contiguous()


def test_a_frozen_kernel_gets_none_and_keeps_no_patches(rng):
    x, W, b = leaves(rng, ((2, 3, 20, 20), (4, 3, 5, 5)))
    expected = grad(weighted(conv2d(x, W, b)), [x, b])
    frozen = conv2d(x, W.detach(), b)
    for ours, theirs in zip(grad(weighted(frozen), [x, b]), expected, strict=True):
        assert_close(ours, theirs)
    kept = [cell.cell_contents for cell in conv2d(x, W.detach(), b).derivatives.__closure__]
    assert all(a.size <= x.numel() for a in kept if isinstance(a, np.ndarray))


@pytest.mark.parametrize(
    ("image", "kernel", "padding"),
    (((4, 1, 28, 28), (10, 1, 28, 28), 0), ((4, 3, 24, 24), (32, 3, 5, 5), 2)),
    ids=("as large as the image", "many channels from few"),
)
def test_no_way_back_needs_many_times_the_memory_of_the_patches(image, kernel, padding, rng):
    import tracemalloc

    x, W, b = leaves(rng, (image, kernel), np.float32)
    y = conv2d(x, W, b, padding=padding)
    patches = 4 * y.shape[0] * y.shape[2] * y.shape[3] * np.prod(kernel[1:])
    loss = weighted(y)
    tracemalloc.start()
    loss.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * patches + 4 * (W.array.nbytes + x.array.nbytes)


@pytest.mark.parametrize("case", ("half precision", "traced"))
def test_the_rest_is_left_to_the_steps(rng, case):
    given = leaves(rng, ((2, 3, 6, 5), (4, 3, 3, 3)), np.float32)
    expected = conv2d(*given)
    if case == "traced":
        with mx.trace():
            found = conv2d(*given)
    else:
        given = [t.half() for t in given]
        found = conv2d(*given).float()
    assert_close(found, expected, 1e-2, 1e-2)
    assert not set(given) & set(found.inputs)


def test_a_bias_may_change_in_between(rng):
    """As in PyTorch: no derivative looks at it."""
    given = leaves(rng, ((2, 3, 6, 5), (4, 3, 3, 3)))
    expected = grad(weighted(conv2d(*given)), given)
    y = conv2d(*given)
    with mx.no_grad():
        given[2].mul_(2)
    for ours, theirs in zip(grad(weighted(y), given), expected, strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize("which", (0, 1))
def test_a_change_in_between_is_noticed(rng, which):
    given = leaves(rng, ((2, 3, 6, 5), (4, 3, 3, 3)))
    y = conv2d(*given)
    with mx.no_grad():
        given[which].mul_(2)
    with pytest.raises(mx.GraphError, match="changed in place"):
        weighted(y).backward()
