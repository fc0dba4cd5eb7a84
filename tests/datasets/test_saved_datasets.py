"""Folders that `datasets` saved: written by that library, read without it."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from jepascore_core.datasets.item_uris import item_title
from jepascore_core.datasets.reading import file_state, read_bytes, read_content
from jepascore_core.datasets.sources import detect_kind
from jepascore_core.errors import SampleError, SourceError
from tests.datasets.conftest import Place
from tests.datasets.images import write_image
from tests.datasets.row_files import pair
from tests.datasets.tars import keys, planned, png

datasets = pytest.importorskip("datasets")


def made(cells: list, **columns: list) -> datasets.Dataset:
    count = len(cells)
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["cat", "dog"]),
            "size": datasets.Value("float32"),
            "boxes": datasets.Sequence(datasets.Value("int64")),
        }
    )
    rows = {"image": cells, "label": [n % 2 for n in range(count)], "size": list(range(count)), "boxes": [[1]] * count}
    return datasets.Dataset.from_dict({**rows, **columns}, features=features)


def test_splits_labels_and_bytes_are_those_of_the_library(tmp_path: Path):
    splits = {
        "train": made([pair(png(n), f"{n}.png") for n in range(7)]),
        "validation": made([pair(png(n)) for n in range(10, 13)], label=[0, 1, -1]),
    }
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "saved"), num_shards={"train": 3, "validation": 1})
    assert detect_kind(tmp_path / "saved") == "datasets"
    found, failures, plan = planned(tmp_path / "saved")
    assert (failures, plan.questions, plan.kind) == ([], [], "datasets")
    truth = datasets.load_from_disk(str(tmp_path / "saved")).cast_column("image", datasets.Image(decode=False))
    rows = [(split, row) for split in truth for row in truth[split]]
    assert [item.split for item in found] == [split for split, _ in rows]
    assert [read_bytes(item.uri) for item in found] == [row["image"]["bytes"] for _, row in rows]
    names = truth["train"].features["label"].names
    assert [item.label for item in found] == [names[row["label"]] if row["label"] >= 0 else None for _, row in rows]
    assert [item.metadata["size"] for item in found] == [row["size"] for _, row in rows]
    assert plan.metadata_types == {"size": pa.float64(), "image_path": pa.string()}
    assert found[0].sample_key == "train/data-00000-of-00003.arrow#0"
    content = read_content(found[-1].uri)
    assert content.state == file_state(found[-1].uri)
    assert item_title(found[-1].uri) == "data-00000-of-00001.arrow-2"
    assert keys(planned(tmp_path / "saved" / "train")[0]) == [key.removeprefix("train/") for key in keys(found)[:7]]


def test_files_that_were_named_by_path(tmp_path: Path):
    for number in range(3):
        write_image(tmp_path / "img" / f"{number}.png", number)
    cells = [str(tmp_path / "img" / f"{number}.png") for number in range(3)]
    made(cells).save_to_disk(str(tmp_path / "saved"))
    found, _, _ = planned(tmp_path / "saved", root=str(tmp_path / "img"))
    assert [read_bytes(item.uri) for item in found] == [Path(cell).read_bytes() for cell in cells]


def test_a_filtered_dataset_and_missing_cells(tmp_path: Path):
    cells = [pair(png(n)) if n % 3 else None for n in range(9)]
    made(cells).filter(lambda row: row["size"] != 4).save_to_disk(str(tmp_path / "saved"))
    found, failures, _ = planned(tmp_path / "saved")
    assert [item.metadata["size"] for item in found] == [1, 2, 5, 7, 8]
    assert len(failures) == 3
    assert [read_bytes(item.uri) for item in found] == [png(n) for n in (1, 2, 5, 7, 8)]


def test_what_is_damaged_is_said(tmp_path: Path):
    folder = tmp_path / "saved"
    made([pair(png(n)) for n in range(4)]).save_to_disk(str(folder), num_shards=2)
    (folder / "data-00000-of-00002.arrow").write_bytes(b"no arrow")
    found, failures, _ = planned(folder)
    assert (len(found), keys(failures)) == (2, ["data-00000-of-00002.arrow"])
    assert "is not a readable Arrow stream" in failures[0].message
    (folder / "data-00000-of-00002.arrow").unlink()
    assert "The file does not exist" in planned(folder)[1][0].message
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"] = [{"filename": "../../secret.arrow"}]
    for text, words in (
        (json.dumps(state), "names files outside its folder"),
        ("{", "cannot be read"),
        ("[]", "not a JSON object"),
    ):
        (folder / "state.json").write_text(text)
        with pytest.raises(SourceError, match=words):
            planned(folder)
    with pytest.raises(SourceError, match="save_to_disk"):
        planned(write_image(tmp_path / "other" / "0.png").parent, kind="datasets")
    (tmp_path / "dict").mkdir()
    (tmp_path / "dict" / "dataset_dict.json").write_text('{"splits": ["../saved"]}')
    with pytest.raises(SourceError, match="names no splits"):
        planned(tmp_path / "dict")


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path, place: Place):
    place.source = tmp_path / "saved"
    made([pair(png(n)) for n in range(5)]).save_to_disk(str(place.source))
    assert place.index("v1").indexed == 5
    assert place.index("v2", previous="v1").reused == 5
    made([pair(png(n)) for n in range(4)]).save_to_disk(str(place.source))
    progress = place.index("v3", previous="v2")
    assert (progress.indexed, progress.reused) == (4, 0)
    samples, _ = place.rows("v2")
    with pytest.raises(SampleError, match="has no row 4"):
        read_bytes(samples[4].uri)


def test_the_library_is_not_loaded_to_read_it(tmp_path: Path):
    made([pair(png(1))]).save_to_disk(str(tmp_path / "saved"))
    code = (
        "import sys; from pathlib import Path; from tests.datasets.tars import planned;"
        f"found, _, _ = planned(Path({str(tmp_path / 'saved')!r})); assert len(found) == 1;"
        "assert 'datasets' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
