"""What lessons ask or set before they begin; none of it changes anything here.

NumPy and CuPy give the same numbers every time as they are, and there is no other GPU.
"""

from types import SimpleNamespace

cudnn = SimpleNamespace(enabled=False, deterministic=True, benchmark=False)
mps = SimpleNamespace(is_available=lambda: False, is_built=lambda: False)
