"""Graphs of any length and width go backward, and die with their result without the collector."""

import gc
import sys
import time
import weakref

import numpy as np
import pytest
from helpers import assert_close, leaf

import minixattn as mx


def chain(x, n):
    y = x
    for _ in range(n):
        y = y * 1.0
    return y


def test_a_chain_of_100_000_operations_goes_backward():
    x = leaf(3.0)
    chain(x, 100_000).backward()
    assert x.grad.item() == 1


def test_a_chain_of_100_000_operations_can_be_dropped_unused():
    x = leaf(3.0)
    y = chain(x, 100_000)
    middle = weakref.ref(y.inputs[0].inputs[0])
    del y
    assert middle() is None


def test_a_tensor_used_10_000_times_gets_the_sum_of_all():
    x = leaf([1.0, 2.0])
    y = x * 0
    for _ in range(10_000):
        y = y + x
    y.sum().backward()
    assert_close(x.grad, [10_000.0, 10_000.0])


def calls_of_backward(n):
    """Python function calls that the walk back through n uses of one tensor makes."""
    x = leaf([1.0])
    y = x * 1
    for _ in range(n):
        y = y * x
    calls = 0

    def count(_frame, event, _arg):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        y.backward()
    finally:
        sys.setprofile(None)
    return calls


def test_the_walk_back_is_linear_in_the_uses_of_a_tensor():
    few, many = calls_of_backward(500), calls_of_backward(5000)
    assert few > 500
    assert many <= 10 * few


def test_the_walk_back_is_linear_where_paths_double():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


@pytest.fixture
def no_gc():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_deleting_the_result_frees_the_whole_graph_without_the_collector(no_gc):
    x = leaf(np.ones((2, 3)))
    hidden = (x @ x.mT).softmax(-1)
    y = (hidden * hidden).sum()
    refs = [weakref.ref(t) for t in (hidden, hidden.inputs[0], y)]
    del hidden
    assert all(r() is not None for r in refs)
    del y
    assert all(r() is None for r in refs)


def test_backward_frees_the_graph_while_the_result_lives(no_gc):
    x = leaf(np.ones((2, 3)))
    y = (x.exp() * x).sum()
    middle = weakref.ref(y.inputs[0])
    y.backward()
    assert middle() is None and y.item() > 0


def test_many_steps_leave_nothing_for_the_garbage_collector(no_gc):
    w = leaf(np.full((3, 3), 0.1))
    data = mx.ones(2, 3, dtype=mx.float64)

    def step(k):
        y = ((data @ w).softmax(-1).log() * data).sum() + w.std() + w.amax(0).sum()
        if k % 3 == 0:
            mx.autograd.grad(y, w)
        elif k % 3 == 1:
            y.backward()
        with mx.no_grad():
            w.sub_(0.01 * (w.grad if w.grad is not None else w))

    step(0)
    gc.collect()
    before = len(gc.get_objects())
    for k in range(1, 200):
        step(k)
    after = len(gc.get_objects())
    assert gc.collect() == 0
    assert after - before < 50


def test_second_derivatives_leave_nothing_for_the_garbage_collector(no_gc):
    x = leaf([0.5, 1.5])
    for _ in range(3):
        (g,) = mx.autograd.grad((x**3).sum(), x, create_graph=True)
        (h,) = mx.autograd.grad(g.sum(), x)
        del g, h
    assert gc.collect() == 0


def test_a_chain_of_a_million_operations_takes_seconds():
    w, b = leaf([1.0, 1.0]), leaf([0.0, 1.0])

    def chain_of_pairs():
        y = w
        for _ in range(500_000):
            y = y * w + b
        return y

    start = time.process_time()
    y = chain_of_pairs()
    middle = weakref.ref(y.inputs[0].inputs[0])
    y.backward(mx.ones_like(y))
    assert_close(b.grad, [500_000.0, 500_000.0])
    assert middle() is None
    y = chain_of_pairs()
    del y
    assert time.process_time() - start < 60  # 7 on an idle machine


def resident_kib():
    """The memory that this process holds, in KiB."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_2000_training_steps_without_the_collector_leave_no_object_and_no_memory(no_gc):
    layer = mx.nn.CrossAttention(8, 6, num_heads=2)
    optimizer = mx.optim.AdamW(layer.parameters())
    query, context = mx.randn(2, 3, 8), mx.randn(2, 5, 6)

    def step():
        output, _ = layer(query, context)
        optimizer.zero_grad()
        output.square().mean().backward()
        mx.nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        optimizer.step()

    for _ in range(200):
        step()
    gc.collect()
    before = resident_kib()
    for _ in range(2000):
        step()
    grown = resident_kib() - before
    assert gc.collect() == 0
    assert grown < 1024
