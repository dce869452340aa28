"""Models that made cross-attention matter, each file beside its paper's symbols."""

from .visual_qa import MeanPooling, VisualQA

__all__ = ["MeanPooling", "VisualQA"]
