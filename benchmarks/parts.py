"""The parts of a full run: each puts what it measures into `results`, and yields to save."""

from importlib.util import find_spec

from . import contests, lone, machine, picture, report
from .accuracy import OURS, check
from .race import garbage, race
from .twins import TWINS
from .work import length

ACCURATE = ("tiny", "small", "medium", "large", "1x2048x2048x64x1")


def sizes(chosen, results):
    """One training step of attention at every size."""
    for name in chosen.sizes:
        print(f"\n{name}", flush=True)
        found = race(name, chosen.peers, rounds=chosen.rounds, limit=chosen.limit)
        results.setdefault("sizes", {})[name] = found  # as a whole: ratios are of one run
        print(report.table(found), flush=True)
        yield


def lengths(chosen, results):
    """The lines of the picture, and the picture."""
    measured = race("speed", ["numpy"], rounds=5)["numpy"]
    gflops = machine.Product.flops / (1e6 * measured["best_ms"])
    results["speed"] = {"gflops": gflops, "gbytes": machine.gigabytes_per_second()}
    lines = [name for name in picture.LINES if name in chosen.peers]
    for L in chosen.lengths:
        print(f"\nlength {L}", flush=True)
        found = race(length(L), lines, rounds=3, limit=chosen.limit)
        results.setdefault("lengths", {})[length(L)] = found
        print(report.table(found), flush=True)
        yield
    if find_spec("matplotlib"):
        print(f"\ndrew {picture.draw(results)}")
    else:
        print('\nno picture: matplotlib is not installed (pip install -e ".[plot]")')


def chain(chosen, results):
    """What it costs to record an operation, and a chain too deep for recursion."""
    print("\nchain", flush=True)
    names = contests.entrants("chain")
    results["chain"] = race("chain", names, rounds=chosen.rounds, limit=chosen.limit)
    results["deep"] = lone.deep_chain()
    yield


def models(chosen, results):
    """A training step of each model and of its twin in PyTorch."""
    for name in TWINS:
        print(f"\nmodel {name}", flush=True)
        names = contests.entrants(name)
        found = race(name, names, rounds=chosen.rounds, limit=chosen.limit)
        results.setdefault("models", {})[name] = found
        yield


def imports(chosen, results):
    """The time of `import X`."""
    print("\nimport", flush=True)
    results["import"] = lone.imports(rounds=chosen.rounds + 2)
    yield


def leftovers(chosen, results):
    """What 2,000 steps leave behind while the garbage collector is off."""
    print("\ngarbage", flush=True)
    names = [n for n in chosen.peers if n not in ("limit", "tinygrad")]
    results["garbage"] = garbage("tiny", names)
    yield


def accuracy(chosen, results):
    """How far the gradients are from the truth."""
    ours = [n for n in chosen.peers if n in OURS]
    for name in ACCURATE:
        results.setdefault("accuracy", {})[name] = check(name, [*ours, "torch-mha"])
        yield


PARTS = {
    "sizes": sizes,
    "chain": chain,
    "models": models,
    "import": imports,
    "garbage": leftovers,
    "accuracy": accuracy,
    "lengths": lengths,
}
