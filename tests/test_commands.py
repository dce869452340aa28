"""`minixattn train`, `eval` and `list`: what they write and say, and what they refuse."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn import cli
from minixattn.models.recipes import RECIPES
from minixattn.runs import Run

ROOT = Path(__file__).parents[1]
TINY = ("--set", "width=8", "heads=2", "hidden=8", "layers=1", "size=4", "shortest=3", "longest=4")
FILES = {"run.json", "metrics.csv"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Fewer held-out examples; the drawing back end is put back."""
    monkeypatch.setattr(Run.score, "__defaults__", (20,))
    monkeypatch.setenv("MPLBACKEND", "agg")


def train(folder, *more, steps=6, name="copy", options=TINY):
    return cli.main(["train", name, "--out", str(folder), "--steps", str(steps), *more, *options])


def weights(folder):
    return [values(p).copy() for p in Run.open(folder).model.parameters()]


def refused(capsys, *arguments):
    """What is said when a command ends with status 1; nothing but one sentence."""
    assert cli.main(list(map(str, arguments))) == 1
    said = capsys.readouterr()
    assert said.err.startswith("minixattn: ") and "Traceback" not in said.err
    return said.err


# train -------------------------------------------------------------------------------------------


def test_training_writes_its_files_and_says_what_it_does(tmp_path, capsys):
    folder = tmp_path / "not" / "there"
    assert train(folder) == 0
    said = capsys.readouterr().out
    assert "Copy: 3 to 4 of 16 characters, train split" in said
    assert re.search(r"[\d,]+ weights, 6 steps of 4, into .*there", said)
    assert re.search(r"copy +step 6/6  loss \d\.\d{4}  exact +\d.* steps/s +0 s left", said)
    assert re.search(r"^  exact +\d\.\d{4}$", said, re.MULTILINE)
    found = {path.name for path in folder.iterdir()}
    assert {*FILES, "checkpoint-00000005.npz", "checkpoint-00000006.npz"} <= found
    assert all(name in said for name in found if "checkpoint" not in name)
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == list("123456")
    assert all(0 < float(row["loss"]) < 20 for row in rows)
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert about["recipe"] == "copy" and about["settings"]["width"] == 8


def test_the_curves_are_drawn_and_the_weights_saved(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("safetensors")
    from matplotlib.image import imread

    assert train(tmp_path, "--set", "evaluate_every=2") == 0
    picture = imread(tmp_path / "curves.png")
    assert picture.shape[0] == 480 and picture.std() > 0.05
    loaded = mx.load(tmp_path / "weights.safetensors")
    for name, x in Run.open(tmp_path).model.state_dict().items():
        np.testing.assert_array_equal(values(loaded[name]), values(x))


def test_without_the_extras_it_says_what_is_missing_and_ends_well(tmp_path, capsys, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure", "safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    assert train(tmp_path) == 0
    said = capsys.readouterr().out
    assert 'No curves.png: it needs pip install "minixattn[plot]".' in said
    assert 'No weights.safetensors: it needs pip install "minixattn[interop]".' in said
    assert "In " in said and "run.json, metrics.csv and the last" in said


def test_a_run_is_continued_with_the_options_it_began_with(tmp_path, capsys):
    for folder in ("whole", "parts"):
        assert train(tmp_path / folder, "--seed", "4", "--dtype", "float64", steps=20) == 0
    for path in sorted((tmp_path / "parts").glob("checkpoint-*"))[1:]:
        path.unlink()
    assert cli.main(["train", "copy", "--out", str(tmp_path / "parts"), "--resume"]) == 0
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert one[0].dtype == np.float64
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert "20/20" in capsys.readouterr().out


def test_resume_without_a_run_begins_one(tmp_path):
    assert train(tmp_path, "--resume") == 0
    assert (tmp_path / "checkpoint-00000006.npz").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs the signals of Unix")
def test_ctrl_c_ends_with_status_130_and_says_how_to_go_on(tmp_path):
    command = [sys.executable, "-m", "minixattn", "train", "copy", "--steps", "3000", "--out",
               str(tmp_path / "run"), *TINY]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    run = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True,
        # What runs in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list((tmp_path / "run").glob("checkpoint-*.npz")) and time.monotonic() < deadline:
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=30)
    assert run.returncode == 130
    form = r"Stopped at step \d+ of 3000\. The last checkpoint is of step \d+; --resume goes on"
    assert re.search(form, said)


def test_a_training_that_diverges_ends_with_status_1_and_names_the_layer(tmp_path, capsys):
    with np.errstate(all="ignore"):
        said = (
            train(tmp_path, steps=40, options=(*TINY, "rate=1e30", "max_norm=1e30")),
            capsys.readouterr().err,
        )
    assert said[0] == 1
    assert re.search(r"minixattn: the .* is (nan|inf) at step \d+\. Training stopped; .*", said[1])


# What is refused ---------------------------------------------------------------------------------


def test_an_unknown_task_lists_the_known_ones(capsys, tmp_path):
    known = ", ".join(RECIPES)
    for arguments in (("train", "copi"), ("list", "copi")):
        said = refused(capsys, *arguments)
        assert f"there is no task 'copi' to train; known: {known}." in said
    said = refused(capsys, "eval", "copi")
    assert f"'copi' is neither a folder nor a name; known names: {known}." in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("wdth=3", "copy has no setting 'wdth'; known: steps=400, size=64, rate=0.003,"),
        ("width=a", "width must be a whole number from 1 up, got 'a'."),
        ("width=0", "width must be a whole number from 1 up, got '0'."),
        ("width=3.5", "width must be a whole number from 1 up, got '3.5'."),
        ("rate=nan", "rate must be a number from 0 up, got 'nan'."),
        ("rate=-1", "rate must be a number from 0 up, got '-1'."),
        ("warmup=2", "pct_start must lie between 0 and 1"),
        ("evaluate_every=-1", "evaluate_every must be a whole number from 0 up, got '-1'."),
        ("patience=3", "patience counts evaluations, and there are none"),
        ("model=RNN", "model must be one of Transformer, PooledTransformer, AdditiveTransformer"),
        ("heads=3", "embed_dim 64 is not divisible by num_heads 3"),
        ("letters=99", "there are 1 to 26 letters, got 99."),
        ("width", "--set takes KEY=VALUE, such as width=32; got 'width'."),
        ("width=", "--set takes KEY=VALUE, such as width=32; got 'width='."),
    ],
)
def test_a_bad_setting_is_answered_before_anything_is_written(given, said, tmp_path, capsys):
    folder = tmp_path / "run"
    assert said in refused(capsys, "train", "copy", "--out", folder, "--set", given)
    assert not folder.exists()


