"""The race against other libraries; README.md beside this file explains how to read it."""

import argparse
import json
from pathlib import Path

from . import machine, report
from .accuracy import check
from .parts import PARTS
from .peers import PEERS
from .work import LENGTHS, SIZES, size_of

RESULTS = Path(__file__).parent / "results" / "cpu.json"
QUICK = ("tiny", "small", "medium")


def several(text, known, what):
    """The names in "a,b", each of which must be known."""
    found = [name for name in text.split(",") if name]
    unknown = [name for name in found if name not in known]
    if unknown or not found:
        raise SystemExit(f"unknown {what} {', '.join(unknown)!r}: there are {', '.join(known)}.")
    return found


def sizes(text):
    """The names in "tiny,2x10x20x512x8", each of which must be one or spell one."""
    found = text.split(",")
    try:
        for name in found:
            size_of(name)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    return found


def arguments(given=None):
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--parts", help=f"some of {','.join(PARTS)}; all where nothing is named")
    add("--sizes", help=f"some of {','.join(SIZES)}, or BxLxSxExh in numbers")
    add("--lengths", help=f"of the picture, some of {','.join(map(str, LENGTHS))}")
    add("--peers", default=",".join(PEERS), help="who takes part: %(default)s")
    add("--rounds", type=int, default=7, help="clean samples of each peer (%(default)s)")
    add("--limit", type=float, default=60, help="seconds for one contest (%(default)s)")
    add("--quick", action="store_true", help=f"{', '.join(QUICK)} alone, three rounds, no lengths")
    add("--check", action="store_true", help="compare everyone's gradients, time nothing")
    add("--report", action="store_true", help="print what was measured before, measure nothing")
    add("--out", type=Path, default=RESULTS, help="results, updated where they exist")
    chosen = parser.parse_args(given)
    named = [part for part in ("sizes", "lengths") if getattr(chosen, part)]
    parts = chosen.parts or ",".join(named or PARTS)
    chosen.parts = several(parts, PARTS, "part")
    chosen.peers = several(chosen.peers, PEERS, "peer")
    known = [str(L) for L in LENGTHS]
    chosen.lengths = [int(L) for L in several(chosen.lengths or ",".join(known), known, "length")]
    chosen.sizes = sizes(chosen.sizes or ",".join(QUICK if chosen.quick else SIZES))
    if chosen.quick:
        chosen.rounds, chosen.limit = min(chosen.rounds, 3), min(chosen.limit, 20)
        chosen.parts = [part for part in chosen.parts if part != "lengths"]
    return chosen


def load(path):
    """Results measured before on this machine; empty where there are none."""
    here = machine.describe()
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    same = found.get("machine", {}).get("processor") == here["processor"]
    return (found if same else {}) | {"machine": here}


def save(results, path):
    """Write the results, and the report beside them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".txt").write_text(report.text(results), encoding="utf-8")


def main(given=None):
    """Measure, save, report."""
    chosen = arguments(given)
    if chosen.check:
        for name in chosen.sizes:
            check(name, chosen.peers)
        return
    results = load(chosen.out)
    if not chosen.report:
        for part in chosen.parts:
            for _ in PARTS[part](chosen, results):
                save(results, chosen.out)
    print(f"\n{report.text(results)}")


if __name__ == "__main__":
    main()
