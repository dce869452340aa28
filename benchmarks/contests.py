"""What there is to race in: attention at a size, a chain of tiny operations, whole models."""

from . import chain, machine, peers, twins
from .work import size_of

# contest -> {name of an entrant: how it is made}
SMALL = {"chain": chain.CHAINS, "speed": {"numpy": machine.Product}} | twins.TWINS


def entrants(contest):
    """The names of those who can take part."""
    return list(SMALL.get(contest, peers.PEERS))


def build(contest, name, dtype="float32"):
    """One entrant, ready for its first `step()`."""
    if contest in SMALL:
        return SMALL[contest][name]()
    return peers.build(name, size_of(contest), dtype)
