"""The tables, from results."""

from . import peers
from .targets import verdicts
from .work import SIZES

COLUMNS = ("torch-mha", "torch-sdpa", "jax", "limit")


def table(results):
    """One line for each peer of a size: time, ratios, memory, how many samples were clean."""
    head = "".join(f"{'/ ' + name:>13s}" for name in COLUMNS)
    lines = [f"  {'':30s}{'ms':>11s}{'best':>9s}{head}{'peak MiB':>10s}{'clean':>8s}"]
    for name, found in results.items():
        label = peers.PEERS[name].label
        if "skipped" in found:
            lines.append(f"  {label:30s}{'skipped: ' + found['skipped']}")
            continue
        ratios = [results.get(other, {}).get("ms") for other in COLUMNS]
        cells = "".join(f"{found['ms'] / r:13.2f}" if r else f"{'–':>13s}" for r in ratios)
        peak = "–" if found["peak_mib"] is None else f"{found['peak_mib']:.0f}"
        mark = " " if found["clean"] else "~"
        lines.append(
            f"  {label:30s}{mark}{found['ms']:10.3f}{found['best_ms']:9.3f}{cells}{peak:>10s}"
            f"{found['clean']:>5d}/{found['samples']}"
        )
    return "\n".join(lines)


def plain(results, unit):
    """One line for each entrant, for contests without a table of ratios."""
    best = min((r["ms"] for r in results.values() if "ms" in r), default=1.0)
    return "\n".join(
        f"  {name:30s}"
        + (f"skipped: {r['skipped']}" if "skipped" in r else f"{r['ms']:10.3f} {unit}")
        + ("" if "skipped" in r else f"{r['ms'] / best:10.2f} x the fastest")
        for name, r in results.items()
    )


def section(title, body):
    """A titled part of the report."""
    return f"\n{title}\n{body}"


def text(results):
    """The whole report."""
    machine = results["machine"]
    libraries = ", ".join(f"{n} {v}" for n, v in machine["libraries"].items())
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, {libraries}"
    ]
    for name, found in results.get("sizes", {}).items():
        size = SIZES.get(name)
        title = f"{name}: B, L, S, E, h = {', '.join(map(str, size))}" if size else name
        parts.append(section(f"{title}   (~ means that no sample was clean)", table(found)))
    if "chain" in results:
        title = "A recorded operation on four numbers, forward and backward"
        parts.append(section(title, plain(results["chain"], "µs")))
    for name, found in results.get("models", {}).items():
        parts.append(section(f"A training step of the model: {name}", plain(found, "ms")))
    if "operations" in results.get("deep", {}):
        deep = results["deep"]
        parts.append(f"  a chain of {deep['operations']:,}: {deep['seconds']:.1f} s")
    if "import" in results:
        parts.append(section("Import", plain(results["import"], "ms")))
    parts.append(section("Targets", judged(verdicts(results))))
    return "\n".join(parts) + "\n"


def judged(found):
    """The targets, one a line, and how many are met."""
    met = sum(v.met for v in found)
    lines = [f"  {v}" for v in found]
    return "\n".join([*lines, f"  {met} of {len(found)} met"])
