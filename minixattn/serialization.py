"""Saving and loading tensors and checkpoints, in the safetensors format.

The format holds names and numbers, and a few strings (`nesting.py` keeps there how a checkpoint is
built). PyTorch's own files are pickles, which may run any code
when they are opened; these cannot, and PyTorch reads them too (`safetensors.torch.load_file`).
"""

import json
import os
import zipfile
from contextlib import nullcontext

import numpy as np

from . import backend, dtypes
from .creation import finish
from .errors import DTypeError, missing_extra
from .nesting import apart, is_flat, together
from .tensor import Tensor

CODES = {
    "F16": dtypes.float16, "F32": dtypes.float32, "F64": dtypes.float64, "U8": dtypes.uint8,
    "I8": dtypes.int8, "I16": dtypes.int16, "I32": dtypes.int32, "I64": dtypes.int64,
    "BOOL": dtypes.bool_,
}  # fmt: skip

SIGNATURES = {
    b"PK\x03\x04": "a zip archive, as torch.save() writes them",
    b"\x80": "a pickle, as older versions of torch.save() write them",
    b"\x89HDF": "an HDF5 file",
    b"version https://git-lfs": "a Git LFS pointer: the file itself was not downloaded",
}


STRUCTURE = "minixattn.structure"


def save(obj, f, metadata=None):
    """Write tensors to a file: `save(model.state_dict(), "model.safetensors")`, or a checkpoint.

    The file appears whole or not at all: if anything fails, what was there before stays.

    Parameters
    ----------
    obj : dict of Tensors or arrays by name (a `state_dict()`), or a Module; or tensors, numbers,
        strings and None in dicts, lists and tuples: {"model": model.state_dict(), "step": 5}
    f : the file's name, by custom ending in ".safetensors"; or a binary file that is open
    metadata : dict of strings to keep beside the tensors, or None; see `metadata`

    Raises
    ------
    TypeError
        If something else is to be saved, saying where it is, or something in `metadata` is not a
        string.
    OSError
        If the file cannot be written.
    """
    write = library("minixattn.save()").save
    obj = obj.state_dict() if callable(getattr(obj, "state_dict", None)) else obj
    if not is_flat(obj):
        obj, text = apart(obj)
        metadata = {**(metadata or {}), STRUCTURE: text}
    arrays = {checked_name(name): plain_array(name, value) for name, value in obj.items()}
    for k, v in (metadata or {}).items():
        if not (isinstance(k, str) and isinstance(v, str)):
            raise TypeError(f"metadata holds strings only, got {k!r}: {v!r}. Use str() or json.")
    content = write(arrays, metadata)
    if hasattr(f, "write"):
        f.write(content)
    else:
        replace(os.fsdecode(f), content)


def load(f, map_location=None, *, weights_only=True):
    """Read what `save` wrote: `model.load_state_dict(load("model.safetensors"))`.

    Parameters
    ----------
    f : the file's name, or a binary file that is open
    map_location : the device that the tensors go to, the CPU where None
    weights_only : True; here for code written for PyTorch. There is nothing else to load

    Returns
    -------
    dict of Tensors by name, or what else was saved

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is cut short or of another format.
    DTypeError
        If it has numbers of a type that NumPy lacks, such as bfloat16.
    """
    if weights_only is not True:
        raise ValueError("load() reads tensors and never runs a pickle: leave weights_only=True.")
    path, file = (os.fsdecode(f), None) if not hasattr(f, "read") else (name_of(f), f)
    table = header(path, file)
    for name, entry in table.items():
        if name != "__metadata__" and entry.get("dtype") not in CODES:
            raise unknown_type(path, name, entry.get("dtype"))
    arrays = read(path, file)
    # Copied, because an array over a file's buffer does not own its memory.
    tensors = {name: finish(np.array(a), device=map_location) for name, a in arrays.items()}
    text = table.get("__metadata__", {}).get(STRUCTURE)
    return tensors if text is None else together(text, tensors)


def name_of(file):
    """What an open file is called in errors."""
    return getattr(file, "name", None) or type(file).__name__


def read(path, file=None):
    """{name: array} of a file, which may be open, by the library."""
    reader = library("minixattn.load()")
    from safetensors import SafetensorError

    try:
        return reader.load_file(path) if file is None else reader.load(file.read())
    except SafetensorError as error:
        raise ValueError(f"cannot load {path!r}: the file is damaged ({error}).") from None


def metadata(path):
    """The dict of strings that `save` was given for a file; {} if there was none."""
    found = header(os.fsdecode(path)).get("__metadata__", {})
    return {name: text for name, text in found.items() if name != STRUCTURE}


def library(purpose):
    """The module `safetensors.numpy`, or the sentence that says how to install it."""
    try:
        import safetensors.numpy
    except ImportError:
        raise missing_extra("safetensors", "interop", purpose) from None
    return safetensors.numpy


# Writing -----------------------------------------------------------------------------------------


def checked_name(name):
    """The name, if a file can have it."""
    if not isinstance(name, str) or name == "__metadata__":
        raise TypeError(f"names of tensors are strings (not '__metadata__'), got {name!r}.")
    return name


