"""What a training shows of itself: a bar on a terminal, plain lines elsewhere."""

import shutil
import sys
import time


class Progress:
    """Loss and accuracy while training: a bar on a terminal, ten plain lines elsewhere.

    Parameters
    ----------
    title : what is being trained
    steps : how many steps there will be
    stream : where to write; standard output where None
    metric : what the second number is called
    pad : columns that the title takes at least

    Attributes
    ----------
    log : list of (step, loss, accuracy)
    """

    def __init__(self, title, steps, stream=None, metric="accuracy", pad=16):
        self.title, self.steps, self.log = title, steps, []
        self.metric, self.pad = metric, pad
        self.done = 0  # steps that were made before, in a run that is continued
        self.stream = sys.stdout if stream is None else stream
        self.terminal = self.stream.isatty()
        self.start = self.shown = time.perf_counter()
        self.loss = self.accuracy = None

    def __call__(self, step, loss, accuracy):
        """Take in one step, and show it where it is time to; accuracy may be None."""
        if not self.log:
            self.done = step - 1
        self.log.append((step, loss, accuracy))
        self.loss, self.accuracy = averaged(self.loss, loss), averaged(self.accuracy, accuracy)
        now, last = time.perf_counter(), step == self.steps
        if self.terminal and (last or now - self.shown > 0.1):
            self.shown = now
            self.stream.write("\r" + self.line(step, now) + ("\n" if last else ""))
        elif not self.terminal and 10 * step // self.steps > 10 * (step - 1) // self.steps:
            self.stream.write(self.line(step, now) + "\n")
        self.stream.flush()

    def line(self, step, now):
        """One line of state, with running means over about twenty steps."""
        rate = (step - self.done) / max(now - self.start, 1e-9)
        state = f"loss {self.loss:6.4f}"
        if self.accuracy is not None:
            state += f"  {self.metric} {self.accuracy:6.1%}"
        left = f"{(self.steps - step) / rate:4.0f} s left"
        count = f"{step:>{len(str(self.steps))}}/{self.steps}"
        start = f"{self.title:<{self.pad}}"
        if not self.terminal:
            return f"{start} step {count}  {state}  {rate:5.0f} steps/s  {left}"
        # One column short of the terminal, as a line that is too long cannot be overwritten.
        room = (shutil.get_terminal_size().columns or 80) - 1
        end = f" {count}  {state}  {left}"
        if room - len(start + end) >= 20:
            end += f"  {min(rate, 99999):5.0f} steps/s"
        size = min(room - len(start + end) - 2, 20)
        done = size * step // self.steps
        bar = f"[{'#' * done}{'.' * (size - done)}]" if size > 2 else ""
        return f"{start}{bar}{end}"[:room].ljust(room)


def averaged(mean, value, past=0.95):
    """m ← 0.95 m + 0.05 x, which begins with the first x; None where there is no number."""
    if value is None:
        return None
    return value if mean is None else past * mean + (1 - past) * value
