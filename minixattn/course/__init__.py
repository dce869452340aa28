"""What the lessons of `tutorials/` use: source shown where it stands, errors shown by causing them.

    show(F.scaled_dot_product_attention)       # prints the source
    refusal(lambda: mx.ones(2, 3) @ mx.ones(2, 3))     # prints the error
"""

from .showing import refusal, show

__all__ = ["refusal", "show"]
