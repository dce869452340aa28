"""The race on a GPU, as far as the stand-in for CuPy goes."""

import json
from types import SimpleNamespace

import pytest

import benchmarks.gpu as gpu


@pytest.fixture
def pretended(stand_in, monkeypatch, tmp_path):
    """What the race asks CuPy and the driver about the GPU."""
    monkeypatch.setattr(gpu, "PROBE", 16)
    monkeypatch.setattr(gpu, "DRIVER", tmp_path / "version")
    gpu.DRIVER.write_text("NVRM version: NVIDIA Kernel Module  580.1\nGCC version: 13\n")
    stand_in.cuda.get_current_stream = lambda: SimpleNamespace(synchronize=lambda: None)
    stand_in.cuda.runtime = SimpleNamespace(
        getDeviceProperties=lambda _: {"name": b"Pretended GPU"},
        driverGetVersion=lambda: 13000, runtimeGetVersion=lambda: 12090,
    )  # fmt: skip


@pytest.mark.parametrize("mixed", [False, True])
def test_our_layers_run_and_the_results_name_the_gpu(pretended, tmp_path, mixed):
    gpu.main(["--sizes", "2x3x5x8x2", "--rounds", "1", "--out", str(tmp_path),
              *["--mixed"] * mixed])  # fmt: skip
    results = json.loads((tmp_path / "gpu-Pretended-GPU.json").read_text())
    assert results["machine"]["gpu"] == "Pretended GPU"
    assert results["machine"]["driver"] == "NVIDIA Kernel Module  580.1"
    assert results["machine"]["driver's cuda"] == 13000
    found = results["float16" if mixed else "float32"]["2x3x5x8x2"]
    assert set(found) == {*gpu.OURS, *gpu.TORCHS, "jax", "floor of float32"}
    assert found["floor of float32"] > 0
    for peer in gpu.OURS:
        assert found[peer] > 0


def test_another_run_joins_the_results(pretended, tmp_path):
    for size in ("2x3x5x8x2", "1x2x3x4x1"):
        gpu.main(["--sizes", size, "--rounds", "1", "--out", str(tmp_path)])
    results = json.loads((tmp_path / "gpu-Pretended-GPU.json").read_text())
    assert set(results["float32"]) == {"2x3x5x8x2", "1x2x3x4x1"}
