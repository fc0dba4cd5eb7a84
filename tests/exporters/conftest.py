"""An image folder of hostile names, indexed and scored, which no export may touch."""

from __future__ import annotations

import pytest

from tests.exporters.images import index, make_source, snapshot


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("source"))


@pytest.fixture
def scores(store, source, monkeypatch):
    before = snapshot(source)
    yield index(store, source, monkeypatch)
    assert snapshot(source) == before
