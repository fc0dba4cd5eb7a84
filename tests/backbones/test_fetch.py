"""Weights from the caches; without them and without a network one clear sentence, soon."""

import time

import pytest
import torch

from jepascore_core.backbones.fetch import hub_file, url_file
from jepascore_core.errors import WeightsUnavailableError

#: Nobody has it, so that this also holds on a machine with a network.
NOWHERE = "jepascore-test-nobody/no-such-model"


def test_the_cache_is_enough_and_the_first_name_wins(hub):
    hub("owner/model", "model.safetensors", {"a": torch.ones(2)})
    for offline in (True, False):
        path = hub_file("timm:x", "owner/model", ["other.safetensors", "model.safetensors", "more.bin"], offline)
        assert path.name == "model.safetensors"
        assert path.is_file()


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("offline", [True, False])
def test_a_missing_hub_file_is_one_sentence_with_the_remedy(offline):
    started = time.monotonic()
    with pytest.raises(WeightsUnavailableError, match=r"timm:x .*hub cache folder.*--checkpoint FILE") as caught:
        hub_file("timm:x", NOWHERE, ["model.safetensors"], offline)
    assert time.monotonic() - started < (1 if offline else 15)
    assert "\n" not in str(caught.value)
    assert ("offline is set" in str(caught.value)) == offline


def test_a_file_with_an_address_is_taken_from_torchs_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "weights.pth").write_bytes(b"x")
    assert url_file("timm:x", "https://nowhere.invalid/a/weights.pth?v=1", offline=True).read_bytes() == b"x"


@pytest.mark.parametrize("offline", [True, False])
def test_a_missing_address_is_one_sentence_with_the_remedy(tmp_path, monkeypatch, offline):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(WeightsUnavailableError, match="--checkpoint FILE") as caught:
        url_file("timm:x", "https://nowhere.invalid/weights.pth", offline)
    assert ("offline is set" in str(caught.value)) == offline
    assert not list(tmp_path.rglob("*.pth"))
