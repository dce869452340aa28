"""The weights in the package are those that were measured, and still score what they claim."""

import json
import re
import shutil

import numpy as np
import pytest
from helpers import assert_close, values

import minixattn as mx
from minixattn.data.vocabulary import Characters, Words
from minixattn.models import PostNorm, Transformer, load_pretrained, pretrained, translate

pytest.importorskip("safetensors")


def test_every_file_has_its_record_and_they_are_small():
    files = {path.stem for path in pretrained.WEIGHTS.glob("*.safetensors")}
    assert files == set(pretrained.names()) and "dates" in files
    assert sum(path.stat().st_size for path in pretrained.WEIGHTS.iterdir()) < 6e6


@pytest.mark.parametrize("name", pretrained.names())
def test_every_model_can_be_loaded_and_is_ready_to_use(name, device):
    found = load_pretrained(name, device)
    assert not found.model.training
    assert {p.dtype for p in found.model.parameters()} == {np.dtype("float32")}
    assert {p.device for p in found.model.parameters()} == {device}
    assert found.metrics and found.training


def test_the_date_model_still_scores_what_it_claims():
    pytest.importorskip("babel")
    from minixattn.data.dates import Dates
    from minixattn.models import evaluate

    found = load_pretrained("dates")
    assert found.metrics["exact"] >= 0.99
    task = Dates("test")
    known = set("".join(found.vocabularies["source"].tokens[3:]))
    if set("".join(task.vocabularies["source"].tokens[3:])) - known:
        pytest.skip("this Babel writes characters which the one of the training did not")
    scores = evaluate(found.model, Dates("test", vocabularies=found.vocabularies), 300)
    assert scores["exact"] >= found.metrics["exact"] - 0.01
    np.testing.assert_allclose(scores["attention"], found.metrics["attention"], atol=0.05)


@pytest.mark.parametrize(
    "text, date",
    [
        ("Wednesday, May 7, 2031", "2031-05-07"),
        ("2031年5月7日水曜日", "2031-05-07"),
        ("٧ مايو ٢٠٣١", "2031-05-07"),
        ("7. května 2031", "2031-05-07"),
    ],
)
def test_the_date_model_needs_nothing_but_its_files(text, date):
    found = load_pretrained("dates")
    assert translate(found.model, found.vocabularies, text).target == date


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no trained weights 'date'; known names: .*'dates'"):
        load_pretrained("date")


def test_weights_that_are_not_those_of_the_record_are_refused(tmp_path):
    for path in pretrained.WEIGHTS.glob("dates.*"):
        shutil.copy(path, tmp_path)
    content = bytearray((tmp_path / "dates.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "dates.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="not the file that dates.json describes: its SHA-256 is"):
        load_pretrained("dates", folder=tmp_path)
    with pytest.raises(ValueError, match="known names: none."):
        load_pretrained("dates", folder=tmp_path / "nowhere")


def test_what_is_saved_comes_back(tmp_path):
    mx.manual_seed(0)
    config = {"source_size": 6, "target_size": 5, "width": 8, "heads": 2, "residual": "PostNorm"}
    model = Transformer(**{**config, "residual": PostNorm}).eval()
    before = model(mx.tensor([[3, 4, 5]]), mx.tensor([[1, 3]]))[0]
    pretrained.round_to_half(model)
    after = model(mx.tensor([[3, 4, 5]]), mx.tensor([[1, 3]]))[0]
    assert 0 < abs(values(after) - values(before)).max() < 1e-2
    vocabularies = {"source": Characters("abc", 4, "ab"), "target": Words(["one", "two"])}
    path = pretrained.save_pretrained(
        "tiny", model, config, vocabularies=vocabularies, metrics={"exact": 0.5},
        training={"steps": 1}, folder=tmp_path,
    )  # fmt: skip
    found = load_pretrained("tiny", folder=tmp_path)
    assert found.vocabularies == vocabularies and found.metrics == {"exact": 0.5}
    assert found.vocabularies["source"].longest == 4 and found.training == {"steps": 1}
    assert isinstance(found.model.encoder[0].around_read, PostNorm)
    parts = mx.tensor([[3, 4, 5]]), mx.tensor([[1, 3]])
    assert_close(found.model(*parts)[0], model(*parts)[0], 0, 0)
    for name, x in model.state_dict().items():
        np.testing.assert_array_equal(values(found.model.state_dict()[name]), values(x))
    record = json.loads(path.read_text(encoding="utf-8"))
    assert re.fullmatch("[0-9a-f]{64}", record["sha256"])
