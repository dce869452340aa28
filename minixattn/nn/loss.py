"""Losses as modules: see `nn.functional` for what each computes and raises."""

from . import functional as F
from .module import Module


class Loss(Module):
    """What they share: the way to one number, and a weight that moves with the module."""

    def __init__(self, weight=None, reduction="mean"):
        super().__init__()
        self.register_buffer("weight", weight)
        self.reduction = reduction


class CrossEntropyLoss(Loss):
    """ℓ = −w_y ln softmax(x)_y; see `functional.cross_entropy`.

    Parameters
    ----------
    weight : (C,), one factor a class, or None
    ignore_index : a class that does not count
    reduction : "mean", "sum" or "none"
    label_smoothing : ε
    """

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__(weight, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input, target):
        """Scores (N, C, …) and classes (N, …) or probabilities (N, C, …) → ()."""
        return F.cross_entropy(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip


class NLLLoss(Loss):
    """ℓ = −w_y x_y for log probabilities x; see `functional.nll_loss`."""

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean"):
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        """Log probabilities (N, C, …) and classes (N, …) → ()."""
        return F.nll_loss(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class MSELoss(Module):
    """ℓ = (x − t)²; see `functional.mse_loss`."""

    def __init__(self, *, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, input, target):
        """Two tensors of one shape → ()."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Module):
    """ℓ = |x − t|; see `functional.l1_loss`."""

    def __init__(self, *, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, input, target):
        """Two tensors of one shape → ()."""
        return F.l1_loss(input, target, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """ℓ = −w (p t ln σ(x) + (1 − t) ln(1 − σ(x))); see `binary_cross_entropy_with_logits`."""

    def __init__(self, weight=None, *, reduction="mean", pos_weight=None):
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        """Two tensors of one shape → ()."""
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class BCELoss(Loss):
    """ℓ = −w (t ln x + (1 − t) ln(1 − x)); see `functional.binary_cross_entropy`."""

    def __init__(self, weight=None, *, reduction="mean"):
        super().__init__(weight, reduction)

    def forward(self, input, target):
        """Two tensors of one shape → ()."""
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class KLDivLoss(Module):
    """ℓ = t (ln t − x) for log probabilities x; see `functional.kl_div`."""

    def __init__(self, *, reduction="mean", log_target=False):
        super().__init__()
        self.reduction, self.log_target = reduction, log_target

    def forward(self, input, target):
        """Log probabilities and probabilities of one shape → ()."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class SmoothL1Loss(Module):
    """ℓ = d² / 2β where |d| < β, else |d| − β/2; see `functional.smooth_l1_loss`."""

    def __init__(self, *, reduction="mean", beta=1.0):
        super().__init__()
        self.reduction, self.beta = reduction, beta

    def forward(self, input, target):
        """Two tensors of one shape → ()."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class CosineSimilarity(Module):
    """y = x₁·x₂ / (‖x₁‖ ‖x₂‖) along `dim`; see `functional.cosine_similarity`."""

    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1, x2):
        """Two tensors that broadcast → the same without `dim`."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
