"""Grad mode: blocks, decorators and calls; nested, per thread, and restored after an exception."""

import threading

import pytest
from helpers import leaf

import minixattn as mx


def recorded():
    return (leaf([1.0]) * 2).requires_grad


def test_no_grad_records_nothing_and_enable_grad_records_again():
    with mx.no_grad():
        assert not mx.is_grad_enabled() and not recorded()
        with mx.enable_grad():
            assert mx.is_grad_enabled() and recorded()
        assert not recorded()
    assert mx.is_grad_enabled() and recorded()


def test_grad_mode_works_as_a_decorator_with_and_without_parentheses():
    assert not mx.no_grad()(recorded)()
    assert not mx.no_grad(recorded)()
    assert not mx.inference_mode()(recorded)()
    with mx.no_grad():
        assert mx.enable_grad()(recorded)()
    assert mx.no_grad(recorded).__name__ == "recorded"
    assert recorded()


def test_set_grad_enabled_is_a_call_a_block_and_a_decorator():
    mx.set_grad_enabled(False)
    assert not mx.is_grad_enabled()
    mx.set_grad_enabled(True)
    assert mx.is_grad_enabled()
    with mx.set_grad_enabled(False):
        assert not recorded()
        with mx.set_grad_enabled(True):
            assert recorded()
        assert not recorded()
    assert recorded()
    off = mx.set_grad_enabled(False)(recorded)
    assert mx.is_grad_enabled()
    assert not off() and not off() and recorded()


def test_grad_mode_is_restored_after_an_exception():
    def fail():
        raise KeyError("inside")

    for mode in (mx.no_grad, mx.enable_grad, lambda: mx.set_grad_enabled(False)):
        for before in (True, False):
            with mx.set_grad_enabled(before):
                with pytest.raises(KeyError, match="inside"), mode():
                    fail()
                assert mx.is_grad_enabled() is before
                with pytest.raises(KeyError, match="inside"):
                    mode()(fail)()
                assert mx.is_grad_enabled() is before


def test_a_decorated_function_may_call_itself():
    @mx.no_grad()
    def count(n):
        return 0 if n == 0 else 1 + count(n - 1) + mx.is_grad_enabled()

    assert count(5) == 5 and mx.is_grad_enabled()


def test_grad_mode_belongs_to_its_thread():
    seen = {}
    inside, done = threading.Event(), threading.Event()

    def other():
        with mx.no_grad():
            inside.set()
            done.wait(10)
            seen["other"] = recorded()

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    seen["main"] = recorded()
    done.set()
    thread.join()
    assert seen == {"main": True, "other": False}
