"""What the race says of its numbers: targets, tables, the picture, the command line."""

import json

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import chain, contests, lone, machine, picture, report, targets
from benchmarks.parts import ACCURATE, PARTS
from benchmarks.peers import PEERS
from benchmarks.work import LENGTHS, SIZES, length, size_of


def timed(ms, peak=10.0, clean=5):
    return {"ms": ms, "best_ms": ms, "clean": clean, "samples": 5, "peak_mib": peak}


HERE = {"processor": "abacus", "cores": 2, "python": "3.1", "libraries": {"numpy": "9.9"}}


# Targets -----------------------------------------------------------------------------------------


def test_a_ratio_within_its_bound_is_met_and_one_above_is_missed():
    tiny = {"cross": timed(0.2), "torch-mha": timed(1.0), "jax": timed(0.25)}
    found = {v.what: v for v in targets.verdicts({"sizes": {"tiny": tiny}})}
    assert set(found) == {"time cross / torch-mha", "time cross / jax"}
    assert found["time cross / torch-mha"].met
    assert found["time cross / torch-mha"].value == pytest.approx(0.2)
    assert not found["time cross / jax"].met
    assert "MISSED" in str(found["time cross / jax"])
    assert "<= 0.7" in str(found["time cross / jax"])


def test_long_sequences_are_judged_without_weights_and_with():
    peers = {
        "cross-lean": timed(500, 90), "cross": timed(600, 300), "torch-mha": timed(1000, 880),
        "limit": timed(400, 70),
    }  # fmt: skip
    found = {v.what: v for v in targets.verdicts({"sizes": {"long": peers}})}
    assert found["time cross-lean / torch-mha"].bound == 0.58
    assert found["time cross / torch-mha"].bound == 0.65
    assert found["peak MiB cross-lean"].met
    assert found["peak cross / torch-mha"].value == pytest.approx(300 / 880)
    assert not found["time cross-lean / limit"].met


def test_what_was_skipped_or_not_measured_is_not_judged():
    results = {"sizes": {"tiny": {"cross": timed(1.0), "torch-mha": {"skipped": "no"}}}}
    assert targets.verdicts(results) == []
    assert targets.verdicts({}) == []


def test_a_recorded_operation_is_judged_against_pytorch_and_bare_numpy():
    chains = {"numpy": timed(1.0), "minixattn": timed(2.5), "torch": timed(6.0)}
    relative, absolute = targets.verdicts({"chain": chains})
    assert relative.value == pytest.approx(2.5 / 6) and relative.met
    assert absolute.value == pytest.approx(1.5) and not absolute.met


def test_a_model_is_judged_against_the_faster_run_of_pytorch():
    sides = {"minixattn": timed(6), "torch": timed(9), "torch-1": timed(8)}
    (verdict,) = targets.verdicts({"models": {"demo": sides}})
    assert verdict.value == pytest.approx(6 / 8) and verdict.met


def test_no_unreachable_object_is_allowed():
    found = targets.verdicts({"garbage": {"cross": {"unreachable": 1, "growth_mib": 0.2}}})
    assert [v.met for v in found] == [False, True]


def test_float32_is_judged_by_the_distance_of_pytorchs_own():
    found = targets.verdicts(
        {
            "accuracy": {
                "tiny": {
                    "cross": {"float64": 2e-15, "float32": 3e-7},
                    "torch-mha": {"float64": 0.0, "float32": 2e-7},
                }
            }
        }
    )
    assert [(v.value, v.met) for v in found] == [(2e-15, True), (pytest.approx(1.5), False)]


def test_targets_name_only_sizes_and_peers_that_there_are():
    assert set(targets.AT_MOST) == set(SIZES)
    named = {peer for row in targets.AT_MOST.values() for peer in row} | set(targets.HALF)
    assert named | set(targets.LAYERS) | set(targets.WITHOUT_WEIGHTS) <= set(PEERS)


# Tables and picture ------------------------------------------------------------------------------


def test_a_table_shows_ratios_and_marks_what_was_never_clean():
    lines = report.table(
        {"cross": timed(2.0), "torch-mha": timed(4.0, clean=0), "jax": {"skipped": "no jax"}}
    ).splitlines()
    assert "/ torch-mha" in lines[0]
    assert lines[1].split()[-8:] == ["2.000", "2.000", "0.50", "–", "–", "–", "10", "5/5"]
    assert "~" in lines[2] and "~" not in lines[1]
    assert lines[3].endswith("skipped: no jax")


def test_the_report_names_machine_sizes_and_targets():
    results = {
        "machine": HERE,
        "sizes": {"tiny": {"cross": timed(0.2), "torch-mha": timed(1.0)}},
        "chain": {"numpy": timed(1.0), "minixattn": timed(2.0)},
        "deep": {"operations": 1_000_000, "seconds": 3.0},
        "models": {"demo": {"minixattn": timed(6), "torch": {"skipped": "no torch"}}},
    }
    text = report.text(results)
    for words in ("abacus, 2 cores", "8, 10, 12, 32, 4", "1,000,000: 3.0 s", "model: demo",
                  "no torch", "2 of 2 met"):  # fmt: skip
        assert words in text


