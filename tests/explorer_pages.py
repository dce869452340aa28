"""Reading an explorer's page back: its data, and the arrays in it."""

import base64
import json
import re

import numpy as np

import minixattn as mx


def content(view):
    """The data of a page."""
    return json.loads(re.search(r'id="data">(.*?)</script>', view.html, re.DOTALL).group(1))


def decoded(packed):
    """An array out of its text."""
    raw = base64.b64decode(packed["data"])
    if packed["type"] == "float32":
        return np.frombuffer(raw, "<f4").reshape(packed["shape"])
    if packed["type"] == "bits":
        bits = np.unpackbits(np.frombuffer(raw, np.uint8))
        return bits[: np.prod(packed["shape"])].reshape(packed["shape"]).astype(bool)
    code = np.frombuffer(raw, np.uint8).reshape(packed["shape"])
    scale = np.frombuffer(base64.b64decode(packed["scale"]), "<f4").reshape(code.shape[:-1])
    return np.where(code == 255, np.nan, code * scale[..., None])


def weights_in(view):
    return [decoded(layer["weights"]) for layer in content(view)["layers"]]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def trace_of(layer, *inputs):
    with mx.trace() as t:
        layer(*inputs)
    return t
