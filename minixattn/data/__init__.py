"""Data to learn from, drawn without end from a seed.

`task.py` says what all tasks have in common; read `toy.py` for the simplest ones, `dates.py` for
texts, and `digits.py` for pages of handwriting: `questions.py` asks about them, `captions.py` says
in words what is on them, `pixels.py` takes them apart; `drawings.py` puts handwriting on a canvas,
`forms.py` beside print.
"""

from .captions import Captions
from .dates import Dates
from .digits import Pages
from .drawings import Drawings
from .forms import Forms
from .moving import on_device
from .padding import Pairs
from .pixels import Pixels
from .task import Task, share_by_chance, share_on_alignment
from .toy import AssociativeRecall, Copy, Reverse, Sort
from .vocabulary import Characters, Words

__all__ = [
    "AssociativeRecall", "Captions", "Characters", "Copy", "Dates", "Drawings", "Forms", "Pages",
    "Pairs", "Pixels", "Reverse", "Sort", "Task", "Words", "on_device", "share_by_chance",
    "share_on_alignment",
]  # fmt: skip
