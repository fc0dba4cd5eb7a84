"""The image routes without Streamlit: what is served, under which headers, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.thumbnails import ensure_thumbnail
from jepascore_core.errors import StoreError
from pages.ui.app.routes import FOREVER, LOSSLESS_SIDE, VIEW_SIDE, image_routes
from tests.datasets.row_files import write_rows
from tests.datasets.tars import planned, png, write_tar

DATASET = "01jd9zkq6t4m8w2x7y5v3r1n0p"
UNKNOWN = "0" * 32


class Shelf:
    """Images on disk, and the lookup that finds them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uris: dict[tuple[str, str], str] = {}

    def put(self, name: str, data: bytes) -> str:
        path = self.folder / name
        path.write_bytes(data)
        found = content_id(data)
        self.uris[DATASET, found] = str(path)
        return found

    def uri_of(self, dataset_id: str, content: str) -> str | None:
        return self.uris.get((dataset_id, content))


def encoded(width: int, height: int, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JEPASCORE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    folder = tmp_path / "images"
    folder.mkdir()
    return Shelf(folder)


@pytest.fixture
def client(home: Path, shelf: Shelf) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=image_routes(shelf.uri_of))) as client:
        yield client


def test_a_thumbnail_may_be_kept_for_ever(client: TestClient, home: Path) -> None:
    data = encoded(300, 200)
    found = content_id(data)
    path = ensure_thumbnail(home / "thumbs", found, Image.open(io.BytesIO(data)))
    answer = client.get(f"/images/thumb/{found}.webp")
    assert answer.status_code == 200
    assert answer.content == path.read_bytes()
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["cache-control"] == FOREVER
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = client.get(f"/images/thumb/{found}.webp", headers={"If-None-Match": f'"x", W/{answer.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize("base", ["/app/", "/a/b/"])
def test_routes_answer_under_any_base_path(client: TestClient, shelf: Shelf, base: str) -> None:
    found = shelf.put("a.png", encoded(8, 8))
    assert client.get(f"{base}images/view/{DATASET}/{found}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        f"thumb/{UNKNOWN}.webp",
        f"thumb/{UNKNOWN.upper()}.webp",
        f"thumb/{UNKNOWN}",
        f"thumb/{UNKNOWN}.png",
        "thumb/..%2f..%2fcatalogue.sqlite.webp",
        "thumb/.webp",
        f"thumb/{UNKNOWN}%0a.webp",
        f"view/{DATASET}/{UNKNOWN}",
        f"view/{DATASET}/..%2f..%2fsecret",
        f"view/..%2f/{UNKNOWN}",
        f"view/{DATASET.upper()}/{UNKNOWN}",
        f"original/{DATASET}/{UNKNOWN}",
        f"original/{DATASET}",
        "",
        "anything/else",
    ],
)
def test_everything_else_is_not_found(client: TestClient, home: Path, path: str) -> None:
    home.mkdir()
    (home / "catalogue.sqlite.webp").write_bytes(b"secret")
    answer = client.get(f"/images/{path}")
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"
    assert b"secret" not in answer.content


def test_only_well_formed_identifiers_are_looked_up(home: Path) -> None:
    asked: list[tuple[str, str]] = []

    def lookup(dataset_id: str, content: str) -> None:
        asked.append((dataset_id, content))

    client = TestClient(Starlette(routes=image_routes(lookup)))
    for address in (f"'--/{UNKNOWN}", f"{DATASET}/{'g' * 32}", f"{DATASET}/{UNKNOWN}"):
        assert client.get(f"/images/view/{address}").status_code == 404
    assert asked == [(DATASET, UNKNOWN)]


def test_a_small_image_is_viewed_without_loss(client: TestClient, shelf: Shelf) -> None:
    data = encoded(LOSSLESS_SIDE, 40)
    answer = client.get(f"/images/view/{DATASET}/{shelf.put('a.png', data)}")
    assert answer.headers["content-type"] == "image/png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.content))), np.asarray(Image.open(io.BytesIO(data))))


def test_a_large_image_is_viewed_scaled_down(client: TestClient, shelf: Shelf) -> None:
    answer = client.get(f"/images/view/{DATASET}/{shelf.put('a.bmp', encoded(3200, 800, 'BMP'))}")
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["cache-control"] == FOREVER
    assert Image.open(io.BytesIO(answer.content)).size == (VIEW_SIDE, 400)


def test_an_image_between_is_viewed_in_its_own_size(client: TestClient, shelf: Shelf) -> None:
    answer = client.get(f"/images/view/{DATASET}/{shelf.put('a.jpg', encoded(900, 600, 'JPEG'))}")
    assert Image.open(io.BytesIO(answer.content)).size == (900, 600)


@pytest.mark.parametrize("kind, media_type", [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("TIFF", "image/png")])
def test_every_pixel_comes_as_a_browser_can_show_it(
    client: TestClient, shelf: Shelf, kind: str, media_type: str
) -> None:
    data = encoded(VIEW_SIDE + 400, 30, kind)
    answer = client.get(f"/images/pixels/{DATASET}/{shelf.put('a.img', data)}")
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (media_type, FOREVER)
    assert "content-disposition" not in answer.headers
    shown, there = (np.asarray(Image.open(io.BytesIO(item))) for item in (answer.content, data))
    assert np.array_equal(shown, there)


def test_the_original_comes_untouched_as_a_download(client: TestClient, shelf: Shelf) -> None:
    data = encoded(30, 20, "JPEG")
    name = 'früh "a"; b.jpg'
    answer = client.get(f"/images/original/{DATASET}/{shelf.put(name, data)}")
    assert answer.content == data
    assert answer.headers["content-type"] == "image/jpeg"
    disposition = answer.headers["content-disposition"]
    assert disposition == "attachment; filename*=utf-8''fr%C3%BCh%20%22a%22%3B%20b.jpg"


def test_a_download_of_an_unknown_kind_is_never_rendered(client: TestClient, shelf: Shelf) -> None:
    answer = client.get(f"/images/original/{DATASET}/{shelf.put('page.svg', b'<svg onload=alert(1)>')}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_an_item_of_an_idx_file_has_a_name_of_its_own(client: TestClient, shelf: Shelf) -> None:
    pixels = bytes(range(2 * 3 * 3))
    path = shelf.folder / "train-images-idx3-ubyte"
    path.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3]) + pixels)
    item = b"P5\n3 3\n255\n" + pixels[9:]
    shelf.uris[DATASET, content_id(item)] = f"idx:{path}#1"
    answer = client.get(f"/images/original/{DATASET}/{content_id(item)}")
    assert answer.content == item
    assert answer.headers["content-disposition"].endswith("''train-images-idx3-ubyte-1.pgm")


