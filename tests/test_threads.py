"""Tasks shared among threads, while the matrix library is held to one."""

import os
import threading

import numpy as np
import pytest

from minixattn import threads


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """Two threads, whatever this machine has, with a matrix library that only counts."""
    blas = {"threads": 2, "calls": []}

    def put(n):
        blas["threads"] = n
        blas["calls"].append(n)

    monkeypatch.setattr(threads, "_blas", lambda: (lambda: blas["threads"], put))
    monkeypatch.setattr(threads._state, "limit", None)
    return blas


def test_every_task_is_done_once_by_more_than_one_thread(two_threads):
    done, workers, both = [], set(), threading.Barrier(2, timeout=20)

    def task(i):
        if i < 2:
            both.wait()  # would time out if one thread had to do both
        done.append(i)
        workers.add(threading.get_ident())

    threads.share(task, 7)
    assert sorted(done) == list(range(7)) and len(workers) == 2


def test_the_matrix_library_has_one_thread_inside_and_its_own_number_after(two_threads):
    seen = []
    threads.share(lambda _i: seen.append(two_threads["threads"]), 3)
    assert seen == [1, 1, 1] and two_threads["threads"] == 2


def test_an_error_in_a_task_is_raised_and_everything_is_as_before(two_threads):
    def task(i):
        raise ValueError(f"task {i}")

    with pytest.raises(ValueError, match="task"):
        threads.share(task, 4)
    assert two_threads["threads"] == 2 and threads._state.inside == 0
    threads.share(lambda _i: None, 2)  # and it can be used again


def test_one_setting_switches_threads_off(two_threads):
    threads.set_num_threads(1)
    workers = set()
    threads.share(lambda _i: workers.add(threading.get_ident()), 4)
    assert workers == {threading.get_ident()} and not two_threads["calls"]
    assert threads.get_num_threads() == 1 and not threads.threads_pay(np.ones(1), 10**12)


def test_threads_are_not_started_for_little_work(two_threads):
    assert threads.threads_pay(np.ones(1), threads.SHARED)
    assert not threads.threads_pay(np.ones(1), threads.SHARED - 1)


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True, None])
def test_a_number_of_threads_that_is_none_is_named(n):
    with pytest.raises(ValueError, match="takes a whole number from 1 up, got"):
        threads.set_num_threads(n)


def test_a_library_that_cannot_be_told_gets_no_threads_beside_it(monkeypatch):
    monkeypatch.setattr(threads, "_blas", lambda: None)
    assert threads.get_num_threads() == 1
    done = []
    threads.share(done.append, 3)
    assert done == [0, 1, 2]
    with threads.blas_threads(1):
        pass


def test_training_holds_the_library_to_two_threads_or_to_fewer_where_set_so(two_threads):
    def inside():
        with threads.blas_threads(threads.TRAINING):
            threads.share(lambda _i: None, 2)
            return two_threads["threads"]

    assert inside() == 2
    two_threads["threads"] = 8
    assert inside() == 2 and two_threads["threads"] == 8
    threads.set_num_threads(1)
    assert inside() == 1 and two_threads["threads"] == 8


def test_sharing_inside_a_shared_task_and_in_a_users_threads_ends_well(two_threads):
    done = []
    threads.share(lambda i: threads.share(lambda j: done.append((i, j)), 3), 3)
    assert sorted(done) == [(i, j) for i in range(3) for j in range(3)]
    users = [threading.Thread(target=threads.share, args=(done.append, 5)) for _ in range(6)]
    for user in users:
        user.start()
    for user in users:
        user.join(timeout=20)
    assert len(done) == 9 + 30 and two_threads["threads"] == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_starts_threads_of_its_own(two_threads):
    threads.share(lambda _i: None, 2)  # the parent's are running
    child = os.fork()
    if child == 0:
        done = []
        threads.share(done.append, 4)
        os._exit(0 if sorted(done) == [0, 1, 2, 3] else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_where_the_library_is_held_can_leave_and_share(two_threads):
    with threads.blas_threads(1):
        child = os.fork()
    if child == 0:
        inside = []
        threads.share(lambda _i: inside.append(two_threads["threads"]), 4)
        os._exit(0 if threads._state.inside == 0 and inside == [1] * 4 else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("started", [False, True])
def test_work_goes_on_alone_where_no_thread_can_be_started(two_threads, monkeypatch, started):
    """As at the end of the interpreter, in a thread of the user's or in `atexit`."""

    class Ended:
        def submit(self, work):
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(threads, "executor", Ended if started else lambda: Ended().submit(None))
    done = []
    threads.share(done.append, 5)
    assert done == list(range(5)) and two_threads["threads"] == 2 and threads._state.inside == 0


def test_numpys_own_library_keeps_its_number_of_threads(monkeypatch):
    monkeypatch.undo()
    found = threads._blas()
    if found is None:
        pytest.skip("NumPy brings no OpenBLAS here")
    before = found[0]()
    threads.share(lambda _i: np.ones((8, 8)) @ np.ones((8, 8)), 4)
    assert found[0]() == before >= 1


@pytest.mark.parametrize(("n", "length"), [(1, 1), (1, 100), (3, 64), (4, 50), (9, 1000)])
def test_the_parts_of_all_heads_cover_every_row_once(n, length):
    rows = np.zeros((n, length), int)

    def task(head, part):
        rows[head, part] += 1

    run, m = threads.parts(task, n, length)
    for i in range(m):
        run(i)
    assert (rows == 1).all()


def test_blocks_cover_a_slice_with_the_last_one_shorter():
    assert threads.blocks(slice(3, 10), 4) == [slice(3, 7), slice(7, 10)]
    assert threads.blocks(slice(0, 0), 4) == []