def plain_array(name, value):
    """The value as a row-major array on the CPU."""
    array = backend.to_device(value.array if isinstance(value, Tensor) else value, "cpu")
    if array.dtype not in dtypes.SUPPORTED:
        known = ", ".join(str(d) for d in dtypes.SUPPORTED)
        raise DTypeError(f"{name!r} has dtype {array.dtype}: expected one of {known}.")
    # The library writes memory as it lies, wrongly for a transposed or strided array.
    return np.asarray(array, order="C")


def replace(path, content):
    """Put `content` where `path` is, at one stroke."""
    target = os.path.realpath(path)  # a link stays a link
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"cannot save {path!r}: there is no folder {folder!r}. Make it with os.makedirs()."
        )
    if os.path.isdir(target):
        raise IsADirectoryError(f"cannot save to {path!r}: that is a folder. Add a file name.")
    temporary = f"{target}.{os.urandom(4).hex()}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        if os.path.exists(temporary):
            os.unlink(temporary)
        if not isinstance(error, OSError):
            raise
        message = (
            f"cannot save {path!r}: {error.strerror or error}. What was there before is unchanged."
        )
        raise type(error)(error.errno, message) from error


# Reading -----------------------------------------------------------------------------------------


def header(path, file=None):
    """The file's table of contents: {name: {"dtype", "shape", "data_offsets"}, …}.

    The file is 8 bytes with the length of the header, the header as JSON, and the numbers. One that
    is open is left where it was.
    """
    if file is None and os.path.isdir(path):
        raise IsADirectoryError(f"cannot load {path!r}: that is a folder, not a file.")
    try:
        with open(path, "rb") if file is None else nullcontext(file) as opened:
            begin = opened.tell()
            start = opened.read(32)
            size = opened.seek(0, os.SEEK_END) - begin
            opened.seek(begin + 8)
            length = int.from_bytes(start[:8], "little")
            text = opened.read(min(length, size))
            opened.seek(begin)
    except FileNotFoundError:
        where = os.path.abspath(path)
        raise FileNotFoundError(f"cannot load {path!r}: there is no file {where!r}.") from None
    if size < 10:
        raise ValueError(
            f"cannot load {path!r}: a file of {size} bytes is too short to be a safetensors file; "
            f"writing or copying it was broken off."
        )
    if start[8:9] != b"{":
        raise foreign(path, start)
    if len(text) < length:
        raise cut_short(path, size, 8 + length, "header")
    try:
        contents = json.loads(text)
        entries = [e for k, e in contents.items() if k != "__metadata__"]
        expected = 8 + length + max((e["data_offsets"][1] for e in entries), default=0)
    except (ValueError, KeyError, TypeError, IndexError):
        raise foreign(path, start) from None
    if size != expected:
        raise cut_short(path, size, expected, "tensors")
    return contents


def cut_short(path, size, expected, what):
    """The error for a file of the wrong length."""
    return ValueError(
        f"cannot load {path!r}: it has {size} bytes, but with its {what} it should have "
        f"{expected}. It was damaged, or cut short while it was copied or written."
    )


def of_numpy(path, kind, mend):
    """The error for NumPy's own files, and how to read them."""
    return ValueError(
        f"cannot load {path!r}: it is not a safetensors file but {kind}. NumPy reads it:\n"
        f"    {mend.format(repr(path))}"
    )


def holds_arrays(path):
    """Whether a file is an archive of arrays, as numpy.savez() writes it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return bool(names) and all(name.endswith(".npy") for name in names)


def foreign(path, start):
    """The error for a file of another format, saying which, and how to convert PyTorch's."""
    if start.startswith(b"\x93NUMPY"):
        return of_numpy(path, "an array that numpy.save() wrote", "x = tensor(numpy.load({}))")
    if holds_arrays(path):
        mend = "weights = {{k: tensor(a) for k, a in numpy.load({}).items()}}"
        return of_numpy(path, "arrays that numpy.savez() wrote", mend)
    kind = next((kind for sign, kind in SIGNATURES.items() if start.startswith(sign)), None)
    return ValueError(
        f"cannot load {path!r}: it is not a safetensors file but "
        f"{kind or f'something that begins with {start[:8]!r}'}. To convert a file of PyTorch's, "
        f"run where PyTorch is installed:\n"
        f"    from safetensors.torch import save_file\n"
        f"    weights = torch.load({path!r}, weights_only=True)\n"
        f"    save_file({{k: v.clone() for k, v in weights.items()}}, 'model.safetensors')"
    )


def unknown_type(path, name, code):
    """The error for a tensor of a type that NumPy lacks."""
    known = ", ".join(CODES)
    return DTypeError(
        f"cannot load {path!r}: {name!r} has the type {code}, which NumPy lacks (known: {known}). "
        f"Convert it where PyTorch is installed:\n"
        f"    from safetensors.torch import load_file, save_file\n"
        f"    weights = load_file({path!r})\n"
        f"    save_file({{k: v.float() for k, v in weights.items()}}, 'float32.safetensors')"
    )
