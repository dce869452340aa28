"""What stops the demo, before it begins and on the way; nothing that was trained is lost."""

import itertools
import math
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from demo_runs import ROOT, command, environment, loaded
from helpers import values

import minixattn as mx
from minixattn import cli, demo
from minixattn.data.digits import Pages
from minixattn.serialization import metadata

pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')
pytest.importorskip("safetensors", reason='needs pip install "minixattn[interop]"')
pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')

on_unix = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of Unix")


@pytest.fixture
def quick(monkeypatch):
    """Fewer questions, no pictures."""
    monkeypatch.setattr(demo, "TEST_QUESTIONS", 40)
    monkeypatch.setattr(demo, "draw", lambda *_: None)
    monkeypatch.setenv("MPLBACKEND", "agg")  # main() changes it


@pytest.fixture
def no_training(monkeypatch):
    def fit(*_):
        raise AssertionError("trained all the same")

    monkeypatch.setattr(demo, "fit", fit)


# What stops it before it begins -------------------------------------------------------------------


EXTRAS = {"sklearn": "data", "matplotlib": "plot", "safetensors": "interop"}


@pytest.mark.parametrize("name", EXTRAS)
def test_a_missing_package_is_named_before_any_training(
    name, no_training, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setitem(sys.modules, name, None)
    assert cli.main(["demo", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    package = {"sklearn": "scikit-learn"}.get(name, name)
    assert said.out == "" and f"needs the package {package}, which is not installed" in said.err
    assert f'pip install "minixattn[{EXTRAS[name]}]"' in said.err
    assert not (tmp_path / "out").exists()


def test_cuda_without_cupy_is_refused_before_any_training(
    no_training, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert cli.main(["demo", "--device", "cuda", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert said.out == "" and not (tmp_path / "out").exists()
    assert said.err.startswith('minixattn: device "cuda" needs CuPy, which is not installed.')
    assert 'pip install "minixattn[gpu12]"' in said.err


def test_a_file_in_the_folders_place_is_refused_and_kept(
    no_training, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MPLBACKEND", "agg")
    file = tmp_path / "file"
    file.write_text("precious")
    for out, reason in ((file, "that is a file"), (file / "below", "")):
        assert cli.main(["demo", "--out", str(out)]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith(f"minixattn: cannot write to the output folder {out}: {reason}")
        assert "Choose another one with --out FOLDER." in said.err
    assert file.read_text() == "precious"


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="needs a user who may not do everything"
)
def test_a_folder_without_permission_is_refused(no_training, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(OSError, match="cannot write to the output folder .*: Permission denied"):
        demo.run(tmp_path / "closed")


@pytest.mark.parametrize("name", demo.FILES)
def test_a_folder_in_the_place_of_a_file_is_refused(name, no_training, tmp_path):
    (tmp_path / name).mkdir()
    with pytest.raises(OSError, match=f"{name}: that is a folder. Move it away"):
        demo.run(tmp_path)


def test_preparing_leaves_nothing_in_the_folder(tmp_path):
    assert list(demo.prepared(tmp_path / "out").iterdir()) == []


# What stops it on the way -------------------------------------------------------------------------


@on_unix
def test_ctrl_c_saves_what_is_trained_and_ends_at_once(tmp_path):
    process = subprocess.Popen(
        command("--steps", 1000, "--out", tmp_path), cwd=ROOT, text=True, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # What runs in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip
    try:
        said = ""
        while "step  100/1000" not in said:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said += line
        process.send_signal(signal.SIGINT)
        rest, error = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert error == "" and "Traceback" not in rest
    (step,) = re.findall(r"\nStopped cross-attention at step (\d+) of 1000\.\n", rest)
    assert 100 <= int(step) < 1000
    weights = tmp_path / "weights.safetensors"
    assert rest.endswith(f"The weights of the model with attention are in {weights}\n")
    assert list(tmp_path.iterdir()) == [weights]
    assert metadata(weights) == {"training": f"{step} steps, seed 0"}
    model = loaded(tmp_path, Pages("test"))
    assert all(np.isfinite(values(p)).all() for p in model.parameters())


@pytest.fixture
def built(monkeypatch):
    """The models that the demo makes, in order."""
    models, build = [], demo.build

    def keep(*arguments):
        models.append(build(*arguments))
        return models[-1]

    monkeypatch.setattr(demo, "build", keep)
    return models


def assert_saved(model, folder):
    saved = mx.load(folder / "weights.safetensors")
    assert set(saved) == set(model.state_dict())
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(values(saved[name]), values(array))


def happening(monkeypatch, step, what):
    """At a step (both models counted together) the loss goes through `what`."""
    steps, plain = itertools.count(1), demo.cross_entropy

    def cross_entropy(*arguments):
        loss = plain(*arguments)
        return what(loss) if next(steps) == step else loss

    monkeypatch.setattr(demo, "cross_entropy", cross_entropy)


def ctrl_c(_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(("step", "title", "count"), [
    (1, "cross-attention", 0), (3, "cross-attention", 2), (5, "mean pooling", 0),
    (8, "mean pooling", 3),
])  # fmt: skip
def test_ctrl_c_in_either_training_keeps_the_model_with_attention(
    step, title, count, quick, built, tmp_path, monkeypatch, capsys
):
    happening(monkeypatch, step, ctrl_c)
    assert cli.main(["demo", "--steps", "4", "--out", str(tmp_path)]) == 130
    said = capsys.readouterr()
    assert f"\nStopped {title} at step {count} of 4.\n" in said.out and said.err == ""
    assert said.out.endswith(f"attention are in {tmp_path / 'weights.safetensors'}\n")
    assert_saved(built[0], tmp_path)


@pytest.mark.parametrize("part", ["compare", "draw"])
def test_ctrl_c_after_the_training_finds_the_weights_saved(
    part, quick, built, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(demo, part, ctrl_c_at_any)
    assert cli.main(["demo", "--steps", "1", "--out", str(tmp_path)]) == 130
    said = capsys.readouterr()
    assert "\nStopped after the training.\n" in said.out and said.err == ""
    assert said.out.endswith(f"attention are in {tmp_path / 'weights.safetensors'}\n")
    assert_saved(built[0], tmp_path)


def ctrl_c_at_any(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(("step", "title"), [(3, "cross-attention"), (6, "mean pooling")])
def test_a_loss_that_is_no_number_ends_it_with_good_weights_saved(
    step, title, quick, built, tmp_path, monkeypatch, capsys
):
    happening(monkeypatch, step, lambda loss: loss * math.nan)
    assert cli.main(["demo", "--steps", "4", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    at = step if title == "cross-attention" else step - 4
    assert f"\n{title}: the loss is nan at step {at}. Training stopped;" in said
    assert said.endswith(f"attention are in {tmp_path / 'weights.safetensors'}\n")
    assert_saved(built[0], tmp_path)
    assert all(np.isfinite(values(p)).all() for p in built[0].parameters())


@on_unix
def test_a_reader_that_goes_away_causes_no_traceback(tmp_path):
    """As in `minixattn demo | head -1`."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        command("--steps", 2, "--out", tmp_path), cwd=ROOT, stdout=writer,
        stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    os.close(writer)
    os.close(reader)
    _, error = process.communicate(timeout=60)
    assert process.returncode != 0 and "Traceback" not in error