def test_a_target_stands_apart_from_its_contest_whatever_the_size_is_called():
    found = {name: {"cross": {"float64": 1e-15}} for name in ACCURATE}
    for verdict in targets.verdicts({"accuracy": found}):
        assert str(verdict).startswith(f"{verdict.contest} ")
        assert f" {verdict.what} " in str(verdict)


def test_the_floor_is_products_at_full_speed_and_each_number_once():
    size = size_of(length(1024))
    speed = {"gflops": 100.0, "gbytes": 10.0}
    expected = 1e3 * (size.flops / 1e11 + size.bytes_moved / 1e10)
    assert picture.floor_ms(size, speed) == pytest.approx(expected)
    assert picture.scores_mib(size) == 4.0
    assert picture.floor_mib(size) == pytest.approx(4 * (3 * 1024 * 64 + 4 * 64 * 65) / 2**20)


def test_the_picture_is_drawn_from_results_with_gaps(tmp_path):
    lengths = {
        length(L): {name: timed(L / 100, L / 50) for name in picture.LINES} for L in LENGTHS
    }
    lengths[length(LENGTHS[-1])]["readable"] = {"skipped": "too much"}
    speed = {"gflops": 100.0, "gbytes": 10.0}
    results = {"lengths": lengths, "speed": speed, "machine": HERE}
    file = picture.draw(results, tmp_path / "picture.png")
    assert file.read_bytes()[1:4] == b"PNG"
    assert picture.series(lengths, "readable", "ms")[0] == list(LENGTHS[:-1])


# Contests ----------------------------------------------------------------------------------------


def test_the_chain_by_hand_has_the_gradients_of_the_recorded_one():
    hand, recorded = chain.ByHand(), chain.Recorded()
    hand.step()
    recorded.step()
    for by_hand, leaf in zip(hand.found, recorded.leaves):
        np.testing.assert_allclose(by_hand, leaf.grad.numpy(), rtol=1e-4)


def test_every_contest_lists_its_entrants():
    assert contests.entrants("tiny") == list(PEERS)
    assert contests.entrants("chain")[:2] == ["numpy", "minixattn"]
    assert "minixattn" in contests.entrants("demo")
    assert isinstance(contests.build("speed", "numpy"), machine.Product)


def test_a_chain_of_operations_too_deep_for_recursion_walks_back():
    found = lone.deep_chain(20_000)
    assert found["operations"] == 20_000 and found["seconds"] > 0


def test_imports_are_timed_and_what_is_not_installed_is_skipped_with_a_word():
    said = []
    found = lone.imports(("numpy", "minixattn", "no_such_module"), rounds=1, say=said.append)
    assert set(found) == {"numpy", "minixattn"}
    assert found["minixattn"]["ms"] > 0
    reason = "ModuleNotFoundError: No module named 'no_such_module'"
    assert said == [f"  no_such_module: skipped ({reason})"]


def test_a_failing_script_gives_its_last_words():
    assert lone.fresh("import nothing_of_that_name").startswith("ModuleNotFoundError")


# The command -------------------------------------------------------------------------------------


def test_everything_is_measured_unless_something_is_named():
    chosen = command.arguments([])
    assert (chosen.parts, chosen.sizes, chosen.peers) == (list(PARTS), list(SIZES), list(PEERS))
    assert command.arguments(["--sizes", "tiny,small"]).parts == ["sizes"]
    assert command.arguments(["--parts", "chain"]).parts == ["chain"]
    chosen = command.arguments(["--lengths", "256,512"])
    assert (chosen.parts, chosen.lengths) == (["lengths"], [256, 512])


def test_a_quick_run_leaves_out_what_takes_long():
    chosen = command.arguments(["--quick"])
    assert chosen.sizes == ["tiny", "small", "medium"]
    assert "lengths" not in chosen.parts and chosen.rounds == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--sizes", "minute"], "unknown size 'minute': one of tiny"),
        (["--peers", "cross,torhc"], "unknown peer 'torhc': there are cross"),
        (["--lengths", "300"], "unknown length '300': there are 256, 512"),
        (["--parts", "sizs"], "unknown part 'sizs': there are sizes"),
        (["--peers", ","], "unknown peer '': there are cross"),
    ],
)
def test_what_is_not_known_is_answered_with_what_there_is(given, message):
    with pytest.raises(SystemExit, match=message):
        command.arguments(given)


def test_results_are_kept_for_this_machine_and_dropped_for_another(tmp_path):
    path = tmp_path / "cpu.json"
    assert set(command.load(path)) == {"machine"}
    path.write_text(json.dumps({"machine": machine.describe(), "chain": {}}))
    assert "chain" in command.load(path)
    path.write_text(json.dumps({"machine": HERE, "chain": {}}))
    assert "chain" not in command.load(path)


def test_measured_sizes_join_the_results_of_before(tmp_path, monkeypatch, capsys):
    path = tmp_path / "results" / "cpu.json"
    monkeypatch.setattr("benchmarks.parts.race", lambda name, names, **_: {"cross": timed(1.0)})
    for size in ("tiny", "small"):
        command.main(["--sizes", size, "--out", str(path)])
    assert set(json.loads(path.read_text())["sizes"]) == {"tiny", "small"}
    capsys.readouterr()
    command.main(["--report", "--out", str(path)])
    assert path.with_suffix(".txt").read_text().strip() in capsys.readouterr().out
