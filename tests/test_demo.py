"""The demo, for real: what it writes and prints, the same from the same seed; how it stops."""

import itertools
import math
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
from minixattn import cli, demo
from minixattn.data.digits import ANSWERS, Pages
from minixattn.models import MeanPooling, VisualQA
from minixattn.nn import CrossAttention
from minixattn.serialization import metadata

pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')
pytest.importorskip("safetensors", reason='needs pip install "minixattn[interop]"')
matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.image import imread  # noqa: E402

ROOT = Path(__file__).parents[1]
FILES = {"attention.png", "curves.png", "weights.safetensors"}
on_unix = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of Unix")


def command(*arguments):
    return [sys.executable, "-m", "minixattn", "demo", *map(str, arguments)]


def environment(**changes):
    return {k: v for k, v in os.environ.items() if k != "COLUMNS"} | changes


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


@pytest.fixture
def no_training(monkeypatch):
    def fit(*_):
        raise AssertionError("trained all the same")

    monkeypatch.setattr(demo, "fit", fit)


def untimed(text):
    """The output without what depends on the clock and the folder."""
    text = re.sub(r" +\d+ steps/s +\d+ s left", "", text)
    return re.sub(r"In .*: attention|Done in \d+ s", "", text)


def loaded(folder, pages, look=CrossAttention):
    """A model with the weights of a file; it does not load unless all names and shapes fit."""
    model = VisualQA(len(pages.vocabulary), pages.words, len(ANSWERS), look=look)
    model.load_state_dict(mx.load(folder / "weights.safetensors"))
    return model.eval()


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
    lines = said.partition("where the heads look most:\n")[2].splitlines()[: demo.SHOWN]
    for i, line in enumerate(lines):
        words = pages.decode(batch.questions[i])
        given = ANSWERS[values(logits)[i].argmax()]
        truth = ANSWERS[batch.answers[i]]
        place = ANSWERS[10 + values(weights)[i, :, : len(words)].mean((0, 1)).argmax()]
        verdict = "right" if given == truth else f"wrong, it is {truth}"
        assert " ".join(line.split()) == f"{' '.join(words)}? {given} {verdict} looks at {place}"
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
    assert [type(model.look) for model in built] == [CrossAttention, MeanPooling]
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


@pytest.mark.parametrize("name", sorted(FILES))
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
        start = time.perf_counter()
        rest, error = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130 and time.perf_counter() - start < 5
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
    assert capsys.readouterr().err == "\nminixattn: stopped.\n"
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
