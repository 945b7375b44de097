// The names of a curve's lines: the planned start, the deadline, and now.
import { FAMILY, text } from "./shapes.js";

/** @typedef {import("./shapes.js").Area} Area */

/**
 * @typedef {object} Named a line that has a name
 * @property {number} at @property {string} words @property {string} fill
 * @property {number} out how far beside its line the name begins
 */

/**
 * The names of the lines: above the drawing, on sides where both have room; else the deadline's stands below its line's
 * top, and "now" out of its way.
 * @param {Named | null} plan @param {Named | null} deadline @param {Named | null} mark @param {Area} area
 */
export function named(plan, deadline, mark, area) {
  const [least, most] = [2, area.right + 8];
  /** @param {Named} one @param {boolean} left @returns {[number, number]} */
  const span = (one, left) => {
    const wide = widthOf(one.words);
    return left ? [one.at - one.out - wide, one.at - one.out] : [one.at + one.out, one.at + one.out + wide];
  };
  /** @param {[number, number]} a */
  const fits = (a) => a[0] >= least && a[1] <= most;
  /** @param {[number, number]} a @param {[number, number]} b */
  const apart = (a, b) => a[1] + 6 < b[0] || b[1] + 6 < a[0];
  /** @param {Named} one @returns {[number, number]} */
  const alone = (one) => [span(one, false), span(one, true)].find(fits) ?? [least, least + widthOf(one.words)];
  /** @param {Named} one @param {[number, number]} where @param {number} y */
  const above = (one, where, y) => text(one.words, where[0], y, { verticalAlign: "bottom", fill: one.fill, fontWeight: 600 });
  const y = area.top - 8;
  const shapes = [];
  let low = /** @type {[number, number] | null} */ (null);
  if (plan && deadline) {
    const sides = /** @type {[boolean, boolean][]} */ ([[false, false], [true, false], [false, true], [true, true]]);
    const pairs = sides.map(([p, d]) => [span(plan, p), span(deadline, d)]);
    const pair = pairs.find(([p, d]) => fits(p) && fits(d) && apart(p, d));
    shapes.push(above(plan, pair?.[0] ?? alone(plan), y));
    if (pair) shapes.push(above(deadline, pair[1], y)); else low = alone(deadline);
    if (low) shapes.push(text(deadline.words, low[0], area.top + 3, { verticalAlign: "top", fill: deadline.fill, fontWeight: 600 }, true));
  } else {
    for (const one of [plan, deadline]) if (one) shapes.push(above(one, alone(one), y));
  }
  if (mark) {
    const busy = [plan, deadline].some((one) => one && one.at > mark.at - 2 && one.at < span(mark, false)[1] + 4);
    const where = busy && span(mark, true)[0] > area.left ? span(mark, true) : span(mark, false);
    const down = low && !apart(low, where) ? 18 : 2;
    shapes.push(text(mark.words, where[0], area.top + down, { verticalAlign: "top", fill: mark.fill }, true));
  }
  return shapes;
}

const ruler = document.createElement("canvas").getContext("2d");
/** @param {string} words @returns {number} how wide they are drawn, at most */
function widthOf(words) {
  if (!ruler) return words.length * 7;
  ruler.font = `600 11.5px ${FAMILY}`;
  return ruler.measureText(words).width;
}
