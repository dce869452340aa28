"""What hypothesis draws from: shapes with sizes 0 and 1, shapes that broadcast, indices, arrays."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
filled = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)
numbers = st.floats(-4, 4, width=32).map(lambda v: round(v, 3))


def arrays(shape=shapes):
    """float64 arrays of numbers that are neither tiny nor huge."""
    return hnp.arrays(np.float64, shape, elements=numbers)


pairs = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3).map(
    lambda found: found.input_shapes
)


@st.composite
def broadcasting_arrays(draw):
    """Two arrays whose shapes broadcast."""
    return [draw(arrays(shape)) for shape in draw(pairs)]


@st.composite
def reductions(draw):
    """An array, dimensions of it in one of the forms that are accepted, and keepdim."""
    array = draw(arrays(filled))
    n = array.ndim
    one = st.integers(-n, n - 1)
    several = st.lists(one, min_size=1, max_size=n, unique_by=lambda d: d % n).map(tuple)
    return array, draw(st.one_of(st.none(), one, several)), draw(st.booleans())


@st.composite
def indexed(draw):
    """An array and an index of it that PyTorch and NumPy read alike."""
    array = draw(arrays(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)))
    basic = hnp.basic_indices(array.shape, allow_newaxis=True, allow_ellipsis=True)
    repeats = hnp.integer_array_indices(
        array.shape, result_shape=hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3)
    )
    masks = hnp.arrays(bool, array.shape) | hnp.arrays(bool, array.shape[:1])
    key = draw(st.one_of(basic, repeats, masks))
    if isinstance(key, tuple) and any(isinstance(k, slice) and (k.step or 1) < 0 for k in key):
        key = tuple(k for k in key if not isinstance(k, slice))
    return array, key
