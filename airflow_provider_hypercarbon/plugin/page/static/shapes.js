// Shapes that the charts are made of: a line, a text, and where a drawing is.

export const FAMILY = "Inter, -apple-system, BlinkMacSystemFont, 'Segoe UI', Helvetica, Arial, sans-serif";

/**
 * @typedef {object} Area where a chart is drawn
 * @property {(x: number, y: number) => number[]} at from values to pixels
 * @property {number} left @property {number} right @property {number} top @property {number} bottom
 */

export const lineOf = (/** @type {string} */ colour, /** @type {number} */ width, dash = /** @type {number[] | false} */ (false)) => (
  { stroke: colour, lineWidth: width, lineDash: dash || null, fill: "none" }
);

/** @param {number[]} points @param {object} style */
export function rule([x1, y1, x2, y2], style) { return { type: "line", shape: { x1, y1, x2, y2 }, style }; }

/** @param {string} words @param {number} x @param {number} y @param {object} style @param {boolean} halo */
export function text(words, x, y, style, halo = false) {
  const around = halo ? { stroke: "var(--panel)", lineWidth: 3 } : {};
  return { type: "text", style: { text: words, x, y, fontSize: 11.5, fontFamily: FAMILY, ...around, ...style } };
}
