// What is chosen in the rail, as the text of rules that the server reads, links hold and Curate takes over.
/** @import { Facet } from "./grid_types.js" */

/** @param {Facet} facet */
export function ruleOf(facet) {
  const { name, low, high } = facet;
  if (facet.kind === "values" && facet.chosen.length) {
    return `${name} in (${facet.chosen.map((value) => (value === null ? "missing" : JSON.stringify(value))).join(", ")})`;
  }
  if (facet.kind === "tags" && facet.chosen.length) {
    return tagRule(facet);
  }
  if (facet.kind !== "numbers" || (low === null && high === null)) {
    return "";
  }
  if (low === null) {
    return `${name} <= ${high}`;
  }
  return high === null ? `${name} >= ${low}` : `${low} <= ${name} <= ${high}`;
}

/** Any of some tags, or none at all. @param {Facet} facet */
function tagRule({ chosen, values }) {
  const isNone = chosen.includes(null);
  const names = isNone ? values.map(({ value }) => value) : chosen;
  const tags = names.flatMap((name) => (name === null ? [] : `tag(${JSON.stringify(name)})`));
  const any = tags.length > 1 ? `(${tags.join(" or ")})` : tags[0];
  return isNone ? `not ${any}` : any;
}

/** @param {Facet[]} facets @param {string[]} rest rules that no facet shows */
export function filterText(facets, rest) {
  return [...facets.map(ruleOf).filter(Boolean), ...rest].join(" and ");
}

/** @param {Facet[]} facets */
export function decidedOf(facets) {
  const [chosen] = facets.find((facet) => facet.kind === "decided")?.chosen ?? [];
  return chosen ?? "any";
}

/** @param {Facet} facet */
export function isActive(facet) {
  return facet.kind === "numbers" ? facet.low !== null || facet.high !== null : facet.chosen.length > 0;
}

/** A number as short as tells it from its neighbours. @param {number} value */
export function shortNumber(value) {
  return Math.abs(value) >= 1000
    ? Math.round(value).toLocaleString("en-US")
    : String(Number(value.toPrecision(3))).replace("-", "−");
}
