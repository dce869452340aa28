"""Checkpoints: all that a training needs to go on, in a file that is there whole or not at all.

    checkpoints = Checkpoints("my-run")
    checkpoints.save(500, {"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    step, state = checkpoints.latest()

A file is written under another name, brought to the disk (fsync), and then renamed, which happens
at one stroke; the folder is brought to the disk as well, and only then an older file goes. So at
any moment, whatever kills the process, the newest checkpoint but one is untouched.

The format is NumPy's .npz, an archive of arrays with the rest of the state as JSON in one of them.
It needs nothing but NumPy, opening it runs no code, floats come back bit for bit, and the archive
holds a checksum of every array, so that damage is found even where the length is right.
"""

import io
import json
import os
import re
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np

from . import backend
from .serialization import replace
from .tensor import Tensor

NAME = "checkpoint-{:08d}.npz"
PATTERN = re.compile(r"checkpoint-(\d{8,})\.npz")
LEFT_OVER = re.compile(r"checkpoint-\d{8,}\.npz\.[0-9a-f]+\.tmp")
DAMAGE = zipfile.BadZipFile, ValueError, KeyError, EOFError, RuntimeError, struct.error
REST = "state.json"  # the array that holds what is no array


class Checkpoints:
    """The checkpoints of one run in one folder.

    Parameters
    ----------
    folder : where they are; made by the first `save`
    keep : how many are kept, at least 2
    """

    def __init__(self, folder, keep=2):
        if keep < 2:
            raise ValueError(
                f"keep is how many checkpoints stay, 2 or more, got {keep}: where the newest one "
                f"is damaged, the one before it is needed."
            )
        self.folder, self.keep = Path(folder), keep

    def files(self):
        """{step: Path}, oldest first."""
        if not self.folder.is_dir():
            return {}
        found = ((PATTERN.fullmatch(path.name), path) for path in self.folder.iterdir())
        return dict(sorted((int(match[1]), path) for match, path in found if match))

    def save(self, step, state):
        """Write the checkpoint of a step, then remove all but the last ones.

        Parameters
        ----------
        step : int
        state : dict of dicts, lists, tuples, tensors, arrays, numbers, strings, None

        Returns
        -------
        Path of the file

        Raises
        ------
        OSError
            If it cannot be written (the disk is full, or read-only). It names the last good one.
        TypeError
            If the state holds something else.
        """
        content = written(state)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / NAME.format(step)
            replace(path, content)
            to_disk(self.folder)
        except OSError as error:
            raise self.lost(step, error) from error
        self.tidy(step)
        return path

    def lost(self, step, error):
        """The error for a checkpoint that could not be written, because of another one."""
        kept = self.files()
        last = f"the last good one is {kept[max(kept)]}" if kept else "there is none before it"
        reason = os.strerror(error.errno) if error.errno else error
        return type(error)(
            error.errno,
            f"the checkpoint of step {step} could not be written to {self.folder} ({reason}); "
            f"{last}. Make room, or make the folder writable, and resume.",
        )

    def tidy(self, step):
        """Remove what is older than the last ones, what is damaged, and what kills left behind.

        A file of a later step than the one just written is damaged, or the run had not gone back.
        """
        files = self.files()
        kept = [s for s in files if s <= step][-self.keep :]
        leftovers = [p for p in self.folder.iterdir() if LEFT_OVER.fullmatch(p.name)]
        for path in [files[s] for s in files if s not in kept] + leftovers:
            path.unlink(missing_ok=True)

    def latest(self):
        """(step, state) of the newest checkpoint that can be read; None where there are none.

        A damaged one is passed over with a warning. Tensors come back as NumPy arrays.

        Raises
        ------
        ValueError
            If there are checkpoints, but all of them are damaged.
        """
        problems = []
        for step, path in reversed(self.files().items()):
            try:
                state = read(path)
            except ValueError as error:
                problems.append(str(error))
                continue
            if problems:
                warnings.warn(
                    f"{' '.join(problems)} Going back to {path.name}, step {step}.",
                    UserWarning, stacklevel=2,
                )  # fmt: skip
            return step, state
        if problems:
            raise ValueError(f"no checkpoint in {self.folder} can be read: {' '.join(problems)}")
        return None


def to_disk(folder):
    """Bring a folder's list of files to the disk, where the system can do that."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


# Writing -----------------------------------------------------------------------------------------


def written(state):
    """The bytes of a file."""
    arrays = {}
    rest = json.dumps(packed(state, arrays, "state")).encode()
    file = io.BytesIO()
    np.savez(file, **{REST: np.frombuffer(rest, np.uint8)}, **arrays)
    return file.getvalue()


def packed(value, arrays, path):
    """A value as JSON has it; arrays are moved to `arrays`, under the path that leads to them."""
    if isinstance(value, Tensor) or (backend.is_array(value) and not isinstance(value, np.generic)):
        array = value.array if isinstance(value, Tensor) else value
        arrays[path] = np.array(backend.to_device(array, "cpu"))
        return {"array": path}
    if isinstance(value, dict):
        return {"dict": [[k, packed(v, arrays, f"{path}/{k}")] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        items = [packed(v, arrays, f"{path}/{i}") for i, v in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(
        f"a checkpoint holds tensors, arrays, numbers, strings, lists, tuples and dicts, got "
        f"{type(value).__name__} at {path!r}: {value!r:.60}."
    )


# Reading -----------------------------------------------------------------------------------------


def read(path):
    """The state in a file; ValueError where it is damaged."""
    content = io.BytesIO(Path(path).read_bytes())
    try:
        with zipfile.ZipFile(content) as archive:
            members = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
        arrays = {name: np.load(io.BytesIO(content)) for name, content in members.items()}
        return unpacked(json.loads(arrays.pop(REST).tobytes()), arrays)
    except DAMAGE as error:
        raise ValueError(
            f"the checkpoint {Path(path).name} is damaged or cut short ({error})."
        ) from None


def unpacked(value, arrays):
    """The inverse of `packed`."""
    if isinstance(value, list):
        return [unpacked(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "array":
        return arrays[held]
    if kind == "dict":
        return {k: unpacked(v, arrays) for k, v in held}
    return tuple(unpacked(v, arrays) for v in held)
