// One row of the table of datasets. In a narrow window its cells fold into a card, so each says what it is of.
/** @import { CoverageLine, DatasetRow, TableRoot } from "./datasets_types.js" */

import { make, makeButton, thumbnail } from "./elements.js";
import { follow, isPlainClick } from "./navigation.js";

/** @param {TableRoot} root @param {DatasetRow} row */
export function drawRow(root, row) {
  const line = make("tr", "row");
  line.setAttribute("role", "row");
  line.dataset.dataset = row.dataset_id;
  if (root.data.chosen === row.dataset_id) {
    line.setAttribute("aria-current", "true");
  }
  line.append(
    drawPictures(row),
    drawName(row),
    drawNumber(row.num_images, root.data.texts.images, row.images_help),
    drawNumber(row.num_classes, root.data.texts.classes, ""),
    drawCoverage(root, row),
    drawActivity(row),
    drawWays(root, row),
  );
  return line;
}

/** @param {string} name @param {...HTMLElement} parts */
function cell(name, ...parts) {
  const found = make("td", name);
  found.setAttribute("role", "cell");
  found.append(...parts);
  return found;
}

/** @param {string} className @param {string} href @param {string} text */
function link(className, href, text) {
  const found = make("a", className, text);
  found.href = new URL(href, document.baseURI).href;
  found.onclick = (event) => {
    if (isPlainClick(event)) {
      event.preventDefault();
      follow(href);
    }
  };
  return found;
}

/** @param {DatasetRow} row */
function drawPictures(row) {
  const links = row.pictures.map((picture, position) => {
    const found = link("picture", picture.href, "");
    found.dataset.focus = `picture ${position}`;
    const image = make("img", "");
    image.src = thumbnail(picture);
    image.alt = picture.title;
    image.title = picture.title;
    image.loading = "lazy";
    image.onerror = () => found.classList.add("missing");
    found.append(image);
    return found;
  });
  return cell("pictures", ...links);
}

/** @param {DatasetRow} row */
function drawName(row) {
  const found = cell("name");
  const name = row.href ? link("title", row.href, row.name) : make("span", "title", row.name);
  name.dataset.focus = "name";
  found.append(name);
  if (row.state) {
    found.append(make("span", "state", row.state));
  }
  if (row.share !== null) {
    found.append(drawBar(row.share, row.state));
  }
  if (row.problem) {
    found.append(make("span", "problem", row.problem));
  }
  if (row.failures) {
    const failures = link("failures", row.failures_href, row.failures);
    failures.dataset.focus = "failures";
    found.append(failures);
  }
  return found;
}

/** @param {number | null} number @param {string} unit @param {string} help */
function drawNumber(number, unit, help) {
  if (number === null) {
    return cell("number none");
  }
  const found = cell("number", make("span", "", number.toLocaleString("en")), make("span", "unit", ` ${unit}`));
  found.title = help;
  return found;
}

/** @param {TableRoot} root @param {DatasetRow} row */
function drawCoverage(root, row) {
  const found = cell("coverage", ...row.lines.map(drawLine));
  if (row.more) {
    found.append(make("span", "more", row.more));
  }
  if (!row.lines.length && row.num_images !== null) {
    found.append(make("span", "more", root.data.texts.unmeasured));
  }
  return found;
}

/** @param {CoverageLine} line */
function drawLine(line) {
  const found = make("div", "line");
  const title = make("span", "backbone", line.title);
  title.title = line.title;
  found.append(title, drawBar(line.share, line.title), make("span", "share", line.text));
  if (line.badge) {
    const badge = link(`badge ${line.badge.colour}`, line.badge.url, line.badge.text);
    badge.title = line.badge.help;
    badge.dataset.focus = `badge ${line.title}`;
    found.append(badge);
  }
  return found;
}

/** @param {number} share 0 to 1 @param {string} label */
function drawBar(share, label) {
  const bar = make("span", "bar");
  bar.setAttribute("role", "meter");
  bar.setAttribute("aria-label", label);
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", "100");
  bar.setAttribute("aria-valuenow", String(Math.floor(100 * share)));
  const filled = make("span", "filled");
  filled.style.width = `${100 * share}%`;
  bar.append(filled);
  return bar;
}

/** @param {DatasetRow} row */
function drawActivity(row) {
  const time = make("time", "", row.activity);
  time.dateTime = row.activity_time;
  time.title = row.activity_time;
  return cell("activity", time);
}

/** @param {TableRoot} root @param {DatasetRow} row */
function drawWays(root, row) {
  const found = cell("ways");
  for (const way of row.ways) {
    const one = link("way", way.href, way.label);
    one.setAttribute("aria-label", `${way.label}: ${row.name}`);
    one.dataset.focus = `way ${way.label}`;
    found.append(one);
  }
  if (root.data.can_choose) {
    const { details } = root.data.texts;
    const button = makeButton("way", details, () => root.trigger("chosen", row.dataset_id));
    button.setAttribute("aria-label", `${details}: ${row.name}`);
    button.setAttribute("aria-pressed", String(root.data.chosen === row.dataset_id));
    button.dataset.focus = "details";
    found.append(button);
  }
  return found;
}