def test_a_setting_given_twice_is_refused(tmp_path, capsys):
    said = refused(capsys, "train", "copy", "--out", tmp_path, "--set", "width=8", "width=9")
    assert "--set names 'width' twice." in said


@pytest.mark.parametrize("steps", ["0", "x", "1.5"])
def test_steps_must_be_a_whole_number(steps, tmp_path, capsys):
    said = refused(capsys, "train", "copy", "--out", tmp_path / "run", "--steps", steps)
    assert f"steps must be a whole number from 1 up, got '{steps}'." in said


def test_another_run_in_the_folder_is_not_touched(tmp_path, capsys):
    train(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    capsys.readouterr()
    assert "holds a run that has come to step 6. Continue" in refused(
        capsys, "train", "copy", "--out", tmp_path
    )
    assert "holds a run of 'copy', not of 'sort'." in refused(
        capsys, "train", "sort", "--out", tmp_path, "--resume"
    )
    said = refused(capsys, "train", "copy", "--out", tmp_path, "--resume", "--set", "width=16",
                   "--steps", "9", "--seed", "2")  # fmt: skip
    for part in ("seed was 0, now it is 2", "steps was 6, now it is 9", "width was 8, now it is 1"):
        assert part in said
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    said = refused(capsys, "train", "copy", "--out", tmp_path / "file")
    assert re.search(r"cannot write to the output folder .*file: that is a file\. Choose", said)
    assert (tmp_path / "file").read_text() == "mine"


# eval and list -----------------------------------------------------------------------------------


def test_eval_scores_the_weights_in_a_folder(tmp_path, capsys):
    train(tmp_path)
    scores = Run.open(tmp_path).score(30)
    capsys.readouterr()
    assert cli.main(["eval", str(tmp_path), "--examples", "30"]) == 0
    said = capsys.readouterr().out
    assert f"copy: step 6 of 6, from {tmp_path}" in said
    assert re.search(rf"tokens +{scores['tokens']:.4f}", said)


def test_eval_of_what_is_no_run_or_has_no_weights_yet_says_so(tmp_path, capsys):
    assert "it has no run.json. `minixattn train NAME" in refused(capsys, "eval", tmp_path)
    assert "no trained weights of 'copy' come with" in refused(capsys, "eval", "copy")
    Run("copy", tmp_path, width=8).prepare()
    assert "has no checkpoint yet" in refused(capsys, "eval", tmp_path)
    (tmp_path / "run.json").write_text('{"recipe": "copy"')
    assert re.search(r"run\.json is damaged \(JSONDecodeError", refused(capsys, "eval", tmp_path))


def test_eval_by_name_scores_the_weights_that_come_with_the_package(capsys):
    pytest.importorskip("babel")
    pytest.importorskip("safetensors")
    assert cli.main(["eval", "dates", "--examples", "40"]) == 0
    said = capsys.readouterr().out
    assert float(re.search(r"exact +([\d.]+)", said)[1]) >= 0.95


def test_list_names_all_and_the_settings_of_one(capsys):
    assert cli.main(["list"]) == 0
    said = capsys.readouterr().out
    assert all(re.search(rf"^{name} +\S", said, re.MULTILINE) for name in RECIPES)
    assert cli.main(["list", "vqa"]) == 0
    said = capsys.readouterr().out
    assert all(f"  {key}={value}\n" in said for key, value in RECIPES["vqa"].settings.items())


def test_help_explains_every_option(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for option in ("--steps N", "--seed S", "--out FOLDER", "--device {cpu,cuda}",
                   "--dtype {float32,float64}", "--resume", "--set KEY=VALUE"):  # fmt: skip
        assert re.search(rf"{re.escape(option)}[^-]* [a-z]{{2,}}", said), option
