"""What is trained by name: `minixattn train dates`. A recipe is a few small functions.

| name                        | model           | task               | recipe             |
|-----------------------------|-----------------|--------------------|--------------------|
| copy, reverse, sort, recall | Transformer     | `data/toy.py`      | `texts.py`         |
| dates                       | Transformer     | `data/dates.py`    | `texts.py`         |
| all-attention               | AllAttention    | `data/dates.py`    | `all_attention.py` |
| vqa                         | VisualQA        | `data/digits.py`   | `pages.py`         |
| captions                    | Captioner       | `data/captions.py` | `captions.py`      |
| pixels                      | PerceiverIO     | `data/pixels.py`   | `pixels.py`        |
| drawings                    | LatentDiffusion | `data/drawings.py` | `drawings.py`      |
| forms                       | SelfDoc         | `data/forms.py`    | `forms.py`         |

Every number that `--set` may change stands in `settings`, with its default.
"""

from .all_attention import ALL_ATTENTION
from .captions import CAPTIONS
from .drawings import DRAWINGS
from .forms import LABELLED
from .pages import VQA
from .pixels import PIXELS
from .recipe import Recipe
from .texts import COPY, DATES, RECALL, REVERSE, SORT

RECIPES = {
    "copy": COPY,
    "reverse": REVERSE,
    "sort": SORT,
    "recall": RECALL,
    "dates": DATES,
    "all-attention": ALL_ATTENTION,
    "vqa": VQA,
    "captions": CAPTIONS,
    "pixels": PIXELS,
    "drawings": DRAWINGS,
    "forms": LABELLED,
}


def recipe(name):
    """A recipe by its name; ValueError that lists those there are for another one."""
    if name not in RECIPES:
        raise ValueError(f"there is no task {name!r} to train; known: {', '.join(RECIPES)}.")
    return RECIPES[name]
