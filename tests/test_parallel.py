"""Ranks in one process: sums that are the same to the last bit, and attention round a ring."""

import sys

import numpy as np
import pytest
from helpers import assert_close, values, weighted

import minixattn as mx
from minixattn.data import Reverse
from minixattn.errors import GraphError, ShapeError
from minixattn.models import Transformer
from minixattn.models.translation import loss_of
from minixattn.nn.functional import scaled_dot_product_attention
from minixattn.parallel import ALONE, ring_attention, together, total, world
from minixattn.parallel.ring import bytes_of_ring
from minixattn.parallel.sharing import Sharing
from minixattn.parallel.total import alike, bytes_of_total

RANKS = pytest.mark.parametrize("n", [1, 2, 3, 4])


# Sums --------------------------------------------------------------------------------------------


@RANKS
@pytest.mark.parametrize("size", [1, 5, 64])
def test_a_total_is_the_sum_and_the_same_on_all_ranks_to_the_last_bit(n, size, rng):
    parts = rng.standard_normal((n, size)).astype(np.float32)
    found = together(n, lambda comm: total(comm, parts[comm.rank].copy()))
    for one in found:
        np.testing.assert_array_equal(one, found[0])
    np.testing.assert_allclose(found[0], parts.sum(0), rtol=1e-5, atol=1e-6)


@RANKS
def test_a_total_sends_what_the_formula_says(n):
    def sent(comm):
        total(comm, np.zeros(60, np.float32))
        return comm.sent

    assert sum(together(n, sent)) == bytes_of_total(60, n)


def test_ranks_that_differ_in_one_bit_are_found_out():
    def agree(comm, by):
        return alike(comm, np.array([1.0, 2.0 + by * comm.rank]))

    assert together(3, lambda comm: agree(comm, 0)) == [True] * 3
    assert together(3, lambda comm: agree(comm, 1e-15)) == [False] * 3


def test_an_error_on_one_rank_ends_all():
    def run(comm):
        if comm.rank == 1:
            raise ValueError("rank 1 has no more disk")
        total(comm, np.zeros(4))

    with pytest.raises(ValueError, match="rank 1 has no more disk"):
        together(3, run)


# A ring ------------------------------------------------------------------------------------------

B, H, L, D_K, D_V = 2, 3, 8, 4, 5


def streams(rng, S):
    return [rng.standard_normal((B, H, n, d)) for n, d in ((L, D_K), (S, D_K), (S, D_V))]


def shared(x, n, rank):
    return mx.tensor(np.array_split(x, n, -2)[rank], requires_grad=True)


@RANKS
@pytest.mark.parametrize("S", [4, 8, 11])
def test_a_ring_computes_and_differentiates_what_one_process_does(n, S, rng):
    Q, K, V = streams(rng, S)
    dO = rng.standard_normal((B, H, L, D_V))
    whole = [mx.tensor(x, requires_grad=True) for x in (Q, K, V)]
    expected = scaled_dot_product_attention(*whole)
    (expected * mx.tensor(dO)).sum().backward()

    def run(comm):
        q, k, v = (shared(x, n, comm.rank) for x in (Q, K, V))
        output = ring_attention(q, k, v, comm)
        (output * mx.tensor(np.array_split(dO, n, -2)[comm.rank])).sum().backward()
        return [values(t) for t in (output, q.grad, k.grad, v.grad)]

    found = [np.concatenate(parts, -2) for parts in zip(*together(n, run))]
    for ours, theirs in zip(found, (expected, *(t.grad for t in whole))):
        assert_close(ours, values(theirs), 1e-12, 1e-12)


