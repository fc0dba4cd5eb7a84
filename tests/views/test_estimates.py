"""How far approximate scores are to be trusted."""

import pytest

from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.views.estimates import estimates, percentile_intervals
from tests.conftest import add_backbone, add_dataset, add_estimates, add_measurements, make_samples


@pytest.fixture
def found(store):
    """Twenty samples with scores 0 to 19; of the last two of each class the exact score is known."""
    samples = make_samples(["a"] * 10 + ["b"] * 10)
    dataset, backbone = add_dataset(store, "d", samples), add_backbone(store)
    scores = {sample.sample_key: float(number) for number, sample in enumerate(samples)}
    exact = {sample.sample_key: scores[sample.sample_key] for sample in (*samples[8:10], *samples[18:])}
    precise = add_measurements(store, dataset, backbone, exact, samples=samples)
    return add_estimates(store, dataset, backbone, scores, 1.5, samples=samples), precise, samples


def test_exact_scores_have_nothing_to_be_said(store, found):
    _, precise, samples = found
    assert estimates(store, precise) is None
    assert percentile_intervals(store, precise, [samples[0].sample_key]) == {}


def test_half_of_the_interval_in_nats_and_in_percentile_points(store, found):
    view = estimates(store, found[0])
    assert view is not None
    assert (view.num_scored, view.num_estimated, view.half_width) == (20, 16, 1.5)
    # Three of twenty scores lie within 1.5 of one that is not at the edge: 15 points, half of that to either side.
    assert view.points == pytest.approx(7.5)
    assert view.text == (
        "16 of 20 scores are estimates. The exact score is expected within ± 1.5 nats, or ± 7.5 percentile points "
        "(medians)"
    )


def test_a_sketch_has_no_interval(store, found):
    dataset = store.catalogue.dataset("d")
    samples, backbone = found[2], add_backbone(store)
    scores = {sample.sample_key: 1.0 for sample in samples}
    spec = MeasurementSpec("sketch", probes=4)
    view = estimates(store, add_measurements(store, dataset, backbone, scores, samples=samples, spec=spec))
    assert view is not None
    assert (view.num_estimated, view.half_width, view.points) == (20, None, None)
    assert "their error is unknown" in view.text


def test_percentiles_of_the_ends_of_an_interval(store, found):
    calibrated, _, samples = found
    keys = [samples[number].sample_key for number in (0, 12, 19)]
    # 12 ± 1.5 holds 11, 12 and 13; in its class 10 and 11 lie below, and the last one's score is exact.
    assert percentile_intervals(store, calibrated, keys) == {keys[0]: (0.0, 10.0), keys[1]: (55.0, 70.0)}
    assert percentile_intervals(store, calibrated, keys, within_class=True) == {
        keys[0]: (0.0, 20.0),
        keys[1]: (10.0, 40.0),
    }
