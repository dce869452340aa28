"""What needs no race: the time of an import, and a chain too deep for recursion."""

import os
import statistics
import subprocess
import sys
import tempfile

from .race import ROOT

MODULES = ("numpy", "minixattn", "autograd", "mygrad", "tinygrad", "jax", "torch")
OPERATIONS = 1_000_000

IMPORT = """
import time
begun = time.perf_counter()
import {module}
print(time.perf_counter() - begun)
"""

DEEP = """
import time
import numpy as np
import minixattn as mx
x = mx.tensor(np.ones(1, np.float32), requires_grad=True)
begun = time.perf_counter()
y = x
for _ in range({n}):
    y = y * 1.0
y.sum().backward()
assert x.grad.item() == 1.0
print(time.perf_counter() - begun)
"""


def fresh(script, **environment):
    """The number that a script prints in a new interpreter, or its last words where it fails."""
    run = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True,
        timeout=300, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip
    if run.returncode:
        return (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
    return float(run.stdout)


def imports(modules=MODULES, rounds=9, say=print):
    """Milliseconds of `import X` in a new interpreter: medians, turns taken.

    Everything is compiled to bytecode first, as after an installation, into a folder of its own.
    """
    times = {name: [] for name in modules}
    with tempfile.TemporaryDirectory() as cache:
        compiled = {"PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        for turn in range(rounds + 1):
            for name in list(times):
                found = fresh(IMPORT.format(module=name), **compiled)
                if isinstance(found, str):
                    say(f"  {name}: skipped ({found[:90]})")
                    del times[name]
                elif turn:  # the first one compiles
                    times[name].append(1e3 * found)
    return {name: {"ms": statistics.median(t)} for name, t in times.items()}


def deep_chain(n=OPERATIONS):
    """Seconds for n recorded operations one after another, and back; or why it failed."""
    found = fresh(DEEP.format(n=n))
    return {"failed": found} if isinstance(found, str) else {"operations": n, "seconds": found}
