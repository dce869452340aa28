"""Batches on their way to the device where the model is.

A batch should be on the GPU before the model asks for it, and Python should not stand by while it
travels. CuPy copies each array into page-locked ("pinned") memory, which the GPU fetches by itself
while Python goes on; `on_device` sends every batch one step early, so that it travels while the
one before is computed with. Measured on no GPU yet.
"""

from ..creation import as_tensor


def on_device(batches, device):
    """The batches with every array as a Tensor on `device`.

    Parameters
    ----------
    batches : iterable of tuples (NamedTuples stay such) or dicts of arrays, or of single arrays
    device : "cpu", whose tensors share the arrays' memory, or "cuda"

    Yields
    ------
    batches of the same form; one more than was asked for has been taken from `batches` by then

    Examples
    --------
    >>> from minixattn.data import Copy, on_device
    >>> batch = next(on_device(Copy("train").batches(rng=0, size=2), "cpu"))
    >>> batch.source.dtype, len(batch.source)
    (dtype('int64'), 2)
    """
    waiting = None
    for batch in batches:
        sent = moved(batch, device)
        if waiting is not None:
            yield waiting
        waiting = sent
    if waiting is not None:
        yield waiting


def moved(batch, device):
    """One batch with its arrays as Tensors on `device`."""
    if isinstance(batch, dict):
        return {name: moved(part, device) for name, part in batch.items()}
    if isinstance(batch, (tuple, list)):
        parts = [moved(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return as_tensor(batch, device=device)
