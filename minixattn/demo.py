"""The main job: answer questions about pages of real handwriting, and show where the model looks.

Two models are trained, alike but for one layer: in the first the words of the question attend to
the patches of the page, in the second every patch counts the same. Both are then asked about
handwriting that neither has seen.
"""

import tempfile
import time
from pathlib import Path

from . import backend, creation
from .data.digits import Pages
from .data.questions import ANSWERS
from .engine import no_grad
from .errors import missing_extra
from .models import MeanPooling, VisualQA
from .nn import CrossAttention
from .nn.functional import cross_entropy
from .progress import Progress
from .serialization import save
from .threads import TRAINING, blas_threads
from .training import Diverged, adamw, one_cycle, train

LOOKS = {"cross-attention": CrossAttention, "mean pooling": MeanPooling}
FILES = ("attention.png", "curves.png", "weights.safetensors")
STEPS, BATCH, LEARNING_RATE = 2500, 64, 2e-3
TEST_QUESTIONS, SHOWN = 2000, 6


def run(out, steps=STEPS, seed=0, device="cpu"):
    """Train both models, compare them, answer some questions, and write everything to `out`.

    Parameters
    ----------
    out : folder for `attention.png`, `curves.png` and `weights.safetensors`
    steps : training steps of each model
    seed : start of all random numbers
    device : "cpu" or "cuda"

    Returns
    -------
    0 when done, 130 after Ctrl-C, 1 when a loss is no longer a number; in the last two cases
    the weights of the model with attention are saved all the same
    """
    start = time.perf_counter()
    backend.library(device)
    out = prepared(out)
    weights = out / "weights.safetensors"
    pages, unseen = Pages("train"), Pages("test")
    print(pages.describe())
    print(f"\nTraining on {device}, {steps} steps of {BATCH} questions for each of two models:")
    models, logs = {}, {}
    for title, look in LOOKS.items():
        model, progress = build(look, pages, seed, device), Progress(title, steps)
        status = attempt(model, pages, progress, seed, device)
        models[title], logs[title] = model, progress.log
        if look is CrossAttention:
            save(model, weights, {"training": f"{len(progress.log)} steps, seed {seed}"})
        if status:
            break
    else:
        status = show(out, models, logs, unseen, seed, device)
    if status:
        print(f"The weights of the model with attention are in {weights}")
    else:
        print(f"Done in {time.perf_counter() - start:.0f} s.")
    return status


def show(out, models, logs, unseen, seed, device):
    """Compare the trained models, let the first answer, draw; 0, or 130 after Ctrl-C."""
    try:
        compare(models, unseen, device)
        shown = unseen.test_set(SHOWN, seed=seed + 1)
        logits, looks = answer(models["cross-attention"], shown, device)
        report(unseen, shown, logits, looks)
        draw(out, unseen, shown, logits, looks, logs)
    except KeyboardInterrupt:
        print("\nStopped after the training.")
        return 130
    print(f"\nIn {out}: {', '.join(FILES)}")
    return 0


def prepared(out):
    """The output folder, made and found writable before any work is done; extras as well."""
    for package, extra, purpose in (
        ("sklearn", "data", "reading the handwritten digits"),
        ("matplotlib", "plot", "drawing the pictures"),
        ("safetensors", "interop", "saving the weights"),
    ):
        try:
            __import__(package)
        except ImportError:
            name = {"sklearn": "scikit-learn"}.get(package, package)
            raise missing_extra(name, extra, purpose) from None
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        reason = "that is a file" if out.is_file() else error.strerror or error
        raise OSError(
            f"cannot write to the output folder {out}: {reason}. Choose another one with "
            f"--out FOLDER."
        ) from None
    for name in FILES:
        if (out / name).is_dir():
            raise OSError(f"cannot write {out / name}: that is a folder. Move it away.")
    return out


def build(look, pages, seed, device):
    """A model whose words see the patches through the layer `look`."""
    backend.manual_seed(seed)
    model = VisualQA(len(pages.vocabulary), pages.words, len(ANSWERS), look=look)
    return model.to(device)


