"""Sequences of different lengths as one tensor."""

from ...creation import full
from ...errors import ShapeError
from ...ops.shape import cat, stack


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Sequences (Lᵢ, …) filled up to the longest, side by side.

    Parameters
    ----------
    sequences : list of Tensors that differ in their first size only
    batch_first : (N, L, …) instead of (L, N, …)
    padding_value : what to fill up with
    padding_side : "right", behind the sequence, or "left"
    """
    sequences = list(sequences)
    if padding_side not in ("right", "left"):
        raise ValueError(f'padding_side must be "right" or "left", got {padding_side!r}.')
    if not sequences or len({x.shape[1:] for x in sequences}) > 1 or not all(
        x.ndim for x in sequences
    ):  # fmt: skip
        raise ShapeError(
            f"pad_sequence: expected at least one sequence, all of one shape but for dim 0, got "
            f"{', '.join(str(x.shape) for x in sequences) or 'none'}."
        )
    longest = max(len(x) for x in sequences)
    padded = []
    for x in sequences:
        rest = full((longest - len(x), *x.shape[1:]), padding_value, dtype=x.dtype, device=x.device)
        padded.append(cat([x, rest] if padding_side == "right" else [rest, x]))
    return stack(padded, 0 if batch_first else 1)
