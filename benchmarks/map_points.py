"""How fluently a browser draws the map of a million images.

    python benchmarks/map_points.py [--rows 1000000] [--chromium /usr/bin/chromium]

A headless Chromium without a GPU: WebGL by SwiftShader, on processors alone, which is the slowest that anybody has. The
bytes come by the route of the page; frames are counted while the map is moved and zoomed as by a hand.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import tempfile
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from jepascore_core.figures.style import PALETTE
from jepascore_core.views.map_colours import grouped
from pages.ui.map import texts
from pages.ui.map.colours import DIVERGING, SEQUENTIAL, blended
from pages.ui.map.routes import with_head

SCRIPTS = Path(__file__).parents[1] / "pages" / "ui" / "widgets" / "gallery_component"
SECONDS = 10.0
PAGE = """<!doctype html><meta charset="utf-8"><style>:root {{ --st-background-color: #fff; --st-text-color: #000;
--st-primary-color: #0072B2; }}</style><div id="place"><div class="map"></div></div><script type="module">
import draw from "./map.js";
draw({{ parentElement: document.querySelector("#place"), data: {data}, setTriggerValue: () => {{}} }});
</script>"""
COUNT = """(seconds) => new Promise((done) => {
  const canvas = document.querySelector("canvas.points"), box = canvas.getBoundingClientRect();
  const at = (kind, x, y, more) => canvas.dispatchEvent(new (more ? WheelEvent : MouseEvent)(kind, { clientX: x,
    clientY: y, buttons: 1, bubbles: true, ...more }));
  const start = performance.now(), times = [];
  let last = start;
  at("mouseenter", box.x + box.width / 2, box.y + box.height / 2);
  const step = (now) => {
    times.push(now - last);
    last = now;
    if (now - start > 1000 * seconds) return done(times.slice(1));
    const angle = (now - start) / 400;
    at("wheel", box.x + box.width * (0.5 + 0.2 * Math.cos(angle)), box.y + box.height * (0.5 + 0.2 * Math.sin(angle)),
      { deltaY: 12 * Math.sin(angle / 2), cancelable: true });
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--chromium", default="/usr/bin/chromium")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        put_page(folder, chosen.rows)
        handler = functools.partial(SimpleHTTPRequestHandler, directory=place)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            look(f"http://127.0.0.1:{server.server_port}/index.html", chosen.rows, chosen.chromium)
        finally:
            server.shutdown()


def put_page(folder: Path, rows: int) -> None:
    """Write the scripts, the bytes of `rows` points in twenty groups, and a page that draws them."""
    for script in SCRIPTS.glob("*.js"):
        shutil.copy(script, folder)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 20, rows).astype(np.int32)
    angles = 2 * np.pi * codes / 20
    places = 0.7 * np.stack([np.cos(angles), np.sin(angles)]) + 0.08 * rng.standard_normal((2, rows))
    (folder / "places").write_bytes(places.astype("<f4").tobytes())
    coloured = grouped(codes, [f"group {number}" for number in range(20)])
    (folder / "colours").write_bytes(with_head(coloured))
    data = {
        "label": texts.MAP, "places": "places", "colours": "colours", "listed": "", "samples": "sample?row=",
        "layout": "benchmark", "palette": PALETTE, "ramp": blended(SEQUENTIAL), "diverging": blended(DIVERGING),
        "ends": ["", ""], "has_region": False, "texts": texts.IN_BROWSER,
    }  # fmt: skip
    (folder / "index.html").write_text(PAGE.format(data=json.dumps(data)), encoding="utf-8")


def look(url: str, rows: int, chromium: str) -> None:
    """Open the page, wait until it is drawn, and count frames."""
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("pageerror", lambda error: print(f"error: {error}"))
        start = time.perf_counter()
        page.goto(url)
        page.locator("canvas.points[data-painted]").wait_for(timeout=300_000)
        print(f"{rows:,} points drawn after {time.perf_counter() - start:.1f} s (software WebGL)", flush=True)
        times = np.array(page.evaluate(COUNT, SECONDS))
        print(
            f"moved and zoomed for {SECONDS:.0f} s: {1000 / times.mean():.1f} frames a second, median "
            f"{np.median(times):.0f} ms a frame, slowest of 20 {np.quantile(times, 0.95):.0f} ms"
        )
        browser.close()


if __name__ == "__main__":
    main()
