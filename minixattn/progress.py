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

    Attributes
    ----------
    log : list of (step, loss, accuracy)
    """

    def __init__(self, title, steps, stream=None):
        self.title, self.steps, self.log = title, steps, []
        self.stream = sys.stdout if stream is None else stream
        self.terminal = self.stream.isatty()
        self.start = self.shown = time.perf_counter()
        self.loss = self.accuracy = None

    def __call__(self, step, loss, accuracy):
        """Take in one step, and show it where it is time to."""
        self.log.append((step, loss, accuracy))
        past = 0.95 if self.loss is not None else 0.0
        self.loss = past * (self.loss or 0.0) + (1 - past) * loss
        self.accuracy = past * (self.accuracy or 0.0) + (1 - past) * accuracy
        now, last = time.perf_counter(), step == self.steps
        if self.terminal and (last or now - self.shown > 0.1):
            self.shown = now
            self.stream.write("\r" + self.line(step, now) + ("\n" if last else ""))
        elif not self.terminal and 10 * step // self.steps > 10 * (step - 1) // self.steps:
            self.stream.write(self.line(step, now) + "\n")
        self.stream.flush()

    def line(self, step, now):
        """One line of state, with running means over about twenty steps."""
        rate = step / max(now - self.start, 1e-9)
        state = f"loss {self.loss:6.4f}  accuracy {self.accuracy:6.1%}"
        left = f"{(self.steps - step) / rate:4.0f} s left"
        count = f"{step:>{len(str(self.steps))}}/{self.steps}"
        if not self.terminal:
            return f"{self.title:<16} step {count}  {state}  {rate:5.0f} steps/s  {left}"
        # One column short of the terminal, as a line that is too long cannot be overwritten.
        room = (shutil.get_terminal_size().columns or 80) - 1
        start, end = f"{self.title:<16}", f" {count}  {state}  {left}"
        size = min(room - len(start + end) - 2, 20)
        done = size * step // self.steps
        bar = f"[{'#' * done}{'.' * (size - done)}]" if size > 2 else ""
        return f"{start}{bar}{end}"[:room].ljust(room)
