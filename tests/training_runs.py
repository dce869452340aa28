"""A training small enough to be run, killed and continued many times.

`python training_runs.py FOLDER [PAUSE]` is one of them: it begins, or goes on, in a folder.
"""

import sys
import time

import numpy as np

import minixattn as mx
from minixattn.data.task import Task
from minixattn.nn import Dropout, Linear, Module
from minixattn.nn.functional import mse_loss
from minixattn.optim import AdamW
from minixattn.optim.lr_scheduler import OneCycleLR
from minixattn.trainer import Trainer

STEPS = 120


class Squares(Task):
    """Inputs (B, 4), and the squares of the first two."""

    def draw(self, rng, size):
        x = rng.standard_normal((size, 4), np.float32)
        return x, x[:, :2] ** 2

    def describe(self):
        return "squares"


class Small(Module):
    """Two layers with dropout between, so that chance has a part in every step."""

    def __init__(self, width=8):
        super().__init__()
        self.first, self.drop, self.last = Linear(4, width), Dropout(0.2), Linear(width, 2)

    def forward(self, x):
        return self.last(self.drop(self.first(x).tanh()))


def loss_of(model, batch):
    x, y = (mx.as_tensor(part, device=model.last.bias.device) for part in batch)
    loss = mse_loss(model(x), y)
    return loss, 1 / (1 + loss.item())


def judge(model):
    x, y = Squares("test").test_set(50)
    device = model.last.bias.device
    with mx.no_grad():
        loss = mse_loss(model(mx.as_tensor(x, device=device)), mx.as_tensor(y, device=device))
    return {"loss": loss.item()}


def made(folder=None, steps=STEPS, width=8, seed=0, device="cpu", schedule=True, **options):
    """A Trainer at its beginning."""
    mx.manual_seed(3)
    model = Small(width).to(device)
    optimizer = AdamW(model.parameters(), lr=0.01)
    cycle = OneCycleLR(optimizer, 0.01, total_steps=steps, cycle_momentum=False)
    given = {"size": 16, "save_every": 5, "evaluate": judge, "evaluate_every": 40, **options}
    return Trainer(model, Squares(), loss_of, optimizer, cycle if schedule else None, steps=steps,
                   seed=seed, folder=folder, **given)  # fmt: skip


def state_of(trainer):
    """All numbers of a trainer that shall be the same."""
    return {
        **{name: x.cpu().numpy().copy() for name, x in trainer.model.state_dict().items()},
        **{
            f"{i} {name}": np.array(x.cpu().numpy())
            for i, held in trainer.optimizer.state_dict()["state"].items()
            for name, x in held.items()
        },
        "chance": np.array(str(trainer.rng.bit_generator.state)),
    }


def assert_same(one, other):
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


if __name__ == "__main__":
    folder, pause = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    made(folder, callbacks=[lambda _trainer: time.sleep(pause)]).run(resume=True)
