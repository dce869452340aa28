"""Trained weights that come with the package: `load_pretrained("dates")`.

Beside each `weights/NAME.safetensors` (float16) lies `weights/NAME.json`, which says what it is:
the model's class and options, its vocabularies, how it was trained, what it scored on data that it
had not seen, and the SHA-256 hash of the weights that did so.
"""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from ..data.vocabulary import SPECIAL, Characters, Words
from ..nn import Module
from ..serialization import load, save
from .all_attention import AllAttention
from .ancestors import AdditiveTransformer, PooledTransformer
from .captioner import Captioner
from .diffusion import LatentDiffusion
from .perceiver import PerceiverIO
from .selfdoc import SelfDoc
from .transformer import Transformer
from .transformer_layers import PostNorm, PreNorm
from .visual_qa import VisualQA

WEIGHTS = Path(__file__).parent / "weights"
CLASSES = {  # what a record may name
    kind.__name__: kind
    for kind in (
        *(Transformer, PooledTransformer, AdditiveTransformer, PreNorm, PostNorm),
        PerceiverIO,
        LatentDiffusion,
        *(AllAttention, SelfDoc),
        *(VisualQA, Captioner),
        *(Characters, Words),
    )
}


class Pretrained(NamedTuple):
    """A trained model and what belongs to it.

    model : in `eval()` mode, float32
    vocabularies : dict of Vocabulary by the name of what they read
    metrics : dict of numbers, measured on data that was held out
    training : dict, how it was trained
    """

    model: Module
    vocabularies: dict
    metrics: dict
    training: dict


def names(folder=WEIGHTS):
    """What there is to load."""
    return sorted(path.stem for path in Path(folder).glob("*.json"))


def load_pretrained(name, device="cpu", folder=WEIGHTS):
    """A trained model by the name of its task.

    Parameters
    ----------
    name : such as "dates"; `names()` lists them
    device : "cpu" or "cuda"
    folder : where the files are

    Returns
    -------
    Pretrained

    Raises
    ------
    ValueError
        If there is no such name (the error lists those there are), or the weights are not those
        whose hash was recorded.
    ImportError
        If safetensors is not installed.
    """
    if name not in names(folder):
        known = ", ".join(map(repr, names(folder))) or "none"
        raise ValueError(f"there are no trained weights {name!r}; known names: {known}.")
    record = json.loads((Path(folder) / f"{name}.json").read_text(encoding="utf-8"))
    weights = Path(folder) / f"{name}.safetensors"
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != record["sha256"]:
        raise ValueError(
            f"{weights.name} is not the file that {name}.json describes: its SHA-256 is "
            f"{found[:12]}…, recorded is {record['sha256'][:12]}…. Install the package again."
        )
    model = made(record["model"], record["config"])
    model.load_state_dict(load(weights))
    vocabularies = {
        part: made(kind, options) for part, (kind, options) in record["vocabularies"].items()
    }
    return Pretrained(model.to(device).eval(), vocabularies, record["metrics"], record["training"])


def save_pretrained(name, model, config, *, vocabularies, metrics, training, folder=WEIGHTS):
    """Write `NAME.safetensors` in float16, and `NAME.json` beside it.

    The metrics must be those of the weights in float16: call `round_to_half(model)` before they are
    measured.

    Parameters
    ----------
    name : str
    model : Module
    config : dict, the options that the model was made with
    vocabularies, metrics, training : as in `Pretrained`
    folder : where to

    Returns
    -------
    Path of the JSON file
    """
    weights = Path(folder) / f"{name}.safetensors"
    state = {key: x.half() if x.is_floating_point() else x for key, x in model.state_dict().items()}
    save(state, weights)
    record = {
        "model": type(model).__name__,
        "config": {key: named(value) for key, value in config.items()},
        "metrics": metrics,
        "training": training,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "vocabularies": {part: options_of(v) for part, v in vocabularies.items()},
    }
    path = weights.with_suffix(".json")
    path.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def round_to_half(model):
    """Round every weight to the nearest number that float16 has; returns the model, in float32."""
    state = {key: x.half() for key, x in model.state_dict().items() if x.is_floating_point()}
    model.load_state_dict(state, strict=False)
    return model


def made(kind, options):
    """An object of one of `CLASSES`; options that name one of them are that class."""
    options = {
        key: CLASSES.get(value, value) if isinstance(value, str) else value
        for key, value in options.items()
    }
    return CLASSES[kind](**options)


def named(value):
    """An option as JSON has it: a class by its name."""
    return value.__name__ if isinstance(value, type) else value


def options_of(vocabulary):
    """[class, options] from which `made` makes the vocabulary again."""
    tokens = vocabulary.tokens[len(SPECIAL) :]
    options = {
        "tokens": "".join(tokens) if isinstance(vocabulary, Characters) else tokens,
        "longest": vocabulary.longest,
        "example": vocabulary.example,
    }
    return [type(vocabulary).__name__, options]
