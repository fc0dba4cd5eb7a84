"""Measurements with embeddings that a test asks for."""

from dataclasses import replace

from tests.conftest import SPEC, make_measurement


def measure_embedded(store, backbone_id, samples, embeddings):
    """Measure samples whose keys begin with the number of their embedding."""
    rows = [
        replace(make_measurement(sample.content_id, 1.0), embedding=embeddings[int(sample.sample_key[:2])])
        for sample in samples
    ]
    store.write_measurements(backbone_id, SPEC, rows)
