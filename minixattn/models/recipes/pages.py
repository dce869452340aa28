"""Questions about pages of handwriting."""

from ...creation import as_tensor
from ...data.digits import ANSWERS, Pages
from ...engine import no_grad
from ...nn import CrossAttention
from ...nn.functional import cross_entropy
from ..visual_qa import MeanPooling, VisualQA
from .recipe import TRAINING, Recipe

LOOKS = {"attention": CrossAttention, "pooling": MeanPooling}


def answer_loss(model, batch):
    """Cross-entropy of the answers to questions about pages, and the share of right ones."""
    logits, answers = answered(model, batch)
    right = (logits.argmax(-1) == answers).float().mean().item()
    return cross_entropy(logits, answers), right


def answered(model, batch):
    """Logits (B, answers) of a batch of `Pages`, and the true answers."""
    place = {"device": model.position.device}
    pages = as_tensor(batch.pages, dtype=model.position.dtype, **place)
    questions, mask, answers = (
        as_tensor(part, **place) for part in (batch.questions, batch.mask, batch.answers)
    )
    return model(pages, questions, mask)[0], answers


@no_grad()
def answer_score(model, task, examples):
    """{"accuracy": share of right answers, and for each kind of question}."""
    kinds = len(task.kinds)
    batch = task.test_set(-(-examples // kinds) * kinds)
    logits, answers = answered(model, batch)
    right = (logits.argmax(-1) == answers).cpu().numpy()
    shares = {kind.name: float(right[k::kinds].mean()) for k, kind in enumerate(task.kinds)}
    return {"accuracy": float(right.mean()), **shares}


def visual_qa(task, s):
    """A VisualQA model for a task's words."""
    return VisualQA(
        len(task.vocabulary), task.words, len(ANSWERS), width=s["width"], heads=s["heads"],
        look=LOOKS[s["look"]],
    )  # fmt: skip


VQA = Recipe(
    "questions about pages of handwriting: where is the 7?", "accuracy",
    lambda split, _s: Pages(split), visual_qa, answer_loss, answer_score,
    {**TRAINING, "rate": 2e-3, "warmup": 0.1, "beta2": 0.999,
     "look": "attention", "width": 64, "heads": 8},
    {"look": LOOKS}, {"mean pooling": {"look": "pooling"}},
)  # fmt: skip
