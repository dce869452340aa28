"""Draw every picture of the README again, from fixed seeds: `make figures`.

Trains the model of the demo (about half a minute), asks it two questions about handwriting that it
has not seen, and writes `attention.png` beside this file.
"""

from pathlib import Path

from minixattn import demo
from minixattn.data.digits import Pages
from minixattn.nn import CrossAttention
from minixattn.progress import Progress

HERE = Path(__file__).parent


def main(steps=demo.STEPS, seed=0):
    """Train, answer, draw."""
    pages, unseen = Pages("train"), Pages("test")
    model = demo.build(CrossAttention, pages, seed, "cpu")
    demo.fit(model, pages, Progress("cross-attention", steps), seed, "cpu")
    batch = unseen.test_set(2, seed=seed + 1)
    logits, looks = demo.answer(model, batch, "cpu")
    figure = demo.attention_figure(unseen, batch, logits, looks)
    figure.savefig(HERE / "attention.png", dpi=90)


if __name__ == "__main__":
    main()
