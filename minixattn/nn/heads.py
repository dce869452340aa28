"""Cutting a sequence's width into heads, and putting them together again."""


def split_heads(x, h):
    """(…, L, h·d) → (…, h, L, d): head i takes columns i·d to (i+1)·d of every row."""
    return x.unflatten(-1, (h, x.shape[-1] // h)).transpose(-3, -2)


def merge_heads(x):
    """(…, h, L, d) → (…, L, h·d): the heads' columns side by side again."""
    return x.transpose(-3, -2).flatten(-2)
