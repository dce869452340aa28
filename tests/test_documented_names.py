"""Every public name has a docstring."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import minixattn as mx

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(mx.__path__, "minixattn.")
    if not name.endswith("__main__")
]


def own(module):
    """The public functions and classes that a module shows, from anywhere in the package."""
    for name in dir(module):
        value = getattr(module, name)
        if name.startswith("_") or inspect.ismodule(value) or not callable(value):
            continue
        if getattr(value, "__module__", "").startswith("minixattn"):
            yield f"{module.__name__}.{name}", value


def members(kind):
    """The public methods and properties that a class defines itself."""
    for name, value in vars(kind).items():
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            yield name


def undocumented(module):
    """Names without a docstring of their own, of the class they override, or in their class's."""
    for name, value in own(module):
        if not (inspect.getdoc(value) or "").strip():
            yield name
        if inspect.isclass(value) and value.__module__ == module.__name__:
            for member in members(value):
                documented = inspect.getdoc(getattr(value, member)) or member in value.__doc__
                if not documented:
                    yield f"{name}.{member}"


@pytest.mark.parametrize("name", ["minixattn", *MODULES])
def test_every_module_and_public_name_has_a_docstring(name):
    if name == "minixattn.plot.capture_torch":  # for those who have a PyTorch model
        pytest.importorskip("torch")
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip(), f"{name} has no docstring"
    assert not list(undocumented(module))


def test_the_names_of_a_lesson_are_there():
    """What a lesson written for PyTorch reaches for first."""
    for path in (
        "tensor", "randn", "zeros", "no_grad", "manual_seed", "softmax", "einsum", "float32",
        "Tensor",
        "cat", "stack", "matmul", "arange", "where", "tril", "inf", "pi", "device",
        "cuda.is_available",
        "autograd.grad", "autograd.gradcheck", "nn", "optim",
    ):  # fmt: skip
        value = mx
        for part in path.split("."):
            value = getattr(value, part)


def test_a_name_that_is_missing_brings_the_nearest_ones_to_mind():
    with pytest.raises(AttributeError, match=r"^minixattn has no softmx; the nearest .* softmax"):
        _ = mx.softmx
    with pytest.raises(AttributeError, match=r"^minixattn has no qqqqqq\.$"):
        _ = mx.qqqqqq
    assert not hasattr(mx, "__wrapped__")


def test_short_names_of_lessons_do_what_they_say():
    x = mx.ones(2, 3)
    assert mx.is_tensor(x) and not mx.is_tensor([1.0])
    assert mx.numel(x) == 6 and mx.concatenate is mx.cat
    assert mx.finfo(mx.float32).eps == 2.0**-23 and mx.iinfo(mx.int64).max == 2**63 - 1


def test_infinities_come_without_a_warning():
    code = (
        "import minixattn as mx, numpy as np\n"
        "x = mx.tensor([0.0, 1000.0])\n"
        "print(x.log().tolist(), (x / 0).isnan().tolist(), x.exp().tolist(), x.half().exp()[1])\n"
        "np.log(np.zeros(1))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "inf" in done.stdout
    assert done.stderr.count("RuntimeWarning") == 1, "NumPy's own users keep their warnings"


def test_constants_are_plain_numbers():
    assert type(mx.inf) is type(mx.nan) is type(mx.pi) is float
    assert isinstance(mx.__version__, str)
