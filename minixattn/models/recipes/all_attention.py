"""Dates written by attention alone, beside the form with feed-forward networks.

What mattered: a softmax over 256 slots in each of 4 heads takes twice the time of 256 hidden units,
and it learns more slowly at first: after a short schedule of 300 steps 5 % of held-out dates were
exact, where feed-forward had 29 %. A greater rate than that of `dates`, 0.005 in place of 0.003,
makes up for it: 1,500 steps then come as far as 1,700 did before. How large the slots are at the
start made no great difference: at a tenth of their size 99.8 % in place of 100 %.
"""

from ..all_attention import AllAttention
from ..transformer import Transformer
from .recipe import Recipe
from .texts import DATES, transformer

FORMS = {"memory": AllAttention, "feed-forward": Transformer}


def remembering(task, s):
    """The model of a form; `hidden` counts slots or hidden units, which weigh the same."""
    _, options = transformer(task, {**s, "model": "Transformer"}, 40)
    if s["form"] == "memory":
        options["slots"] = options.pop("hidden")
    return FORMS[s["form"]], options


ALL_ATTENTION = Recipe(
    "dates written by attention alone, with memory in place of feed-forward", "exact",
    DATES.task, remembering, DATES.loss_of, DATES.score,
    {**{key: value for key, value in DATES.settings.items() if key != "model"},
     "form": "memory", "steps": 1500, "rate": 5e-3},
    {"form": FORMS}, {"feed-forward": {"form": "feed-forward"}},
)  # fmt: skip