def test_a_member_of_a_tar_and_a_cell_of_a_table_have_names_of_their_own(client: TestClient, shelf: Shelf) -> None:
    tar = write_tar(shelf.folder / "0.tar", {"a/0001.tiff": png(1)})
    rows = write_rows(shelf.folder / "train.parquet", [{"image": png(2)}, {"image": png(3)}])
    for source, data, name in ((tar, png(1), "0001.png"), (rows, png(3), "train.parquet-1.png")):
        shelf.uris[DATASET, content_id(data)] = planned(source)[0][-1].uri
        answer = client.get(f"/images/original/{DATASET}/{content_id(data)}")
        assert answer.content == data
        assert answer.headers["content-disposition"].endswith(f"''{name}")
        assert client.get(f"/images/pixels/{DATASET}/{content_id(data)}").content == data


@pytest.mark.parametrize("kind", ["view", "pixels", "original"])
def test_a_file_that_changed_since_it_was_indexed_is_another_image(client: TestClient, shelf: Shelf, kind: str) -> None:
    found = shelf.put("a.png", encoded(8, 8))
    (shelf.folder / "a.png").write_bytes(encoded(9, 9))
    assert client.get(f"/images/{kind}/{DATASET}/{found}").status_code == 404


def test_a_file_that_is_gone_or_broken_is_not_found(client: TestClient, shelf: Shelf) -> None:
    broken = shelf.put("broken.png", encoded(8, 8)[:-20])
    gone = shelf.put("gone.png", encoded(8, 8))
    (shelf.folder / "gone.png").unlink()
    assert client.get(f"/images/view/{DATASET}/{broken}").status_code == 404
    assert client.get(f"/images/view/{DATASET}/{gone}").status_code == 404
    assert client.get(f"/images/original/{DATASET}/{broken}").status_code == 200


def test_a_store_that_cannot_be_read_is_not_found(home: Path) -> None:
    def lookup(dataset_id: str, content: str) -> None:
        raise StoreError("The catalogue is locked.")

    client = TestClient(Starlette(routes=image_routes(lookup)))
    assert client.get(f"/images/view/{DATASET}/{UNKNOWN}").status_code == 404


def test_nothing_can_be_written(client: TestClient) -> None:
    assert client.post(f"/images/thumb/{UNKNOWN}.webp", content=b"x").status_code == 405


def test_pictures_of_a_closeup(client: TestClient, home: Path) -> None:
    folder = home / "closeups" / "a-backbone" / UNKNOWN
    folder.mkdir(parents=True)
    (folder / "leading-1-over.png").write_bytes(encoded(4, 4))
    (folder / "closeup.json").write_text("{}")
    base = f"/images/closeup/a-backbone/{UNKNOWN}"
    answer = client.get(f"{base}/leading-1-over.png")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["x-content-type-options"] == "nosniff"
    for path in (f"{base}/closeup.json", f"{base}/leading-2-over.png", f"/images/closeup/%2e%2e/{UNKNOWN}/input.png"):
        assert client.get(path).status_code == 404
