"""What CuPy has of NumPy, as far as the stand-in for it goes."""

UFUNCS = set(
    """add subtract multiply true_divide divide floor_divide negative positive power remainder mod
    fmod absolute abs fabs rint sign exp exp2 expm1 log log2 log10 log1p sqrt square cbrt reciprocal
    sin cos tan arcsin arccos arctan arctan2 hypot sinh cosh tanh arcsinh arccosh arctanh maximum
    minimum fmax fmin greater greater_equal less less_equal equal not_equal logical_and logical_or
    logical_xor logical_not bitwise_and bitwise_or bitwise_xor invert bitwise_not left_shift
    right_shift isfinite isinf isnan signbit copysign nextafter ldexp frexp floor ceil trunc matmul
    logaddexp logaddexp2 conjugate divmod""".split()
)

FUNCTIONS = set(
    """all allclose amax amin any append argmax argmin argpartition argsort argwhere around
    array_equal array_split atleast_1d atleast_2d average bincount broadcast_arrays broadcast_to
    clip column_stack concatenate copyto count_nonzero cov cumprod cumsum diag diagonal diff dot
    dstack einsum empty_like expand_dims flip fliplr flipud full_like histogram hstack inner isclose
    kron max mean median min moveaxis nan_to_num nanmax nanmean nanmin nansum ndim nonzero ones_like
    outer pad partition percentile prod ptp quantile ravel repeat reshape result_type roll rollaxis
    rot90 round searchsorted shape size sort split squeeze stack std sum swapaxes take
    take_along_axis tensordot tile trace transpose tril tril_indices triu triu_indices unique var
    vdot vstack where zeros_like""".split()
)

METHODS = set(
    """all any argmax argmin argsort astype clip copy cumprod cumsum diagonal dot flatten max mean
    min nonzero prod ravel repeat reshape round squeeze std sum swapaxes take trace transpose
    var view""".split()
)

# What gives a result of a size that only the GPU knows, so that the host has to wait for it.
WAITING = set("nonzero argwhere unique bincount histogram".split())
