"""What a prediction rests on: from the plain attention weights to taking the input away.

| method                    | equation                           | needs             |
|---------------------------|------------------------------------|-------------------|
| `one_head`                | A_h                                | weights           |
| `head_mean`               | Ā = 1/h Σ_h A_h                    | weights           |
| `rollout`                 | ½(Ā_n + I) ⋯ ½(Ā_1 + I)            | weights           |
| `rollout_encoder_decoder` | the same through cross-attention   | weights           |
| `gradient_attention`      | 1/h Σ_h (∇A_h ⊙ A_h)⁺              | weights, gradient |
| `chefer`                  | R ← R + Ā R, layer by layer        | weights, gradient |
| `occlusion`               | f(c) − f(c without s)              | the model itself  |

Each row of a result belongs to a query, each column to a key, as in the weights. `from_trace` reads
weights and gradients out of a `minixattn.trace`; `pointing_accuracy` and `mass_on_truth` say how
well a method finds what is known to matter.
"""

from .arrays import from_trace
from .maps import gradient_attention, head_mean, one_head, rollout, rollout_encoder_decoder
from .occlude import occlusion
from .relevance import chefer
from .score import mass_on_truth, pointing_accuracy

__all__ = [
    "one_head", "head_mean", "rollout", "rollout_encoder_decoder", "gradient_attention", "chefer",
    "occlusion", "pointing_accuracy", "mass_on_truth", "from_trace",
]  # fmt: skip