def test_a_rank_holds_an_nth_of_the_keys_at_a_time(rng, monkeypatch):
    from minixattn.parallel import ring

    held = []
    part = ring.part
    monkeypatch.setattr(ring, "part", lambda S, V: held.append(V.nbytes) or part(S, V))
    _, K, V = streams(rng, 12)

    def run(comm):
        q, k, v = (shared(x, 4, comm.rank) for x in (np.zeros((B, H, L, D_K)), K, V))
        return ring_attention(q, k, v, comm)

    together(4, run)
    assert len(held) == 16 and set(held) == {V.nbytes // 4}


@RANKS
def test_a_ring_sends_what_the_formula_says(n, rng):
    Q, K, V = streams(rng, 12)

    def run(comm):
        q, k, v = (shared(x, n, comm.rank) for x in (Q, K, V))
        before = 0 if n == 1 else comm.sent
        output = ring_attention(q, k, v, comm)
        forward = comm.sent - before - overhead(comm)
        before = comm.sent
        weighted(output).backward()
        return forward, comm.sent - before

    forward, backward = np.sum(together(n, run), 0)
    if n > 1:
        assert forward == bytes_of_ring(B, H, 12, D_K, D_V, n, 8)
        assert backward == bytes_of_ring(B, H, 12, D_K, D_V, n, 8, backward=True)


def overhead(comm):
    """What comparing shapes and lengths sends: two totals of a few numbers, by this rank."""
    before = comm.sent
    total(comm, np.zeros(8))
    total(comm, np.zeros(comm.size))
    return comm.sent - before


def test_ranks_whose_shapes_do_not_fit_are_told_which(rng):
    def run(comm):
        k = mx.randn(1, 2, 3, 4)
        return ring_attention(mx.randn(1, 2, 5, 4), k, mx.randn(1, 2, 3, 4 + comm.rank), comm)

    with pytest.raises(ShapeError, match=r"another rank has others: all dimensions but the len"):
        together(2, run)
    with pytest.raises(ShapeError, match=r"expected \(…, L, d_k\), \(…, S, d_k\)"):
        ring_attention(mx.randn(5, 4), mx.randn(3, 4), mx.randn(2, 4), ALONE)


def test_a_second_derivative_is_refused():
    q = mx.randn(1, 2, 3, requires_grad=True)
    output = ring_attention(q, mx.randn(1, 4, 3), mx.randn(1, 4, 3), ALONE)
    with pytest.raises(GraphError, match="no second derivative"):
        mx.autograd.grad(weighted(output), q, create_graph=True)


# Training ----------------------------------------------------------------------------------------


TASK = Reverse("train", 6, 6, 8)


def made():
    sizes = [len(TASK.vocabularies[part]) for part in ("source", "target")]
    return Transformer(*sizes, width=16, heads=2, layers=1, longest=10).double()


def trained(comm, size, beginning, steps=5):
    """The weights after some steps, and the losses."""
    model = made()  # threads share one generator of chance
    model.load_state_dict(beginning)
    optimizer, losses = mx.optim.SGD(model.parameters(), lr=0.1), []
    sharing = Sharing(comm)
    batches = TASK.batches(0, size * comm.size)
    for _, batch in zip(range(steps), batches):
        optimizer.zero_grad()
        loss, _ = loss_of(model, sharing.share_of(batch, size))
        loss.backward()
        losses += sharing.average(list(model.parameters()), [loss.item()])
        optimizer.step()
    sharing.check_alike(model.parameters())
    return [values(p) for p in model.parameters()], losses


def test_four_ranks_do_what_one_does_with_a_batch_four_times_as_large():
    mx.manual_seed(0)
    beginning = made().state_dict()
    alone, losses = trained(ALONE, 16, beginning)
    found = together(4, lambda comm: trained(comm, 4, beginning))
    for weights, shared_losses in found:
        np.testing.assert_allclose(shared_losses, losses, rtol=1e-6)
        for ours, theirs, first in zip(weights, alone, found[0][0], strict=True):
            np.testing.assert_array_equal(ours, first)  # the same on every rank
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_ranks_whose_weights_differ_are_stopped():
    def run(comm):
        Sharing(comm).check_alike([mx.full((3,), 1.0 + 1e-7 * (comm.rank == 2))])

    with pytest.raises(RuntimeError, match="the ranks' weights differ"):
        together(3, run)


# Starting ----------------------------------------------------------------------------------------


def test_a_process_by_itself_is_alone():
    assert world() is ALONE
    x = np.arange(3.0)
    assert total(ALONE, x) is x


def test_processes_that_would_wait_for_one_that_fails_are_refused(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "4")
    with pytest.raises(RuntimeError, match=r"mpiexec -n 4 python -m mpi4py -m minixattn"):
        world()


@pytest.mark.parametrize("error, said", [
    (ImportError("no"), r'pip install "minixattn\[mpi\]"'),
    (RuntimeError("cannot load MPI library"), "finds no MPI library"),
])  # fmt: skip
def test_a_missing_library_is_told_in_a_sentence(monkeypatch, error, said):
    class Broken:
        def find_spec(self, name, *_):
            if name == "mpi4py":
                raise error

    for name in [n for n in sys.modules if n.partition(".")[0] == "mpi4py"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mpi4py.run", object())
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises((ImportError, RuntimeError), match=said):
        world()
