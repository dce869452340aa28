"""Whether a sample was disturbed: how much of the machine other programs used meanwhile."""

import os
import time

TOLERATED = 0.04  # a sample during which others used more of the machine is thrown away


def cpu_seconds():
    """CPU seconds used by all programs since the machine started; None where Linux is not."""
    try:
        with open("/proc/stat") as file:
            fields = file.readline().split()[1:9]
    except OSError:
        return None
    user, nice, system, _idle, _waiting, *interrupts = map(int, fields)
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Started before a sample and asked after it."""

    def __init__(self):
        self.all, self.own, self.begun = cpu_seconds(), time.process_time(), time.perf_counter()

    def others(self):
        """The share of the machine, 0 to 1, that other programs used since."""
        now = cpu_seconds()
        if now is None:
            return 0.0
        used = now - self.all - (time.process_time() - self.own)
        tick = 1.1 / os.sysconf("SC_CLK_TCK")  # the clock of /proc/stat moves in such steps
        took = time.perf_counter() - self.begun
        return max(0.0, used - tick) / (took * os.cpu_count())
