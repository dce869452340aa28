"""The race: everyone does the same work, and what is measured is judged by fixed rules."""

import numpy as np
import pytest

from benchmarks import clean, race
from benchmarks.accuracy import distance
from benchmarks.limit import Whole
from benchmarks.limit_tiles import Tiles
from benchmarks.peers import PEERS, Cross, Multihead, Readable, TooMuch, build
from benchmarks.work import PARAMETERS, SIZES, Size, problem, size_of

ODD = [Size(3, 13, 9, 12, 2), Size(1, 37, 41, 16, 1), Size(2, 70, 95, 32, 4)]


def gradients_of(peer):
    """Of its first step."""
    peer.step()
    return {name: np.asarray(g, float) for name, g in peer.gradients().items()}


# The work ----------------------------------------------------------------------------------------


def test_everyone_gets_the_same_numbers_in_either_precision():
    single, double = problem(ODD[0], "float32"), problem(ODD[0], "float64")
    assert single[1].shape == (3, 13, 12) and single[2].shape == (3, 9, 12)
    assert set(single[0]) == set(PARAMETERS)
    for name in PARAMETERS:
        np.testing.assert_array_equal(single[0][name], double[0][name].astype(np.float32))


def test_flops_count_every_product_of_a_step():
    B, L, S, E, h = size = Size(2, 3, 5, 8, 4)
    one = 2 * E * E * B  # of a projection, for one vector a batch element
    projections = 3 * one * (L + S + S + L)  # forward, to the input, to the weight
    attention = 6 * (2 * B * h * L * S * (E // h))  # Q Kᵀ and A V, and two each backward
    assert size.flops == projections + attention


def test_a_size_is_a_name_or_five_numbers():
    assert size_of("tiny") == SIZES["tiny"] == (8, 10, 12, 32, 4)
    assert size_of("2x10x20x512x8") == SIZES["small"]


@pytest.mark.parametrize("name", ["minute", "2x10x20", "2x10x20x512x0", "axbxcxdxe", ""])
def test_an_unknown_size_is_answered_with_those_there_are(name):
    with pytest.raises(ValueError, match=r"unknown size .*: one of tiny, small, .*BxLxSxExh"):
        size_of(name)


def test_a_size_whose_heads_do_not_divide_the_width_is_refused():
    with pytest.raises(ValueError, match="E = 512 is not a multiple of h = 7"):
        size_of("2x10x20x512x7")


# The peers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ODD, ids=str)
@pytest.mark.parametrize(
    "make",
    [
        Cross,
        Multihead,
        Whole,
        lambda size, dtype: Whole(size, dtype, tasks=size.B),
        lambda size, dtype: Whole(size, dtype, tasks=2),
        lambda size, dtype: Tiles(size, dtype, (16, 40), (32, 24)),
        lambda size, dtype: Tiles(size, dtype, (16, 40), (32, 24), safe=0.0),
    ],
    ids=["cross", "multihead", "whole", "task each", "two tasks", "tiles", "tiles below maximum"],
)
def test_gradients_are_those_of_the_equation_step_by_step(make, size):
    truth = gradients_of(Readable(size, "float64"))
    assert truth["x"].shape == (size.B, size.L, size.E)
    assert distance(gradients_of(make(size, "float64")), truth) < 1e-13
    assert distance(gradients_of(make(size, "float32")), truth) < 5e-6


@pytest.mark.parametrize("make", [Cross, Whole], ids=["cross", "whole"])
def test_a_step_moves_the_parameters_against_the_gradient(make, monkeypatch):
    for module in ("limit", "peers"):
        monkeypatch.setattr(f"benchmarks.{module}.RATE", 0.01)
    peer = make(ODD[0], "float64")
    before, _, _ = problem(ODD[0], "float64")
    g = gradients_of(peer)
    after = peer.W.O if make is Whole else peer.layer.W_O.weight.detach().numpy()
    np.testing.assert_allclose(after, before["W_O"] - 0.01 * g["W_O"], rtol=1e-12)


def test_large_scores_do_not_overflow_the_tiles():
    size = ODD[1]
    peer = Tiles(size, "float32", (16, 40), (32, 24))
    truth = Whole(size, "float64")
    for step in (peer, truth):
        step.W.Q[:] *= 60
        step.W.bQ[:] *= 60
    found, expected = gradients_of(peer), gradients_of(truth)
    assert not peer.plain
    assert np.isfinite(found["W_Q"]).all()
    assert distance(found, expected) < 1e-3


def test_distance_weighs_the_gradient_of_b_k_which_is_zero_by_that_of_b_q():
    truth = {name: np.ones(4) for name in (*PARAMETERS, "x", "y")}
    truth["b_K"] = np.full(4, 1e-20)
    assert distance(truth | {"b_K": np.full(4, 1e-7)}, truth) == pytest.approx(1e-7)
    assert distance(truth | {"W_V": np.full(4, 1.01)}, truth) == pytest.approx(0.01)


def test_a_peer_says_which_sizes_are_too_much_for_it():
    with pytest.raises(TooMuch, match="too many"):
        build("dezero", SIZES["long"])
    assert all(peer.most_scores > SIZES["medium"].scores for peer in PEERS.values())


# Measuring ---------------------------------------------------------------------------------------


def sampled(*samples):
    """A worker that took these samples, (seconds, share of others), without a process."""
    worker = object.__new__(race.Worker)
    worker.skipped, worker.peak_mib, worker.spent = None, 3.0, 0.0
    worker.samples = [{"step": s, "others": o} for s, o in samples]
    return worker


def test_samples_that_other_programs_disturbed_are_thrown_away():
    worker = sampled((0.001, 0.0), (0.5, 0.9), (0.003, 0.01), (0.7, clean.TOLERATED), (0.002, 0.0))
    found = worker.result()
    assert found["ms"] == pytest.approx(2.0)
    assert found["best_ms"] == pytest.approx(1.0)
    assert (found["clean"], found["samples"]) == (3, 5)
    assert worker.done(3, patience=10) and not worker.done(4, patience=10)


def test_the_best_sample_stands_in_where_all_were_disturbed():
    found = sampled((0.5, 0.9), (0.4, 0.5)).result()
    assert found["ms"] == found["best_ms"] == pytest.approx(400)
    assert found["clean"] == 0


def test_a_slow_peer_may_stop_after_three_clean_samples():
    worker = sampled(*[(2.0, 0.0)] * 3)
    worker.spent = 20.0
    assert worker.done(7, patience=10)


@pytest.mark.skipif(clean.cpu_seconds() is None, reason="needs /proc/stat")
def test_what_other_programs_use_is_a_share_of_the_machine():
    watch = clean.Watch()
    sum(range(300_000))
    assert 0 <= watch.others() <= 1.5
    watch.all -= 1000.0  # as if others had worked for 1000 s
    assert watch.others() > 1


def test_a_race_times_each_peer_in_a_process_of_its_own():
    said = []
    found = race.race("tiny", ["cross", "limit", "nobody"], rounds=1, seconds=0.01, limit=2,
                      say=said.append)  # fmt: skip
    assert found["cross"]["ms"] > 0 and found["limit"]["ms"] > 0
    assert found["limit"]["samples"] >= 1
    assert "skipped" in found["nobody"] and len(said) == 1


def test_a_peer_whose_library_is_not_installed_is_skipped_with_a_word(tmp_path, monkeypatch):
    (tmp_path / "autograd.py").write_text("raise ImportError(\"No module named 'autograd'\")\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said = []
    found = race.race("tiny", ["autograd"], rounds=1, limit=1, say=said.append)
    assert found["autograd"]["skipped"] == "No module named 'autograd'"
    assert said == ["  autograd: skipped (No module named 'autograd')"]


def test_gradients_come_back_from_the_process():
    found = race.gradients("tiny", "limit", "float64")
    truth = gradients_of(Whole(SIZES["tiny"], "float64"))
    assert distance(found, truth) < 1e-14


def test_garbage_of_our_own_steps_is_none():
    found = race.garbage("tiny", ["cross"], steps=50)
    assert found["cross"]["unreachable"] == 0
