"""The command line: every option explained, mistakes answered in one sentence, no traceback."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minixattn as mx
from minixattn import cli, demo

ROOT = Path(__file__).parents[1]


def module(*arguments):
    """`python -m minixattn …` as a process of its own."""
    command = [sys.executable, "-m", "minixattn", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.fixture
def calls(monkeypatch):
    """What the demo is called with; it is not run."""
    seen = []
    monkeypatch.setattr(cli, "run", lambda *arguments: seen.append(arguments) or 0)
    monkeypatch.setenv("MPLBACKEND", "module://of_a_notebook")
    return seen


def refused(capsys, *arguments):
    """What is written to standard error when argparse refuses the arguments."""
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    said = capsys.readouterr()
    assert stop.value.code == 2 and said.out == ""
    return said.err


def test_the_module_runs_and_knows_its_version():
    done = module("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"minixattn {mx.__version__}\n", "")


def test_a_mistake_ends_the_process_with_status_2_and_no_traceback():
    done = module("demo", "--steps", "0")
    assert done.returncode == 2 and done.stdout == ""
    assert "argument --steps: expected a whole number from 1 up, got '0'" in done.stderr
    assert "Traceback" not in done.stderr


def shown(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_help_lists_the_commands(capsys):
    said = shown(capsys, "--help")
    assert re.search(r"demo\s+train a model that answers questions about handwriting", said)


def test_help_explains_every_option(capsys):
    said = shown(capsys, "demo", "--help")
    for option, meaning in {
        "--out FOLDER": "folder for the pictures and the trained weights, made if missing "
        "(default: minixattn-demo)",
        "--steps N": "training steps for each of the two models; fewer are faster and less "
        f"accurate (default: {demo.STEPS})",
        "--seed S": "start of all random numbers; the same seed gives the same result (default: 0)",
        "--device {cpu,cuda}": "cpu (NumPy) or cuda (CuPy on a GPU) (default: cpu)",
    }.items():
        assert f"{option} {meaning}" in said
    options = [o for action in demo_parser()._actions for o in action.option_strings]
    assert set(options) == {"-h", "--help", "--out", "--steps", "--seed", "--device"}


def demo_parser():
    (commands,) = (a for a in cli.parser()._actions if hasattr(a, "choices") and a.choices)
    return commands.choices["demo"]


def test_options_reach_the_demo(calls):
    assert cli.main(["demo"]) == 0
    chosen = "demo --out here --steps 7 --seed 3 --device cuda"
    assert cli.main(chosen.split()) == 0
    assert calls == [("minixattn-demo", demo.STEPS, 0, "cpu"), ("here", 7, 3, "cuda")]


def test_pictures_need_no_screen_and_no_notebook(calls):
    cli.main(["demo"])
    assert os.environ["MPLBACKEND"] == "agg"


def test_no_command_and_an_unknown_one_are_refused(capsys):
    assert "the following arguments are required: COMMAND" in refused(capsys)
    assert "invalid choice: 'tarin'" in refused(capsys, "tarin")


@pytest.mark.parametrize("option, least", [("--steps", 1), ("--seed", 0)])
@pytest.mark.parametrize("text", ["x", "", "1.5", "-1", "1e3", "nan"])
def test_what_is_no_whole_number_is_refused(option, least, text, capsys):
    said = refused(capsys, "demo", f"{option}={text}")
    assert f"argument {option}: expected a whole number from {least} up, got {text!r}" in said


def test_no_steps_are_refused_and_seed_0_is_not(calls, capsys):
    assert "from 1 up, got '0'" in refused(capsys, "demo", "--steps", "0")
    assert cli.main(["demo", "--seed", "0"]) == 0


def test_an_unknown_device_is_refused(capsys):
    said = refused(capsys, "demo", "--device", "tpu")
    assert "invalid choice: 'tpu'" in said and "cuda" in said


def raising(error):
    def run(*_):
        raise error

    return run


@pytest.mark.parametrize(
    "error", [ImportError("no"), OSError("no"), RuntimeError("no"), ValueError("no")], ids=repr
)
def test_an_error_is_one_sentence_and_status_1(error, monkeypatch, capsys):
    monkeypatch.setattr(cli, "run", raising(error))
    monkeypatch.setenv("MPLBACKEND", "agg")
    assert cli.main(["demo"]) == 1
    assert capsys.readouterr() == ("", "minixattn: no\n")


def test_ctrl_c_at_any_time_is_status_130(monkeypatch, capsys):
    monkeypatch.setattr(cli, "run", raising(KeyboardInterrupt()))
    monkeypatch.setenv("MPLBACKEND", "agg")
    assert cli.main(["demo"]) == 130
    assert capsys.readouterr() == ("", "\nminixattn: stopped.\n")


def test_the_demos_exit_status_is_the_commands(monkeypatch):
    monkeypatch.setattr(cli, "run", lambda *_: 130)
    monkeypatch.setenv("MPLBACKEND", "agg")
    assert cli.main(["demo"]) == 130


def test_version_and_help_need_no_optional_package():
    code = (
        "import sys\n"
        "for name in ('matplotlib', 'sklearn', 'safetensors', 'cupy'): sys.modules[name] = None\n"
        "from minixattn.cli import main\n"
        "main(['demo', '--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "--steps N" in done.stdout and done.stderr == ""