def attempt(model, pages, progress, seed, device):
    """`fit`, and how it ended as an exit status: 0, 130 after Ctrl-C, 1 where it diverged."""
    try:
        fit(model, pages, progress, seed, device)
    except KeyboardInterrupt:
        print(f"\nStopped {progress.title} at step {len(progress.log)} of {progress.steps}.")
        return 130
    except Diverged as error:
        print(f"\n{progress.title}: {error}")
        return 1
    return 0


def fit(model, pages, progress, seed, device):
    """Train `model` on pages of the training handwriting."""
    optimizer = adamw(model, LEARNING_RATE)
    schedule = one_cycle(optimizer, LEARNING_RATE, progress.steps)

    def loss_of(model, batch):
        pages, questions, mask, answers = tensors(batch, device)
        logits, _ = model(pages, questions, mask)
        right = (logits.argmax(-1) == answers).float().mean()
        return cross_entropy(logits, answers), right.item()

    batches = pages.batches(seed, BATCH)
    with blas_threads(TRAINING):
        train(model, batches, loss_of, optimizer, schedule, steps=progress.steps, report=progress)


def tensors(batch, device):
    """The parts of a batch that the model and the loss need, on the device."""
    parts = (batch.pages, batch.questions, batch.mask, batch.answers)
    return [creation.as_tensor(part, device=device) for part in parts]


def answer(model, batch, device):
    """Logits (B, answers) and attention weights (B, h, words, 9) as arrays."""
    with no_grad():
        logits, weights = model(*tensors(batch, device)[:3])
    return logits.cpu().numpy(), weights[-1].cpu().numpy()


def compare(models, unseen, device):
    """Print each model's share of right answers on unseen handwriting, by kind of question."""
    batch = unseen.test_set(TEST_QUESTIONS)
    names = [kind.name for kind in unseen.kinds]
    print(f"\nRight answers to {TEST_QUESTIONS} questions about handwriting never seen before:")
    print(" " * 18 + "".join(f"{name:>10}" for name in names))
    for title, model in models.items():
        logits, _ = answer(model, batch, device)
        right = logits.argmax(1) == batch.answers
        shares = [right[batch.kinds == k].mean() for k in range(len(names))]
        print(f"  {title:<16}" + "".join(f"{share:>10.1%}" for share in shares))


def report(pages, batch, logits, looks):
    """Print some questions with the answer, the truth, and how many heads found the patch."""
    heads = looks.shape[1]
    print(f"\nSome of them, and how many of {heads} heads look mostly at the patch asked about:")
    for i, ids in enumerate(batch.questions):
        words = pages.decode(ids)
        given, truth = (pages.decode_answer(a) for a in (logits[i].argmax(), batch.answers[i]))
        share = looks[i, :, : len(words), batch.target[i]].mean(1)  # (h,)
        verdict = "right" if given == truth else f"wrong, it is {truth}"
        found = f"{(share > 0.5).sum()} heads"
        print(f"  {' '.join(words) + '?':<32} {given:<14} {verdict:<24} {found}")


def draw(out, pages, batch, logits, looks, logs):
    """Write attention.png and curves.png."""
    from matplotlib.figure import Figure

    from .plot import curves

    attention_figure(pages, batch, logits, looks).savefig(out / "attention.png", dpi=150)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    loss, accuracy = curves(logs, ax=figure.subplots(1, 2))
    loss.set_ylabel("cross-entropy (nats)")
    accuracy.set_ylabel("accuracy on the training batch")
    figure.savefig(out / "curves.png", dpi=150)


def attention_figure(pages, batch, logits, looks):
    """The first two questions of a batch: the page, the answer, and where each head looks."""
    from matplotlib.figure import Figure  # not pyplot's, which may need a screen

    from .plot.answers import answers_figure

    rows = [
        {
            "page": batch.pages[i],
            "words": pages.decode(batch.questions[i]),
            "weights": looks[i],
            "answer": pages.decode_answer(logits[i].argmax()),
            "truth": pages.decode_answer(batch.answers[i]),
            "target": batch.target[i],
        }
        for i in range(2)
    ]
    return answers_figure(rows, Figure())
