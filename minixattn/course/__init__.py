"""What the lessons of `tutorials/` use: answers marked, source shown, errors shown by causing them.

    check("attention.scores", scores)          # right, or which mistake it is
    show(F.scaled_dot_product_attention)       # prints the source
    refusal(lambda: mx.ones(2, 3) @ mx.ones(2, 3))     # prints the error
"""

from .checking import check, grade
from .showing import refusal, show

__all__ = ["check", "grade", "refusal", "show"]
