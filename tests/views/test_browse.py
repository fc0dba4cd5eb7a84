"""The whole dataset as one list: filters, orders and counts against plain Python, with and without a backbone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jepascore_core.curation import parse, to_text
from jepascore_core.curation.decisions import decide
from jepascore_core.curation.tags import add_tag, create_tag
from jepascore_core.datasets.manifest import write_part
from jepascore_core.errors import DatasetNotReadyError, RuleError, RuleSyntaxError
from jepascore_core.records.datasets import DatasetRecord, DatasetState, Sample
from jepascore_core.scores.score_set import no_scores
from jepascore_core.storage.sample_lists import sample_table
from jepascore_core.storage.store import Store
from jepascore_core.views.browse import (
    BrowsedSample,
    BrowseQuery,
    all_have_tag,
    browse,
    browsed_samples,
    check_ranges,
    position_of,
    samples_in,
)
from jepascore_core.views.facets import NUM_BINS, TAGS, Facet, Facets, bin_edges, facets
from jepascore_core.views.indexed_so_far import indexed_so_far
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample

SIZES = [64, 640, 100, 64, 32, 2000, 90, 64, 64, 128]


def put(store: Store) -> tuple[DatasetRecord, list[Sample]]:
    """Ten samples of two classes, one without a label, of many widths; a column of numbers and one of words."""
    samples = [
        replace(
            make_sample(f"{number:02d}.png", "cat" if number < 6 else "dog" if number < 9 else None, "train"),
            width=width,
            metadata={"year": 2000 + number % 3, "who": "ada" if number % 2 else "bob"},
        )
        for number, width in enumerate(SIZES)
    ]
    return add_dataset(store, "animals", samples), samples


def query_of(dataset: DatasetRecord, rules: str = "", **changes: object) -> BrowseQuery:
    return replace(BrowseQuery(no_scores(dataset.dataset_id), parse(rules)), **changes)  # type: ignore[arg-type]


def listed(store: Store, query: BrowseQuery) -> list[BrowsedSample]:
    return browsed_samples(store, query, browse(store, query), 0, 100)


def keys(store: Store, query: BrowseQuery) -> list[str]:
    return [sample.sample_key for sample in listed(store, query)]


def facet(found: Facets, name: str) -> Facet:
    return next(item for item in found.facets if item.name == name)


def counts(found: Facets, name: str) -> dict[str, int]:
    return {item.title: item.count for item in facet(found, name).values}


def test_nothing_has_to_be_measured(store: Store) -> None:
    dataset, samples = put(store)
    assert keys(store, query_of(dataset)) == [sample.sample_key for sample in samples]
    assert keys(store, query_of(dataset, descending=True)) == [sample.sample_key for sample in reversed(samples)]
    assert keys(store, query_of(dataset, 'label = "dog" and width > 64')) == ["06.png"]
    assert keys(store, query_of(dataset, "label is missing")) == ["09.png"]
    assert keys(store, query_of(dataset, "score > 0")) == []
    steps = keys(store, query_of(dataset, 'label = "cat" | budget 2 seed 3'))
    assert len(steps) == 2 and set(steps) < {sample.sample_key for sample in samples[:6]}


def test_any_column_sorts_and_equal_samples_stay_in_order_of_their_keys(store: Store) -> None:
    dataset, samples = put(store)
    by_width = sorted(samples, key=lambda sample: (sample.width, sample.sample_key))
    found = listed(store, query_of(dataset, sort="width"))
    assert [item.sample_key for item in found] == [sample.sample_key for sample in by_width]
    assert [item.value for item in found] == [float(sample.width) for sample in by_width]
    down = sorted(samples, key=lambda sample: (-sample.width, sample.sample_key))
    assert keys(store, query_of(dataset, sort="width", descending=True)) == [sample.sample_key for sample in down]
    by_word = sorted(samples, key=lambda sample: (sample.metadata["who"], sample.sample_key))
    assert keys(store, query_of(dataset, sort='meta["who"]')) == [sample.sample_key for sample in by_word]
    years = [item.value for item in listed(store, query_of(dataset, sort='meta["year"]', descending=True))]
    assert years == sorted(years, reverse=True, key=float)  # type: ignore[arg-type]
    with pytest.raises(RuleSyntaxError):
        browse(store, query_of(dataset, sort="nonsense"))


def test_samples_without_a_value_come_last_either_way(store: Store) -> None:
    dataset, samples = put(store)
    for descending in (False, True):
        assert keys(store, query_of(dataset, sort="label", descending=descending))[-1] == "09.png"
        assert len(keys(store, query_of(dataset, sort="sharpness", descending=descending))) == len(samples)


def test_a_random_order_is_that_of_its_seed(store: Store) -> None:
    dataset, samples = put(store)
    first, other = (keys(store, query_of(dataset, sort="random", seed=seed)) for seed in (1, 2))
    assert first != other and sorted(first) == sorted(other) == [sample.sample_key for sample in samples]
    assert keys(store, query_of(dataset, sort="random", seed=1)) == first


def test_scores_sort_with_those_that_lack_one_last(store: Store) -> None:
    dataset, samples = put(store)
    backbone = add_backbone(store)
    scored = {sample.sample_key: float(number * 7 % 9) for number, sample in enumerate(samples[:9])}
    scores = add_measurements(store, dataset, backbone, scored, samples=samples)
    expected = [*sorted(scored, key=lambda key: (scored[key], key)), "09.png"]
    assert keys(store, BrowseQuery(scores, sort="score")) == expected
    named = f'score["{scores.key.text}"]'
    assert keys(store, query_of(dataset, sort=named)) == expected


def test_decisions_filter_and_are_shown(store: Store) -> None:
    dataset, samples = put(store)
    query = query_of(dataset)
    everything = browse(store, query)
    decide(store, dataset.dataset_id, [(samples[3].sample_key, samples[3].content_id)], "drop", "ada")
    assert browse(store, query).identity == everything.identity, "decisions change no list that does not ask for them"
    dropped = listed(store, replace(query, decided="drop"))
    assert [(item.sample_key, item.verdict) for item in dropped] == [("03.png", "drop")]
    before = browse(store, replace(query, decided="open"))
    assert len(before.rows) == len(samples) - 1
    decide(store, dataset.dataset_id, [(samples[4].sample_key, samples[4].content_id)], "keep", "ada")
    after = browse(store, replace(query, decided="open"))
    with pytest.raises(RuleError, match="list has changed"):
        check_ranges(after, before.identity, [(0, 1)])
    assert counts(facets(store, query), "decided") == {"Undecided": 8, "Keep": 1, "Drop": 1}


def test_a_selection_is_ranges_of_a_list(store: Store) -> None:
    dataset, samples = put(store)
    query = query_of(dataset, sort="width")
    view = browse(store, query)
    check_ranges(view, view.identity, [(0, 2), (9, 10)])
    chosen = samples_in(store, query, view, [(0, 2), (9, 10)])
    by_width = sorted(samples, key=lambda sample: (sample.width, sample.sample_key))
    assert chosen == [(by_width[place].sample_key, by_width[place].content_id) for place in (0, 1, 9)]
    for ranges in ([(0, 11)], [(3, 3)], [(-1, 2)]):
        with pytest.raises(RuleError):
            check_ranges(view, view.identity, ranges)
    assert [position_of(store, query, view, key) for key, _ in chosen] == [0, 1, 9]
    assert position_of(store, query, view, "gone.png") is None


def test_each_facet_counts_under_the_other_filters(store: Store) -> None:
    dataset, samples = put(store)
    found = facets(store, query_of(dataset, 'label in ("cat") and width >= 64 and key like "0*"'))
    wide = [sample for sample in samples if sample.width >= 64]
    assert counts(found, "label") == {
        "cat": sum(sample.label == "cat" for sample in wide),
        "dog": sum(sample.label == "dog" for sample in wide),
        "(no label)": 1,
    }
    cats = [sample for sample in wide if sample.label == "cat"]
    assert counts(found, 'meta["who"]') == {
        name: sum(sample.metadata["who"] == name for sample in cats) for name in ("ada", "bob")
    }
    assert facet(found, "label").chosen == ("cat",)
    assert found.rest == ("width >= 64", 'key like "0*"'), "rules without a facet stay beside them"
    assert (found.num_listed, found.num_samples) == (len(cats), len(samples))


def test_a_range_is_shown_where_its_facet_is(store: Store) -> None:
    dataset, samples = put(store)
    found = facets(store, query_of(dataset, "3000 <= pixels <= 7000 and pixels >= 4000"))
    pixels = facet(found, "pixels")
    assert (pixels.low, pixels.high) == (3000, 7000)
    assert found.rest == ("pixels >= 4000",)
    among = [sample for sample in samples if sample.width * sample.height >= 4000]
    assert sum(pixels.counts) == len(among)


def test_what_has_one_value_is_no_facet_but_the_class(store: Store) -> None:
    samples = [make_sample(f"{number}.png", "cat", "train") for number in range(4)]
    dataset = add_dataset(store, "same", samples)
    assert [item.name for item in facets(store, query_of(dataset)).facets] == ["label", "decided"]
    flat = add_dataset(store, "flat", [make_sample(f"{number}.jpg") for number in range(4)])
    assert [item.name for item in facets(store, query_of(flat)).facets] == ["decided"]


@example([0.0, 5e-324])
@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False) | st.integers(-5, 5).map(float), min_size=2, max_size=60))
def test_bars_hold_every_number(numbers: list[float]) -> None:
    known = np.array(numbers)
    if known.min() == known.max():
        return
    edges = bin_edges(known)
    assert (np.diff(edges) > 0).all() and len(edges) <= NUM_BINS + 3
    assert (edges[0], edges[-1]) == (known.min(), known.max())


def test_a_first_index_is_seen_while_it_grows(store: Store) -> None:
    dataset = store.catalogue.add_dataset("coming", "/images/coming", "imagefolder", {})
    store.catalogue.update_dataset(dataset.dataset_id, state=DatasetState.INDEXING)
    dataset = store.catalogue.dataset(dataset.dataset_id)
    assert indexed_so_far(store, dataset, 0, 10).num_indexed == 0
    with pytest.raises(DatasetNotReadyError):
        browse(store, query_of(dataset))
    folder = store.dataset_folder(dataset.dataset_id) / "index-1"
    samples = [make_sample(f"{number}.png") for number in (3, 1, 2)]
    write_part(folder, samples[:2], ())
    first = indexed_so_far(store, dataset, 0, 10)
    assert ([item.sample_key for item in first.samples], first.num_indexed) == (["3.png", "1.png"], 2)
    write_part(folder, samples[2:], ())
    more = indexed_so_far(store, dataset, 1, 10)
    assert ([item.sample_key for item in more.samples], more.num_indexed) == (["1.png", "2.png"], 3)
    store.remove_dataset(dataset)


def test_a_filter_is_text_and_back(store: Store) -> None:
    """What the rail writes is what the parser reads: missing values and quotes included."""
    dataset, _ = put(store)
    for text in ('label in ("cat", missing)', '1 <= pixels <= 2.5 and meta["who"] in ("a\\"b")'):
        found = facets(store, query_of(dataset, text))
        assert found.rest == ()
        assert parse(to_text(parse(text))) == parse(text)


def tag(store: Store, dataset: DatasetRecord, samples: list[Sample], name: str) -> None:
    add_tag(
        store, dataset.dataset_id, sample_table([(item.sample_key, item.content_id) for item in samples]), name, "ada"
    )


def test_tags_are_a_facet_of_which_a_sample_may_have_several(store: Store) -> None:
    dataset, samples = put(store)
    assert all(item.name != TAGS for item in facets(store, query_of(dataset)).facets), "there are no tags"
    tag(store, dataset, samples[:4], "dark")
    tag(store, dataset, samples[3:7], "night shift")
    create_tag(store, dataset.dataset_id, "unused")
    found = facet(facets(store, query_of(dataset)), TAGS)
    assert (found.kind, found.chosen) == ("tags", ())
    assert {item.value: item.count for item in found.values} == {"dark": 4, "night shift": 4, "unused": 0, None: 3}
    among = facet(facets(store, query_of(dataset, 'label = "dog"')), TAGS)
    assert {item.value: item.count for item in among.values} == {"dark": 0, "night shift": 1, "unused": 0, None: 2}


@pytest.mark.parametrize(
    "rules, chosen, expected",
    [
        ('tag("dark")', ("dark",), [0, 1, 2, 3]),
        ('tag("dark") or tag("light")', ("dark", "light"), [0, 1, 2, 3, 4]),
        ('not (tag("dark") or tag("light"))', (None,), [5, 6, 7, 8, 9]),
        ('not tag("dark")', (), [4, 5, 6, 7, 8, 9]),
        ('tag("dark") and tag("light")', ("dark",), [3]),
    ],
)
def test_a_choice_of_tags_is_a_rule(
    store: Store, rules: str, chosen: tuple[str | None, ...], expected: list[int]
) -> None:
    dataset, samples = put(store)
    tag(store, dataset, samples[:4], "dark")
    tag(store, dataset, samples[3:5], "light")
    query = query_of(dataset, rules)
    assert keys(store, query) == [samples[number].sample_key for number in expected]
    found = facets(store, query)
    assert facet(found, TAGS).chosen == chosen
    assert bool(found.rest) == (not chosen or " and " in rules)


def test_a_list_of_a_tag_is_another_once_more_samples_have_it(store: Store) -> None:
    dataset, samples = put(store)
    tag(store, dataset, samples[:2], "dark")
    query = query_of(dataset, 'tag("dark")')
    before = browse(store, query)
    assert [item.tags for item in listed(store, query)] == [("dark",), ("dark",)]
    assert all_have_tag(store, query, before, [(0, 2)], "dark")
    tag(store, dataset, samples[5:6], "dark")
    after = browse(store, query)
    assert (len(before.rows), len(after.rows)) == (2, 3)
    assert before.identity != after.identity
    everything = query_of(dataset)
    view = browse(store, everything)
    assert not all_have_tag(store, everything, view, [(0, 3)], "dark")
    assert all_have_tag(store, everything, view, [(0, 2), (5, 6)], "dark")
