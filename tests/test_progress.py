"""Progress: a bar that fits its terminal, ten plain lines elsewhere, every step in the log."""

import io
import math
import os
import re
import shutil

import pytest

from minixattn.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(steps, stream, title="a model", accuracy=0.25):
    progress = Progress(title, steps, stream)
    for step in range(1, steps + 1):
        progress.shown = -math.inf  # as if it were long ago
        progress(step, 2.0, accuracy)
    return progress


@pytest.mark.parametrize("steps", [1, 3, 10, 11, 19, 100, 2500])
def test_elsewhere_than_on_a_terminal_ten_plain_lines_are_written(steps):
    stream = io.StringIO()
    shown(steps, stream)
    lines = stream.getvalue().splitlines()
    assert len(lines) == min(steps, 10)
    assert "\r" not in stream.getvalue() and "#" not in stream.getvalue()
    form = r"a model +step +\d+/\d+  loss 2\.0000  accuracy  25\.0%  +\d+ steps/s  +\d+ s left"
    assert all(re.fullmatch(form, line) for line in lines)
    assert f" {steps}/{steps} " in lines[-1] and lines[-1].endswith(" 0 s left")


@pytest.mark.parametrize("columns", [40, 60, 80, 81, 100, 200, 0])
def test_on_a_terminal_one_line_is_written_again_and_again_and_fits(columns, monkeypatch):
    size = os.terminal_size((columns, 24))
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_: size)
    columns = columns or 80  # some terminals do not know their size
    stream = Terminal()
    shown(2500, stream, "cross-attention", 1.0)
    assert stream.getvalue().count("\n") == 1 and stream.getvalue().endswith("\n")
    lines = stream.getvalue().rstrip("\n").split("\r")[1:]
    assert len(lines) == 2500
    assert {len(line) for line in lines} == {columns - 1}  # a shorter one would leave a rest
    if columns >= 80:
        bars = [re.search(r"\[(#*)(\.*)\]", line) for line in lines]
        assert len({len(bar.group()) for bar in bars}) == 1
        assert bars[0].group(1) == "" and bars[-1].group(2) == ""
        half = bars[1249]
        assert abs(len(half.group(1)) - len(half.group(2))) <= 1
        assert "2500/2500  loss 2.0000  accuracy 100.0%     0 s left" in lines[-1]


def test_a_terminal_is_written_to_ten_times_a_second_at_most():
    stream = Terminal()
    progress = Progress("a model", 1000, stream)
    for step in range(1, 1001):
        progress(step, 2.0, 0.5)
    writes = stream.getvalue().count("\r")
    assert 1 <= writes < 100
    assert "1000/1000" in stream.getvalue().split("\r")[-1]  # the last step is always shown


def test_progress_keeps_every_step_and_shows_running_means():
    progress = Progress("a model", 3, io.StringIO())
    rows = [(1, 4.0, 0.0), (2, 2.0, 1.0), (3, 1.0, 0.5)]
    for row in rows:
        progress(*row)
    assert progress.log == rows
    loss = 0.95 * (0.95 * 4.0 + 0.05 * 2.0) + 0.05 * 1.0
    accuracy = 0.95 * (0.95 * 0.0 + 0.05 * 1.0) + 0.05 * 0.5
    assert (progress.loss, progress.accuracy) == pytest.approx((loss, accuracy))
    assert f"loss {loss:6.4f}  accuracy {accuracy:6.1%}" in progress.stream.getvalue()


def test_progress_knows_how_long_it_will_take():
    stream = io.StringIO()
    progress = Progress("a model", 400, stream)
    progress.start -= 10  # ten seconds ago
    progress(1, 1.0, 0.5)
    progress(120, 1.0, 0.5)
    assert stream.getvalue().endswith("     12 steps/s    23 s left\n")


def test_progress_goes_to_standard_output(capsys):
    Progress("a model", 1)(1, 1.0, 1.0)
    assert capsys.readouterr().out.startswith("a model ")


def test_without_a_second_number_only_the_loss_is_shown():
    stream = io.StringIO()
    shown(1, stream, accuracy=None)
    assert "loss 2.0000  " in stream.getvalue() and "%" not in stream.getvalue()


def test_the_second_number_goes_by_its_name():
    stream = io.StringIO()
    Progress("dates", 1, stream, metric="exact", pad=6)(1, 2.0, 0.5)
    assert stream.getvalue().startswith("dates  step 1/1  loss 2.0000  exact  50.0%")


def test_a_wide_terminal_shows_the_steps_per_second(monkeypatch):
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_: os.terminal_size((120, 24)))
    progress = Progress("dates", 10, Terminal(), pad=6)
    progress(1, 2.0, 0.5)
    assert re.search(r"s left +\d+ steps/s *$", progress.line(5, progress.start + 1.0))


def test_the_rate_of_a_continued_run_counts_its_own_steps():
    progress = Progress("dates", 100, io.StringIO())
    progress(91, 2.0, 0.5)
    assert "    2 steps/s     2 s left" in progress.line(95, progress.start + 2.0)
