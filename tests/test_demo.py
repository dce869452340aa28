"""The demo, for real: what it writes and prints, the same from the same seed."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from demo_runs import ROOT, command, environment, loaded
from helpers import values

import minixattn as mx
from minixattn import demo
from minixattn.data.digits import Pages
from minixattn.data.questions import ANSWERS
from minixattn.models import MeanPooling
from minixattn.nn import CrossAttention
from minixattn.serialization import metadata

pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')
pytest.importorskip("safetensors", reason='needs pip install "minixattn[interop]"')
matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.image import imread  # noqa: E402

FILES = {"attention.png", "curves.png", "weights.safetensors"}
on_unix = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of Unix")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The whole command, once: where it wrote, and what it said."""
    out = tmp_path_factory.mktemp("demo") / "not" / "yet" / "there"
    done = subprocess.run(
        command("--steps", 6, "--out", out), cwd=ROOT, capture_output=True, text=True, timeout=120,
        env=environment(MPLBACKEND="module://of_some_notebook"),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return out, done.stdout


@pytest.fixture
def quick(monkeypatch):
    """Fewer questions, no pictures."""
    monkeypatch.setattr(demo, "TEST_QUESTIONS", 40)
    monkeypatch.setattr(demo, "draw", lambda *_: None)
    monkeypatch.setenv("MPLBACKEND", "agg")  # main() changes it


def untimed(text):
    """The output without what depends on the clock and the folder."""
    text = re.sub(r" +\d+ steps/s +\d+ s left", "", text)
    return re.sub(r"In .*: attention|Done in \d+ s", "", text)


# What it does ------------------------------------------------------------------------------------


def test_it_writes_two_pictures_and_the_weights_and_says_where(finished):
    out, said = finished
    assert {path.name for path in out.iterdir()} == FILES
    assert f"In {out}: attention.png, curves.png, weights.safetensors\nDone in " in said
    for name in ("attention.png", "curves.png"):
        image = imread(out / name)
        assert min(image.shape[:2]) > 300 and image[..., :3].std() > 0.05  # not a blank sheet
    assert metadata(out / "weights.safetensors") == {"training": "6 steps, seed 0"}


def test_it_says_what_it_does_in_plain_lines(finished):
    said = finished[1]
    assert "\r" not in said and "[#" not in said
    assert said.startswith("pages of 3 x 3 handwritten digits, 1433 images of the train split\n")
    assert "Training on cpu, 6 steps of 64 questions for each of two models:" in said
    for title in ("cross-attention", "mean pooling"):
        steps = re.findall(rf"\n{title} +step (\d)/6  loss \d\.\d{{4}}  accuracy", said)
        assert steps == list("123456")


def test_the_table_is_true(finished):
    out, said = finished
    pages = Pages("test")
    batch = pages.test_set(2000)
    model = loaded(out, pages)
    logits, _ = model(*(mx.tensor(x) for x in (batch.pages, batch.questions, batch.mask)))
    right = values(logits.argmax(-1)) == batch.answers
    shares = [f"{right[batch.kinds == k].mean():.1%}" for k in (0, 1)]
    assert re.search(r"\n +place +where\n", said)
    assert re.search(rf"\n  cross-attention +{shares[0]} +{shares[1]}\n", said)
    assert re.search(r"\n  mean pooling +\d+\.\d% +\d+\.\d%\n", said)


def test_the_answers_shown_are_the_models(finished):
    out, said = finished
    pages = Pages("test")
    batch = pages.test_set(demo.SHOWN, seed=1)
    model = loaded(out, pages)
    logits, weights = model(*(mx.tensor(x) for x in (batch.pages, batch.questions, batch.mask)))
    lines = said.partition("look mostly at the patch asked about:\n")[2].splitlines()[: demo.SHOWN]
    for i, line in enumerate(lines):
        words = pages.decode(batch.questions[i])
        given = ANSWERS[values(logits)[i].argmax()]
        truth = ANSWERS[batch.answers[i]]
        at_target = values(weights[-1])[i, :, : len(words), batch.target[i]].mean(1)
        found = f"{(at_target > 0.5).sum()} heads"
        verdict = "right" if given == truth else f"wrong, it is {truth}"
        assert " ".join(line.split()) == f"{' '.join(words)}? {given} {verdict} {found}"
    assert len(lines) == demo.SHOWN


def test_the_same_seed_gives_the_same_numbers_and_the_same_file(finished, tmp_path, capsys):
    """Here without a process of its own, after whatever random numbers were drawn before."""
    mx.manual_seed(99)
    mx.randn(5)
    assert demo.run(tmp_path, 6) == 0
    assert untimed(capsys.readouterr().out) == untimed(finished[1])
    weights = [folder / "weights.safetensors" for folder in (finished[0], tmp_path)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert plt.get_fignums() == []  # no figure is left open


def test_another_seed_gives_other_numbers(quick, tmp_path, capsys):
    said, files = [], []
    for seed in (0, 1):
        assert demo.run(tmp_path / str(seed), 2, seed=seed) == 0
        said.append(untimed(capsys.readouterr().out))
        files.append(mx.load(tmp_path / str(seed) / "weights.safetensors"))
    losses = [re.findall(r"loss (\S+)", text) for text in said]
    assert all(a != b for a, b in zip(*losses, strict=True))
    assert abs(values(files[0]["word.weight"] - files[1]["word.weight"])).max() > 0.1


def test_both_models_start_alike_and_are_trained_on_the_same_pages(quick, tmp_path, monkeypatch):
    built, batches = [], []
    build, tensors = demo.build, demo.tensors

    def keep_model(*arguments):
        built.append(build(*arguments))
        return built[-1]

    def keep_batch(batch, device):
        batches.append(batch)
        return tensors(batch, device)

    monkeypatch.setattr(demo, "build", keep_model)
    monkeypatch.setattr(demo, "tensors", keep_batch)
    demo.run(tmp_path, 2)
    assert [type(model.blocks[0].look) for model in built] == [CrossAttention, MeanPooling]
    for one, other in zip(batches[:2], batches[2:4], strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    names = [{n for n, _ in model.named_parameters() if "look" not in n} for model in built]
    assert names[0] == names[1]


class Told:
    """Stands in for `train` and keeps what it is told."""

    def __call__(self, model, batches, loss_of, optimizer, schedule, *, steps, report):
        self.model, self.batches, self.loss_of, self.optimizer = model, batches, loss_of, optimizer
        self.schedule, self.steps, self.report = schedule, steps, report


@pytest.fixture
def told(monkeypatch):
    monkeypatch.setattr(demo, "train", Told())
    pages = Pages("train")
    model = demo.build(CrossAttention, pages, 0, "cpu")
    demo.fit(model, pages, demo.Progress("a model", 40), 3, "cpu")
    return demo.train


def test_the_loss_and_the_share_of_right_answers_are_those_of_the_batch(told):
    batch = next(told.batches)
    for ours, expected in zip(batch, next(Pages("train").batches(3, demo.BATCH)), strict=True):
        np.testing.assert_array_equal(ours, expected)
    loss, right = told.loss_of(told.model, batch)
    logits, _ = told.model(*(mx.tensor(x) for x in (batch.pages, batch.questions, batch.mask)))
    z = values(logits).astype(float)
    chance = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    assert loss.item() == pytest.approx(
        -np.log(chance[np.arange(demo.BATCH), batch.answers]).mean(), rel=1e-5
    )
    assert right == pytest.approx((z.argmax(1) == batch.answers).mean(), abs=1e-6) and right > 0


def test_weights_decay_but_biases_and_norms_do_not(told):
    decayed, others = told.optimizer.param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.01, 0.0)
    assert {p.ndim for p in decayed["params"]} == {2} and {p.ndim for p in others["params"]} == {1}
    assert {*decayed["params"], *others["params"]} == set(told.model.parameters())


def test_the_learning_rate_goes_up_for_a_tenth_of_the_steps_and_then_down(told):
    rates = []
    for _ in range(told.steps):
        rates.append(told.optimizer.param_groups[0]["lr"])
        told.optimizer.step()
        told.schedule.step()
    assert max(rates) == rates[3] == demo.LEARNING_RATE
    assert rates[:4] == sorted(rates[:4]) and rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[-1] < 1e-4 * demo.LEARNING_RATE


def test_it_runs_on_every_device(device, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "TEST_QUESTIONS", 40)
    assert demo.run(tmp_path, 2, device=device) == 0
    assert f"Training on {device}, 2 steps" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == FILES
    loaded(tmp_path, Pages("test"))


def test_a_second_run_replaces_the_files_of_the_first(quick, tmp_path):
    for seed in (0, 1):
        demo.run(tmp_path, 1, seed)
    assert metadata(tmp_path / "weights.safetensors") == {"training": "1 steps, seed 1"}
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]


@on_unix
def test_on_a_terminal_a_bar_runs_in_one_line_for_each_model(tmp_path):
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("--steps", 6, "--out", tmp_path), cwd=ROOT, stdout=theirs, stderr=theirs,
        env=environment(),
    )  # fmt: skip
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # Linux's way to say that the other side is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0
    lines = said.decode().replace("\r\n", "\n").split("\n")
    for title in ("cross-attention", "mean pooling"):
        (line,) = (line for line in lines if line.startswith("\r" + title))
        last = line.split("\r")[-1]
        assert re.search(r"\[#+\] 6/6  loss \d\.\d{4}  accuracy +\d+\.\d%     0 s left", last)
        assert max(map(len, line.split("\r"))) < 80
