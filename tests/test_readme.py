"""The README shows only what was run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("code, printed", BLOCKS, ids=range(len(BLOCKS)))
def test_every_python_block_prints_what_is_shown_below_it(
    code, printed, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == printed


def test_every_python_block_shows_what_it_prints():
    assert len(BLOCKS) == TEXT.count("```python") >= 2


def test_it_reaches_python_by_line_15_and_ends_by_line_120():
    lines = TEXT.splitlines()
    assert lines.index("import minixattn as mx") < 15
    assert len(lines) <= 120


def test_every_file_that_it_links_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) > 9
    for link in links:
        assert (ROOT / link).exists(), link


def test_the_reading_order_is_numbered_without_gaps():
    numbers = [int(n) for n in re.findall(r"^(\d+)\. \[", TEXT, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
