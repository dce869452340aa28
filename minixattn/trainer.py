"""A training that keeps a record, judges itself, and can be stopped and continued at any moment.

    task, unseen = mx.data.Copy("train"), mx.data.Copy("test")
    model = mx.models.Transformer(32, 32)
    optimizer = mx.optim.AdamW(model.parameters(), lr=3e-3)
    trainer = mx.Trainer(model, task, loss_of, optimizer, steps=500, folder="copy-run")
    trainer.run(resume=True)

A step depends on the weights, the optimizer, the schedule and the random numbers alone. All of that
is in a checkpoint, so a run that was killed and is continued ends with the very weights of one that
was not: on the CPU bit for bit. Where a batch comes from is in it too, as tasks draw their batches
from a random generator and remember nothing (`data/task.py`).

Read before: `training.py`, which is one step; `checkpoints.py`.
"""

import itertools
from contextlib import suppress
from pathlib import Path

import numpy as np

from . import backend
from .checkpoints import Checkpoints
from .metrics_log import MetricsLog
from .parallel.ranks import ALONE
from .parallel.sharing import Sharing
from .threads import TRAINING, blas_threads
from .training import Diverged, Snapshot, update


class Trainer:
    """Minimise a loss over the batches of a task.

    Parameters
    ----------
    model : Module
    task : has `batches(rng, size)`, such as `data.Dates("train")`
    loss_of : function (model, batch) -> (loss, metric): a scalar Tensor, and a number or None
    optimizer, schedule : from `minixattn.optim`; the schedule steps after every step
    steps : how many to take
    size : B, examples in a batch
    seed : of the batches, and of dropout and the like
    max_norm : largest norm of all gradients together
    accumulate : n, how many batches make one step; their gradients are averaged
    evaluate : function (model) -> dict of numbers, measured on data that is held out
    evaluate_every : after how many steps; 0 for never
    patience : stop when `watch` has not become better in so many evaluations; None for never
    watch : which number of `evaluate`; the smaller the better if its name ends in "loss"
    callbacks : functions (trainer), called after every step in turn. One with `state_dict` and
        `load_state_dict` has its state kept in the checkpoints; one with `finish` has
        `finish(trainer)` called at the end
    folder : where checkpoints and `metrics.csv` go; None for nowhere
    save_every : steps between checkpoints; a twentieth of all where None
    report : function (step, loss, metric), such as `Progress`
    measure : what the metric is called in `metrics.csv`; None where there is none
    about : dict of anything else that a run to be continued must have in common with this one
    comm : the processes that train together, each with `size` examples of every batch; the first
        one reports and writes. See `parallel/sharing.py`

    Attributes
    ----------
    step : steps made so far; loss, metric : those of the last one
    scores : the last result of `evaluate`; history : [(step, scores), …]
    best, stale : the best value of `watch`, and how many evaluations ago it was
    """

    def __init__(self, model, task, loss_of, optimizer, schedule=None, *, steps, size=64, seed=0,
                 max_norm=1.0, accumulate=1, evaluate=None, evaluate_every=0, patience=None,
                 watch="loss", callbacks=(), folder=None, save_every=None, report=None,
                 measure="accuracy", about=None, comm=ALONE):  # fmt: skip
        counts = {"steps": steps, "size": size, "accumulate": accumulate}
        given = {"patience": patience, "save_every": save_every}
        check_counts(counts | {name: n for name, n in given.items() if n is not None})
        if patience is not None and not (evaluate and evaluate_every):
            raise ValueError(
                "patience counts evaluations, and there are none: give evaluate and evaluate_every."
            )
        self.model, self.task, self.loss_of = model, task, loss_of
        self.optimizer, self.schedule, self.steps, self.size = optimizer, schedule, steps, size
        self.seed, self.max_norm, self.accumulate = seed, max_norm, accumulate
        self.evaluate, self.evaluate_every = evaluate, evaluate_every
        self.patience, self.watch, self.callbacks = patience, watch, tuple(callbacks)
        self.report, self.save_every = report, save_every or max(1, steps // 20)
        self.about = {"steps": steps, "size": size, "seed": seed, "accumulate": accumulate,
                      "max_norm": max_norm, "kind of model": type(model).__name__,
                      "optimizer": type(optimizer).__name__,
                      "schedule": None if schedule is None else type(schedule).__name__,
                      "dtype": str(next(model.parameters()).dtype), **(about or {})}  # fmt: skip
        self.sharing = Sharing(comm)
        if comm.size > 1:
            self.about["processes"] = comm.size
        self.checkpoints = None if folder is None else Checkpoints(folder)
        writes = folder is not None and self.sharing.first
        self.log = MetricsLog(Path(folder) / "metrics.csv" if writes else None, measure)
        self.step, self.loss, self.metric = 0, None, None
        self.scores, self.history, self.best, self.stale = {}, [], None, 0
        self.rng = np.random.default_rng(seed)

    def run(self, resume=False):
        """Train to the end, or until patience is at its own.

        Parameters
        ----------
        resume : go on from the newest checkpoint in the folder, if there is one

        Returns
        -------
        the Trainer

        Raises
        ------
        Diverged
            When a loss or gradient is not finite; see `train`.
        FileExistsError
            If the folder has checkpoints of an earlier run, and `resume` is not asked for.
        ValueError
            If the checkpoint is of another model or run, saying what differs.
        OSError
            If a checkpoint cannot be written, naming the last good one.
        """
        backend.manual_seed(self.seed)
        if resume:
            self.restore()
        elif self.checkpoints is not None:
            self.check_new()
        self.log.begin(self.step)
        if self.sharing.comm.rank:
            self.renew_chance()  # dropout and noise differ from those of the other processes
        good = Snapshot(self.model)
        self.model.train()
        try:
            with blas_threads(TRAINING):
                self.loop(good)
        except (Diverged, KeyboardInterrupt):
            good.restore()
            raise
        finally:
            self.model.eval()
            with suppress(OSError):  # the error that matters is on its way already
                self.log.flush()
        for callback in self.callbacks:
            getattr(callback, "finish", nothing)(self)
        return self

    def loop(self, good):
        """Step after step."""
        ranks = self.sharing.comm.size
        batches = self.task.batches(self.rng, self.size * ranks)
        while self.step < self.steps and not self.tired():
            taken = list(itertools.islice(batches, self.accumulate))
            if len(taken) < self.accumulate:
                raise ValueError(
                    f"the batches ran out at step {self.step + 1} of {self.steps}: batches(rng, "
                    f"size) must go on without end, as those of a data.Task do."
                )
            taken = [self.sharing.share_of(batch, self.size) for batch in taken]
            self.loss, self.metric = update(
                self.model, taken, self.loss_of, self.optimizer, self.schedule, good,
                self.step + 1, self.max_norm, self.sharing.average,
            )  # fmt: skip
            self.step += 1
            self.after_step()

    def after_step(self):
        """Callbacks, evaluation, the record, and a checkpoint where it is time for one."""
        for callback in self.callbacks:
            callback(self)
        last = self.step == self.steps
        judged = bool(self.evaluate_every) and (self.step % self.evaluate_every == 0 or last)
        if judged and self.evaluate is not None:
            self.judge()
        self.log.add(self.step, self.loss, self.metric, self.scores if judged else {})
        if self.report is not None and self.sharing.first:
            self.report(self.step, self.loss, self.metric)
        if self.step % self.save_every == 0 or last or self.tired():
            self.save()

    def judge(self):
        """Evaluate, and remember whether it has become better."""
        self.model.eval()
        self.scores = dict(self.evaluate(self.model))
        self.model.train()
        self.history.append((self.step, self.scores))
        if self.patience is None:
            return
        if self.watch not in self.scores:
            raise ValueError(
                f"watch={self.watch!r} is not among what evaluate gives: {', '.join(self.scores)}."
            )
        value = self.scores[self.watch]
        gain = 0 if self.best is None else value - self.best
        better = self.best is None or (gain < 0 if self.watch.endswith("loss") else gain > 0)
        self.best, self.stale = (value, 0) if better else (self.best, self.stale + 1)

    def tired(self):
        """Whether patience is at its end."""
        return self.patience is not None and self.stale >= self.patience

    # Stopping and going on -----------------------------------------------------------------------

    def save(self):
        """Write a checkpoint, after the record that leads up to it."""
        self.sharing.check_alike(self.model.parameters())
        if self.checkpoints is not None and self.sharing.first:
            try:
                self.log.flush()
            except OSError as error:
                raise self.checkpoints.lost(self.step, error) from error
            self.checkpoints.save(self.step, self.state_dict())
        self.renew_chance()

    def state_dict(self):
        """All that the next step depends on."""
        return {
            "about": self.about,
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "batches": self.rng.bit_generator.state,
            "chance": backend.generator("cpu").bit_generator.state,
            "callbacks": [c.state_dict() for c in self.callbacks if hasattr(c, "state_dict")],
            "judged": [self.scores, self.history, self.best, self.stale],
        }

    def load_state_dict(self, state):
        """Continue from what `state_dict` gave."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        self.step = state["step"]
        self.rng.bit_generator.state = state["batches"]
        backend.generator("cpu").bit_generator.state = state["chance"]
        kept = [c for c in self.callbacks if hasattr(c, "state_dict")]
        for callback, held in zip(kept, state["callbacks"]):
            callback.load_state_dict(held)
        self.scores, self.history, self.best, self.stale = state["judged"]
        self.renew_chance()

    def renew_chance(self):
        """Start random numbers anew from the seed and the step, after every checkpoint.

        Those of a GPU, as CuPy's generators do not give their state away; and where several
        processes train together, as a checkpoint has the state of the first one alone. So a run
        that goes on and one that is continued from here draw the same.
        """
        rank, state = self.sharing.comm.rank, backend.generator("cpu").bit_generator.state
        if next(self.model.parameters()).device == "cuda" or rank:
            backend.manual_seed(self.seed + 1_000_003 * self.step + 7_919 * rank)
        if not rank:
            backend.generator("cpu").bit_generator.state = state

    def restore(self):
        """Go back to the newest checkpoint, if there is one; an error says what does not fit."""
        found = None if self.checkpoints is None else self.checkpoints.latest()
        if found is None:
            return
        step, state = found
        self.check_same(state["about"], self.about)
        try:
            self.load_state_dict(state)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"cannot go on from step {step} in {self.checkpoints.folder}: "
                             f"{error}") from None  # fmt: skip

    def check_same(self, held, own):
        """Raise ValueError unless the run in the folder is this one, saying what differs."""
        different = [
            f"{name} was {held.get(name)!r}, now it is {own.get(name)!r}"
            for name in {**held, **own} if held.get(name) != own.get(name)
        ]  # fmt: skip
        if different:
            raise ValueError(
                f"cannot go on with the run in {self.checkpoints.folder}: {'; '.join(different)}. "
                f"Continue with what it began with, or give another folder."
            )

    def check_new(self):
        """Raise FileExistsError where another run's checkpoints would be overwritten."""
        files = self.checkpoints.files()
        if files:
            raise FileExistsError(
                f"{self.checkpoints.folder} holds a run that has come to step {max(files)}. "
                f"Continue it with resume=True (--resume), or give another folder."
            )


def nothing(_trainer):
    """What a callback without `finish` does at the end."""


def check_counts(counts):
    """Raise ValueError unless all are whole numbers from 1 up."""
    for name, n in counts.items():
        if not isinstance(n, int) or isinstance(n, bool) or n < 1:
            raise ValueError(f"{name} must be a whole number from 1 up, got {n!r}.")
