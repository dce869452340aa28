"""The table of results: made of what the weights score now, and of records that have all parts."""

import json

import numpy as np
import pytest

pytest.importorskip("safetensors")
pytest.importorskip("sklearn")
pytest.importorskip("babel")

from minixattn import results
from minixattn.cli import main
from minixattn.models import load_pretrained
from minixattn.models.pretrained import WEIGHTS, names
from minixattn.models.recipes import recipe

SMALL = {"steps": 3, "size": 4, "width": 8, "heads": 2}


@pytest.mark.parametrize("name", names())
def test_every_record_has_all_parts_and_its_baselines(name):
    record = json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))
    metrics, chosen = record["metrics"], recipe(name)
    assert set(metrics["baselines"]) == set(chosen.baselines)
    assert metrics["examples"] > 0 and metrics["parameters"] > 0
    assert {"task", "seed", "steps", "cpu_seconds"} <= set(record["training"])
    for scores in (metrics, *metrics["baselines"].values()):
        assert set(chosen.shown or (chosen.measure,)) <= set(scores)
    for other in metrics["baselines"].values():
        assert other["cpu_seconds"] > 0 and other["parameters"] > 0
    assert metrics["parameters"] == results.parameters(load_pretrained(name).model)


@pytest.mark.parametrize("name", [name for name in names() if name not in ("dates", "drawings")])
def test_the_weights_still_score_what_they_claim(name):
    """Of some hundred examples, as far as chance allows."""
    found, chosen, n = load_pretrained(name), recipe(name), 400
    settings = {**chosen.settings, **results.known(found.training, chosen)}
    scores = chosen.score(found.model, chosen.task("test", settings), n)
    for measure in chosen.shown or (chosen.measure,):
        claimed = found.metrics[measure]
        share = n / max(len(chosen.shown), 1)  # examples of one kind, at the least
        tolerance = 4 * np.sqrt(max(claimed * (1 - claimed), 1e-3) / share)
        assert abs(scores[measure] - claimed) < tolerance, measure


def test_the_drawing_weights_still_draw_what_is_asked_for():
    from minixattn.data.drawings import Drawings
    from minixattn.models.drawing import measure

    found = load_pretrained("drawings")
    assert found.metrics["read"] >= 0.98
    assert measure(found.model, Drawings("test"), samples=30)["read"] >= 0.9


def test_training_writes_weights_with_a_record_that_has_all_parts(tmp_path):
    said = []
    path = results.train(
        "captions", examples=8, folder=tmp_path, say=said.append, hidden=8, **SMALL
    )
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["model"] == "Captioner" and record["config"]["width"] == 8
    assert record["training"]["steps"] == 3 and record["metrics"]["examples"] == 8
    assert set(record["metrics"]["baselines"]) == {"the encoder's mean vector"}
    assert [line.partition(",")[0] for line in said] == [
        "captions: exact 0.0 %", "captions: the encoder's mean vector: exact 0.0 %",
    ]  # fmt: skip
    line = results.row("captions", 8, tmp_path)
    assert line.startswith("| `captions`: what is on a page of handwriting, in words | Captioner |")
    found = load_pretrained("captions", folder=tmp_path)
    again = recipe("captions").score(found.model, recipe("captions").task("test", {}), 8)
    assert again["tokens"] == record["metrics"]["tokens"]


def test_the_command_prints_the_table_and_puts_it_where_it_belongs(tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- results -->\nold\n<!-- /results -->\nafter\n")
    asked = ["results", "captions", "--examples", "20", "--out", str(tmp_path)]
    assert main([*asked, "--into", str(readme)]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0] == results.HEAD[0] and len(text.splitlines()) == 3
    assert (tmp_path / "results.md").read_text() == text
    assert readme.read_text() == f"before\n<!-- results -->\n{text}<!-- /results -->\nafter\n"


def test_a_file_without_a_place_for_the_table_is_left_alone(tmp_path, capsys):
    (tmp_path / "a.md").write_text("nothing here")
    asked = ["results", "captions", "--examples", "4", "--into", str(tmp_path / "a.md")]
    assert main(asked) == 1
    assert "has no place for the table" in capsys.readouterr().err
    assert (tmp_path / "a.md").read_text() == "nothing here"


@pytest.mark.parametrize("given, said", [
    (["--train"], "--train needs names"), (["nothing"], "no task 'nothing'"),
    (["--examples", "0"], "must be 1 or more, got 0"),
])  # fmt: skip
def test_what_cannot_be_done_is_said(given, said, capsys):
    assert main(["results", *given]) == 1
    assert said in capsys.readouterr().err
