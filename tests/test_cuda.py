"""What lessons ask and set before they begin."""

import minixattn as mx


def test_there_are_as_many_gpus_as_can_be_used(device):
    assert mx.cuda.device_count() == int(mx.cuda.is_available())
    if device == "cuda":
        assert mx.cuda.device_count() == 1
        mx.cuda.synchronize()


def test_the_seed_can_be_set_here_too():
    mx.cuda.manual_seed_all(3)
    first = mx.rand(2).tolist()
    mx.manual_seed(3)
    assert mx.rand(2).tolist() == first


def test_the_lines_that_lessons_begin_with_run():
    mx.backends.cudnn.deterministic = True
    mx.backends.cudnn.benchmark = False
    device = mx.device("cuda" if mx.cuda.is_available() else "cpu")
    assert not mx.backends.mps.is_available() and mx.zeros(1, device=device).sum().item() == 0
