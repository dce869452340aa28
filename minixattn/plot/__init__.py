"""Pictures of attention. Arrays go in, matplotlib axes come out; needs the extra `plot`.

- `overlay`: attention weights drawn over the image that they look at
- `mask`: which query may look at which key
- `curves`: loss and accuracy against training steps
"""

from .curves import curves
from .mask import mask
from .overlay import overlay

__all__ = ["curves", "mask", "overlay"]
