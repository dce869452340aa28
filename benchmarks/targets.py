"""What is aimed at, and whether a set of results meets it.

A target is a bound from above on a ratio of two measured numbers, or on one number.
"""

from typing import NamedTuple

# Time of ours / time of theirs, for the same size in the same run.
AT_MOST = {
    "tiny": {"torch-mha": 0.24, "torch-sdpa": 0.32, "jax": 0.70, "limit": 1.4},
    "small": {"torch-mha": 0.60, "torch-sdpa": 0.75, "jax": 0.95, "limit": 1.10},
    "medium": {"torch-mha": 0.88, "torch-sdpa": 0.92, "jax": 1.00, "limit": 1.05},
    "large": {"torch-mha": 0.88, "torch-sdpa": 0.97, "jax": 0.80, "limit": 1.05},
    "long": {"torch-mha": 0.58, "torch-sdpa": 1.00, "jax": 0.35, "limit": 1.07},
    "huge": {"torch-mha": 0.35, "torch-sdpa": 0.90, "limit": 1.05},
}
LONG_WITH_WEIGHTS = 0.65  # x torch-mha
HALF = ("autograd", "mygrad", "tinygrad", "dezero")  # at most half their time, at every size
PEAK_MIB = {"long": 100, "huge": 130}
PEAK_WITH_WEIGHTS = 0.4  # x torch-mha's
LAYERS = ("cross", "multihead")
WITHOUT_WEIGHTS = ("cross-lean", "multihead-lean")

CHAIN_RATIO, CHAIN_OVER_NUMPY_US = 0.42, 1.3
IMPORT_RATIO, GROWTH_MIB, MODEL_RATIO, FLOAT64, FLOAT32_RATIO = 1.10, 1.0, 0.8, 1e-14, 1.0


class Verdict(NamedTuple):
    """One target: in which contest, of what, the number found, and its bound."""

    contest: str
    what: str
    value: float
    bound: float

    @property
    def met(self):
        """Whether the number is within the bound."""
        return self.value <= self.bound

    def __str__(self):
        word = "met" if self.met else "MISSED"
        return f"{self.contest:17s}{self.what:42s}{self.value:10.3g}  <= {self.bound:<7g}{word}"


def ratio(results, ours, theirs, field="ms"):
    """Ours / theirs, or None where either was not measured."""
    a, b = (results.get(name, {}).get(field) for name in (ours, theirs))
    return a / b if a is not None and b else None


def of_size(name, results):
    """Verdicts on one size; `results` is from peer to its numbers."""
    long = name in PEAK_MIB
    for ours in WITHOUT_WEIGHTS if long else LAYERS:
        for theirs, bound in AT_MOST[name].items():
            yield f"time {ours} / {theirs}", ratio(results, ours, theirs), bound
        for theirs in HALF:
            yield f"time {ours} / {theirs}", ratio(results, ours, theirs), 0.5
        if long:
            yield f"peak MiB {ours}", results.get(ours, {}).get("peak_mib"), PEAK_MIB[name]
    if name == "long":
        for ours in LAYERS:
            yield f"time {ours} / torch-mha", ratio(results, ours, "torch-mha"), LONG_WITH_WEIGHTS
            peak = ratio(results, ours, "torch-mha", "peak_mib")
            yield f"peak {ours} / torch-mha", peak, PEAK_WITH_WEIGHTS


def of_chain(results):
    """Verdicts on the chain of tiny operations: milliseconds there are µs of an operation."""
    yield "time minixattn / torch", ratio(results, "minixattn", "torch"), CHAIN_RATIO
    ours, least = (results.get(n, {}).get("ms") for n in ("minixattn", "numpy"))
    if ours is not None and least is not None:
        yield "microseconds over bare NumPy", ours - least, CHAIN_OVER_NUMPY_US


def of_model(results):
    """Verdicts on a model: against the faster of PyTorch's two runs."""
    theirs = [r for n, r in results.items() if n.startswith("torch") and "ms" in r]
    if theirs and "ms" in results.get("minixattn", {}):
        best = min(r["ms"] for r in theirs)
        yield "time minixattn / torch", results["minixattn"]["ms"] / best, MODEL_RATIO


def of_accuracy(found):
    """Verdicts on the distance of the gradients from the truth, for one size."""
    theirs = found.get("torch-mha", {}).get("float32")
    for ours in (*LAYERS, *WITHOUT_WEIGHTS):
        yield f"float64 distance {ours}", found.get(ours, {}).get("float64"), FLOAT64
        if theirs:
            single = found.get(ours, {}).get("float32")
            share = None if single is None else single / theirs
            yield f"float32 distance {ours} / torch-mha", share, FLOAT32_RATIO


def of_import(found):
    """Verdict on the time that `import minixattn` takes."""
    yield "time minixattn / numpy", ratio(found, "minixattn", "numpy"), IMPORT_RATIO


def of_garbage(found):
    """Verdicts on what is left behind without the garbage collector."""
    for ours in LAYERS:
        yield f"unreachable objects {ours}", found.get(ours, {}).get("unreachable"), 0
        yield f"growth MiB {ours}", found.get(ours, {}).get("growth_mib"), GROWTH_MIB


def verdicts(results):
    """Every target that the results say something about, as `Verdict`s."""
    groups = [(n, of_size(n, r)) for n, r in results.get("sizes", {}).items() if n in AT_MOST]
    groups += [("chain", of_chain(results.get("chain", {})))]
    groups += [(n, of_model(r)) for n, r in results.get("models", {}).items()]
    groups += [("import", of_import(results.get("import", {})))]
    groups += [("garbage", of_garbage(results.get("garbage", {})))]
    groups += [(n, of_accuracy(r)) for n, r in results.get("accuracy", {}).items()]
    return [Verdict(n, *row) for n, rows in groups for row in rows if row[1] is not None]
