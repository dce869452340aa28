"""The picture: time and memory of a training step against the length of the sequences."""

from pathlib import Path

from .work import LENGTHS, length, size_of

FILE = Path(__file__).parents[1] / "figures" / "benchmark.png"
LINES = {  # peer: (label, colour, marker)
    "readable": ("minixattn, step by step", "#8c8c8c", "s"),
    "torch-mha": ("PyTorch MultiheadAttention", "#d55e00", "^"),
    "torch-sdpa": ("PyTorch fused SDPA", "#e69f00", "v"),
    "cross-lean": ("minixattn CrossAttention", "#0072b2", "o"),
}


def floor_ms(size, speed):
    """The least time: all matrix products at full speed, then every number moved once."""
    products = size.flops / (speed["gflops"] * 1e9)
    return 1e3 * (products + size.bytes_moved / (speed["gbytes"] * 1e9))


def floor_mib(size):
    """The least memory: the output and the gradients, which must exist at the end."""
    streams = size.B * size.E * (2 * size.L + size.S)
    return 4 * (streams + 4 * size.E**2 + 4 * size.E) / 2**20


def scores_mib(size):
    """One attention matrix."""
    return 4 * size.scores / 2**20


def series(lengths, name, field):
    """(lengths, values) of one peer, where they were measured."""
    found = [(L, lengths.get(length(L), {}).get(name, {}).get(field)) for L in LENGTHS]
    kept = [(L, v) for L, v in found if v]
    return [L for L, _ in kept], [v for _, v in kept]


def panel(ax, lengths, field, floor):
    """One peer a line, and the floor below them all."""
    values = []
    for name, (label, colour, marker) in LINES.items():
        x, y = series(lengths, name, field)
        values += y
        ax.plot(x, y, marker + "-", color=colour, label=label, markersize=4.5, linewidth=1.6)
    bound = [floor(size_of(length(L))) for L in LENGTHS]
    ax.plot(LENGTHS, bound, "--", color="black", linewidth=1)
    ax.fill_between(LENGTHS, 1e-9, bound, color="black", alpha=0.06, linewidth=0)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(LENGTHS, [f"{L:,}" for L in LENGTHS])
    ax.set_xlim(LENGTHS[0] / 1.2, LENGTHS[-1] * 1.2)
    ax.set_ylim(min([bound[0], *values]) / 2, max([bound[-1], *values]) * 2)
    ax.yaxis.set_major_formatter(lambda v, _: f"{v:,.10g}")
    ax.set_xlabel("length L of queries and of context")
    ax.grid(True, alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)


def name_line(ax, text, L, y, **how):
    """Words just below a line, at length L."""
    ax.annotate(
        text, (L, y), xytext=(6, -6), textcoords="offset points", va="top", fontsize=8.5, **how
    )


def draw(results, file=FILE):
    """Write the picture from results with "lengths" and "speed"."""
    from matplotlib.figure import Figure

    lengths, speed, machine = results["lengths"], results["speed"], results["machine"]
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    figure.suptitle(
        f"A training step of attention, one head of width 64, float32, two threads "
        f"({machine['processor']})", x=0.01, ha="left", fontsize=10,
    )  # fmt: skip
    time, memory = figure.subplots(1, 2)
    panel(time, lengths, "ms", lambda size: floor_ms(size, speed))
    panel(memory, lengths, "peak_mib", floor_mib)
    time.set_title("Time, ms", loc="left", fontsize=11)
    memory.set_title("Memory beyond the inputs, MiB", loc="left", fontsize=11)
    L = LENGTHS[2]
    name_line(time, f"floor: the products at {speed['gflops']:.0f} GFLOP/s,\n"
              "each number moved once", L, floor_ms(size_of(length(L)), speed))  # fmt: skip
    name_line(memory, "floor: the output and the gradients", L, floor_mib(size_of(length(L))))
    y = [scores_mib(size_of(length(L))) for L in LENGTHS]
    memory.plot(LENGTHS, y, ":", color="black", linewidth=1)
    name_line(memory, "one L × L\nmatrix", LENGTHS[5], y[5])
    time.legend(fontsize=8.5, frameon=False, loc="upper left")
    figure.savefig(file, dpi=120)
    return file
