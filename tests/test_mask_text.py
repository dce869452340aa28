"""How masks print."""

import numpy as np

from minixattn.masks import causal, keep, padding


def test_a_mask_prints_as_a_grid_with_its_axes_named():
    assert repr(causal(3, 4)) == str(causal(3, 4)) == (
        "causal(3, 4), shape (3, 4): ■ may attend, · may not\n"
        "query ↓ key → 0 1 2 3\n"
        "            0 ■ · · ·\n"
        "            1 ■ ■ · ·\n"
        "            2 ■ ■ ■ ·"
    )  # fmt: skip


def test_padding_prints_a_row_for_each_batch_element():
    assert repr(padding([2, 0], 3)).splitlines()[1:] == [
        "batch ↓ key → 0 1 2",
        "            0 ■ ■ ·",
        "            1 · · ·  ← may look nowhere",
    ]


def test_masks_of_a_batch_print_grid_after_grid():
    text = repr(causal(2, 3) & padding([3, 1, 2, 0, 1], 3))
    assert [line for line in text.splitlines() if line.startswith("batch")] == [
        "batch 0:", "batch 1:", "batch 2:",
    ]  # fmt: skip
    assert text.endswith("… and 2 more")
    assert "every batch, head 1:" in repr(keep(np.ones((1, 2, 3, 4), bool)))
    assert "every ■ ■" in repr(keep(np.ones((1, 2), bool)))


def test_a_large_mask_prints_its_corners():
    lines = repr(causal(200, 1000)).splitlines()
    assert len(lines) == 2 + 6 + 1 + 6 and max(map(len, lines)) <= 100
    assert lines[1].split()[4:] == [*"012345", "…", *map(str, range(994, 1000))]
    assert lines[8].strip() == "…"
    assert lines[9].split() == ["194", *"■" * 6, "…", *"·" * 6]


def test_masks_without_queries_or_keys_print_too():
    assert "shape (0, 3)" in repr(causal(0, 3))
    assert repr(causal(2, 0)).count("may look nowhere") == 2
