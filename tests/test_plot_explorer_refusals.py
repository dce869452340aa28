"""What the explorer cannot show, it names: shapes, numbers, words, images."""

import numpy as np
import pytest

import minixattn as mx
from minixattn import plot

W = np.full((2, 3, 4), 0.25)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: plot.explore(np.ones(4)), r"shape \(4,\) hold no matrix, expected \(L, S\)"),
        (lambda: plot.explore(np.ones((0, 4))), r"shape \(0, 4\) .* no length of 0"),
        (lambda: plot.explore(np.full((2, 2, 2, 3, 4), 0.25)),
         r"\(2, 2, 2, 3, 4\) cannot be shown.*time=True"),
        (lambda: plot.explore(W, ["a"]),
         r"1 queries for weights of shape \(2, 3, 4\).*expected 3 queries \(rows\) and 4 keys"),
        (lambda: plot.explore(W, list("abcd"), list("xyz")), r"Are queries= and keys= swapped\?"),
        (lambda: plot.explore(W, keys=list("abcde")), r"5 keys for weights of shape \(2, 3, 4\)"),
        (lambda: plot.explore([W, W[:, :2]], list("abc")), "3 queries for .* in layer 1"),
        (lambda: plot.explore([np.full((2, 2, 3, 4), 0.25)]), "expected one layer.*batch=0"),
        (lambda: plot.explore([W, W[:1]], time=True), r"shapes \(2, 3, 4\), \(1, 3, 4\)"),
        (lambda: plot.explore(W, time=[0, 1, 2]), "3 labels in time= for 2 moments"),
        (lambda: plot.explore(W, layers=["a", "b"]), "2 names in layers= for 1 layers"),
        (lambda: plot.explore(W, batch=5), r"no batch element 5 in weights of shape \(2, 3, 4\)"),
        (lambda: plot.explore(W, mask=np.ones((4, 3), bool)),
         r"mask of shape \(4, 3\) does not fit weights of shape \(2, 3, 4\)"),
        (lambda: plot.explore(W, image=np.zeros((2, 2)), grid=(2, 3)),
         r"grid=\(2, 3\) has 6 patches, but there are 4 keys"),
        (lambda: plot.explore(np.full((1, 6), 1 / 6), image=np.zeros((2, 2))),
         r"6 keys are no square of patches: say how .* grid=\(rows, columns\)"),
        (lambda: plot.explore(W, image=np.zeros((3, 5, 5))), r"shape \(3, 5, 5\).*permute"),
    ],
)  # fmt: skip
def test_sizes_that_do_not_fit_are_named(call, message):
    with pytest.raises(mx.ShapeError, match=message):
        call()


def test_numbers_that_are_no_weights_are_named():
    with pytest.raises(ValueError, match=r"from -1 to 2, expected 0 to 1: .*after the softmax"):
        plot.explore([[-1.0, 2.0]])
    with pytest.raises(mx.DTypeError, match="mask is bool, True = may attend, got float64"):
        plot.explore(W, mask=np.ones((3, 4)))
    with pytest.raises(ValueError, match="image go from 0 to 255, expected 0 to 1"):
        plot.explore(W, image=np.array([[0.0, 255.0]]), grid=(2, 2))
    with pytest.raises(ValueError, match=r"patches are the keys.*nothing left"):
        plot.explore(W, list("abc"), list("wxyz"), np.zeros((2, 2)))
