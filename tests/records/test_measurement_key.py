"""The name of a set of measurements: as a text, read back, and what it says by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.backbones.identity import backbone_id
from jepascore_core.measuring.specs import PRECISIONS
from jepascore_core.records.backbones import Preprocessing
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.records.measurements import MeasurementSpec

SPECS = st.builds(
    MeasurementSpec,
    estimator=st.sampled_from(["exact", "sketch", "nested", "calibrated"]),
    precision=st.sampled_from(PRECISIONS),
    probes=st.none() | st.integers(1, 1024),
    seed=st.integers(0, 2**31),
    engine_version=st.integers(1, 9),
)
PREPROCESSING = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), height=16, width=16)


@given(library=st.text(max_size=20), architecture=st.text(min_size=1, max_size=80), spec=SPECS)
def test_a_key_is_read_back_from_its_text(library: str, architecture: str, spec: MeasurementSpec) -> None:
    key = spec.key(backbone_id(library, architecture, "0" * 32, "cls", PREPROCESSING))
    assert MeasurementKey.parse(key.text) == key
    assert MeasurementKey.parse(str(key)).spec_id == spec.spec_id


@given(spec=SPECS)
def test_a_key_says_how_it_was_measured(spec: MeasurementSpec) -> None:
    key = spec.key("b")
    assert (key.estimator, key.is_exact) == (spec.estimator, spec.is_exact)
    assert key.is_calibrated == (spec.estimator == "calibrated")
    assert key.is_listed == (spec.estimator != "nested")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "backbone",
        "@",
        "backbone@",
        "@exact-float32-88d2655f",
        "backbone@exact",
        "backbone@exact-float32",
        "backbone@exact-float32-88d2655f-more",
        "backbone@exact-float32-88d2655f\n",
        "hf:somebody/model@v1.0",
    ],
)
def test_another_text_is_refused_and_the_form_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="write backbone id, @ and spec id") as caught:
        MeasurementKey.parse(text)
    assert str(caught.value).startswith(f"{text!r} is not a measurement key")


def test_the_example_in_the_message_is_a_key() -> None:
    with pytest.raises(ValueError) as caught:
        MeasurementKey.parse("x")
    assert MeasurementKey.parse(str(caught.value).split()[-1].rstrip(".")).estimator == "exact"


def test_keys_are_ordered_by_backbone_then_spec() -> None:
    keys = [MeasurementKey("b", "1"), MeasurementKey("a", "2"), MeasurementKey("a", "1")]
    assert [key.text for key in sorted(keys)] == ["a@1", "a@2", "b@1"]
