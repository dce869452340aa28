"""The record of a training: a row for every step, whatever was killed in between."""

import pytest

from minixattn.metrics_log import MetricsLog, columns_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "metrics.csv"


def written(path, steps, log=None, **held_out):
    log = log or MetricsLog(path)
    log.begin(steps[0] - 1)
    for step in steps:
        log.add(step, step / 2, 0.5, {})
    if held_out:
        log.add(steps[-1] + 1, 0.25, 0.75, held_out)
    log.flush()
    return log


def test_a_row_has_the_step_the_loss_and_the_measure(path):
    written(path, [1, 2])
    assert path.read_text() == "step,loss,accuracy\n1,0.5,0.5\n2,1.0,0.5\n"


def test_without_a_measure_there_is_no_column_for_it(path):
    log = MetricsLog(path, None)
    log.begin(0)
    log.add(1, 0.5, None, {})
    log.flush()
    assert path.read_text().split() == ["step,loss", "1,0.5"]


def test_what_is_measured_later_gets_a_column_and_earlier_rows_stay(path):
    written(path, [1, 2], loss=0.125)
    lines = path.read_text().split("\n")
    assert lines[:4] == ["step,loss,accuracy,held out loss", "1,0.5,0.5,", "2,1.0,0.5,",
                         "3,0.25,0.75,0.125"]  # fmt: skip


def test_a_continued_record_drops_what_is_later_than_the_checkpoint(path):
    written(path, [1, 2, 3, 4])
    with open(path, "a", encoding="utf-8") as file:
        file.write("5,0.")  # killed in the middle of a row
    written(path, [3, 4, 5])
    assert [line.split(",")[0] for line in path.read_text().split()[1:]] == list("12345")


def test_a_new_record_begins_anew(path):
    written(path, [1, 2, 3])
    written(path, [1])
    assert len(path.read_text().split()) == 2


def test_rows_are_on_the_disk_only_after_flush(path):
    log = written(path, [1])
    log.add(2, 1.0, 0.5, {})
    assert len(path.read_text().split()) == 2
    log.flush()
    assert len(path.read_text().split()) == 3


def test_columns_come_back_apart_for_training_and_for_held_out_data(path):
    written(path, [1, 2], loss=0.125, right=0.5)
    training, held_out = columns_of(path)
    assert training == {"step": [1, 2, 3], "loss": [0.5, 1, 0.25], "accuracy": [0.5, 0.5, 0.75]}
    assert held_out == {"step": [3], "loss": [0.125], "right": [0.5]}


def test_without_a_path_nothing_is_written():
    log = written(None, [1, 2], loss=1.0)
    assert log.path is None and log.rows == []


def test_what_a_killed_run_left_half_written_is_removed(tmp_path):
    (tmp_path / "metrics.csv.0a1b2c3d.tmp").write_text("step,lo")
    (tmp_path / "other.tmp").write_text("not ours")
    MetricsLog(tmp_path / "metrics.csv").begin(0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.csv", "other.tmp"]
