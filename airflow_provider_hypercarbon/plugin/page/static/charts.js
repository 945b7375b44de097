// Charts: from what the server wrote into the page to a drawing. Only this file knows the chart library.
import { named } from "./line-names.js";
import { readable } from "./readout.js";
import { FAMILY, lineOf, rule, text } from "./shapes.js";

/** @typedef {Record<string, any>} Spec */
/** @typedef {import("./shapes.js").Area} Area */

/** @type {any} */
let library = null;
/** @type {Map<Element, {chart: any, spec: Spec}>} */
const drawn = new Map();
const LIBRARY = new URL("./vendor/chart-library.js", import.meta.url).href;
const LEVELS = [0, 100, 200, 400, 600, Infinity];
const WORDS = ["excellent", "good", "moderate", "poor", "very poor"];

/** Draw every chart below a place. Without the library the tables stand open instead. @param {ParentNode} where */
export async function drawCharts(where) {
  const places = [...where.querySelectorAll("[data-chart]")];
  if (!places.length) return;
  forgetLost();
  library ??= await import(LIBRARY).catch(() => false);
  for (const place of places) {
    if (!place.isConnected) continue;
    if (!library) { place.classList.add("no-library"); openTable(place); continue; }
    const canvas = /** @type {HTMLElement} */ (place.querySelector(".canvas"));
    const spec = JSON.parse(place.querySelector("script")?.textContent ?? "{}");
    // Airflow's frame has no width while its tab is hidden.
    if (canvas.clientWidth) draw(canvas, spec); else later.observe(canvas);
    sizes.observe(canvas);
  }
}

/** Draw all again: colours that are mixed from others do not follow by themselves. */
export function redrawCharts() {
  for (const [canvas, { chart, spec }] of drawn) chart.setOption(option(spec, canvas.clientWidth), true);
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const known = drawn.get(target);
    if (known && target.clientWidth && target.clientWidth !== known.chart.getWidth()) {
      known.chart.resize();
      known.chart.setOption(option(known.spec, target.clientWidth), true);
    }
  }
});
const later = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (!target.clientWidth || drawn.has(target)) continue;
    later.unobserve(target);
    draw(/** @type {HTMLElement} */ (target), JSON.parse(target.parentElement?.querySelector("script")?.textContent ?? "{}"));
  }
});

/** @param {HTMLElement} canvas @param {Spec} spec */
function draw(canvas, spec) {
  const chart = library.init(canvas, null, { renderer: "svg" });
  chart.setOption(option(spec, canvas.clientWidth));
  canvas.querySelector("svg")?.setAttribute("aria-hidden", "true");
  drawn.set(canvas, { chart, spec });
  readable(canvas, spec, (value) => chart.convertToPixel({ xAxisIndex: 0 }, value));
}

function forgetLost() {
  for (const [canvas, { chart }] of drawn) {
    if (!canvas.isConnected) { chart.dispose(); drawn.delete(canvas); }
  }
}

/** @param {Element} place */
function openTable(place) {
  const near = place.closest("section, .half")?.querySelector("details.as-table") ?? document.querySelector("details.wide");
  if (near instanceof HTMLDetailsElement) near.open = true;
}

/** @param {Spec} spec @param {number} width */
function option(spec, width) {
  const made = { curve, bars: daily, dots: daily, starts }[/** @type {string} */ (spec.kind)];
  return { animation: false, textStyle: { fontFamily: FAMILY }, ...(made ? made(spec, width) : {}) };
}

const axisText = { color: "var(--fg-muted)", fontSize: 11.5, fontFamily: FAMILY };
/** A grid's curve. @param {Spec} spec @param {number} width */
function curve(spec, width) {
  const narrow = width < 600;
  const highest = Math.max(
    ...spec.measured.map((/** @type {number[]} */ p) => p[2]), ...spec.also.map((/** @type {number[]} */ p) => p[2]),
    ...spec.ahead.map((/** @type {number[]} */ p) => p[4] ?? p[2]), (spec.threshold ?? 0) * 1.08, 20,
  );
  const [top, step] = niceScale(highest, 5);
  const ticks = thin(spec.ticks, narrow ? 5 : Math.floor(width / 68));
  const labels = new Map(ticks.map((/** @type {any[]} */ t) => [t[0], t]));
  const wide = width > 760;
  return {
    grid: { left: 38, right: wide ? 74 : 10, top: 24, bottom: 24 },
    xAxis: {
      type: "value", min: spec.from, max: spec.to, axisLine: { show: false }, splitLine: { show: false },
      axisTick: { show: false },
      axisLabel: {
        ...axisText, customValues: ticks.map((t) => t[0]), margin: 9,
        formatter: (/** @type {number} */ at) => (labels.get(at)?.[2] ? `{day|${labels.get(at)?.[1]}}` : labels.get(at)?.[1] ?? ""),
        rich: { day: { color: "var(--fg)", fontSize: 11.5, fontFamily: FAMILY, fontWeight: 600 } },
      },
    },
    yAxis: {
      type: "value", min: 0, max: top, interval: step, axisLine: { show: false }, axisTick: { show: false },
      axisLabel: { ...axisText, margin: 7, formatter: (/** @type {number} */ v) => plain(v, step) }, splitLine: { lineStyle: { color: "var(--grid)" } },
    },
    series: [
      custom(1, (area) => backdrop(spec, area, top, wide)),
      custom(2, (area) => band(spec.ahead, area)),
      custom(3, (area) => [
        ...steps(spec.also, area, "var(--brand)", false, 2), ...steps(spec.ahead, area, "var(--fg)", [4, 3], 1.8),
        ...steps(spec.measured, area, "var(--fg)", false, 2),
      ]),
      custom(4, (area) => marks(spec, area)),
    ],
  };
}

/** A series that draws what it likes. @param {number} z @param {(area: Area) => object[]} children */
function custom(z, children) {
  return {
    type: "custom", z, silent: true, clip: false, data: [[0, 0]], encode: { x: [], y: [] },
    renderItem: (/** @type {any} */ params, /** @type {any} */ api) => {
      const { x, y, width, height } = params.coordSys;
      const area = { at: (/** @type {number} */ a, /** @type {number} */ b) => api.coord([a, b]), left: x, right: x + width, top: y, bottom: y + height };
      return { type: "group", children: children(area) };
    },
  };
}

/** @param {Spec} spec @param {Area} area @param {number} top @param {boolean} named */
function backdrop(spec, area, top, named) {
  const shapes = [];
  const opacity = Number(getComputedStyle(document.documentElement).getPropertyValue("--band")) || 0.17;
  for (let level = 0; level < 5; level += 1) {
    const [low, high] = [LEVELS[level], Math.min(LEVELS[level + 1], top)];
    if (low >= top) break;
    const [y0, y1] = [area.at(spec.from, low)[1], area.at(spec.from, high)[1]];
    const colour = `var(--level-${level + 1})`;
    shapes.push({ type: "rect", shape: { x: area.left, y: y1, width: area.right - area.left, height: y0 - y1 }, style: { fill: colour, opacity } });
    if (high < top) shapes.push(rule([area.left, y1, area.right, y1], lineOf(colour, 1)));
    if (named && y0 - y1 > 14) shapes.push(text(WORDS[level], area.right + 7, (y0 + y1) / 2, { fill: "var(--fg-muted)", verticalAlign: "middle" }));
  }
  for (const [at, , midnight] of spec.ticks) {
    if (midnight) shapes.push(rule([area.at(at, 0)[0], area.top, area.at(at, 0)[0], area.bottom], lineOf("var(--fg-muted)", 1, [1, 4])));
  }
  for (const [from, to] of spec.gaps) {
    const [x0, x1] = [Math.max(area.left, area.at(from, 0)[0]), Math.min(area.right, area.at(to, 0)[0])];
    shapes.push({ type: "rect", shape: { x: x0, y: area.top, width: x1 - x0, height: area.bottom - area.top }, style: { fill: "var(--panel)", opacity: 0.55 } });
    shapes.push({ type: "rect", shape: { x: x0, y: area.top, width: x1 - x0, height: area.bottom - area.top }, style: { fill: "url(#unknown)" } });
    const words = to >= spec.to ? "no forecast yet" : "not measured";
    if (x1 - x0 > 110) shapes.push(text(words, (x0 + x1) / 2, (area.top + area.bottom) / 2, { align: "center", verticalAlign: "middle", fill: "var(--fg)" }, true));
  }
  return shapes;
}

/** The range around what is expected; nothing where no error is known. @param {number[][]} points @param {Area} area */
function band(points, area) {
  /** @type {object[]} */
  const shapes = [];
  let run = /** @type {number[][]} */ ([]);
  const close = () => {
    if (run.length) {
      const upper = run.flatMap((p) => [area.at(p[0], p[4]), area.at(p[1], p[4])]);
      const lower = run.flatMap((p) => [area.at(p[0], p[3]), area.at(p[1], p[3])]).reverse();
      shapes.push({ type: "polygon", shape: { points: [...upper, ...lower].map((p) => bounded(p, area)) }, style: { fill: "var(--fg)", opacity: 0.13 } });
    }
    run = [];
  };
  for (const point of points) {
    if (point[3] == null || point[4] == null) { close(); continue; }
    if (run.length && run[run.length - 1][1] !== point[0]) close();
    run.push(point);
  }
  close();
  return shapes;
}

/** @param {number[][]} points @param {Area} area @param {string} colour @param {number[] | false} dash @param {number} width */
function steps(points, area, colour, dash, width) {
  /** @type {object[]} */
  const shapes = [];
  let line = /** @type {number[][]} */ ([]);
  let end = NaN;
  const close = () => { if (line.length) shapes.push({ type: "polyline", shape: { points: line }, style: lineOf(colour, width, dash) }); };
  for (const [from, to, value] of points) {
    if (from !== end) { close(); line = []; }
    line.push(bounded(area.at(from, value), area), bounded(area.at(to, value), area));
    end = to;
  }
  close();
  return shapes;
}

/** What is drawn over the curve: now, the planned run, the deadline, the limit. @param {Spec} spec @param {Area} area */
function marks(spec, area) {
  const shapes = [];
  const x = (/** @type {number} */ at) => area.at(at, 0)[0];
  const inside = (/** @type {number} */ at) => at >= spec.from && at <= spec.to;
  const up = area.top - 6;
  if (spec.plan) {
    const [x0, x1] = [Math.max(area.left, x(spec.plan.at)), Math.min(area.right, x(spec.plan.end))];
    if (x1 > x0) shapes.push({ type: "rect", shape: { x: x0, y: area.top, width: Math.max(3, x1 - x0), height: area.bottom - area.top }, style: { fill: "var(--plan)", opacity: 0.25 } });
  }
  if (spec.threshold != null) {
    const y = area.at(spec.from, spec.threshold)[1];
    shapes.push(rule([area.left, y, area.right, y], lineOf("var(--fg)", 1.4, [2, 2])));
    shapes.push(text(`threshold ${spec.threshold}`, area.right - 4, y - 3, { align: "right", verticalAlign: "bottom", fill: "var(--fg)", fontWeight: 600 }, true));
  }
  if (inside(spec.mark.at)) shapes.push(rule([x(spec.mark.at), up + 4, x(spec.mark.at), area.bottom], lineOf("var(--fg)", 1.2)));
  if (spec.scheduled && inside(spec.scheduled)) {
    const at = x(spec.scheduled);
    shapes.push({ type: "polygon", shape: { points: [[at, area.bottom - 1], [at - 5, area.bottom + 7], [at + 5, area.bottom + 7]] }, style: { fill: "var(--fg)" } });
  }
  const plan = spec.plan && inside(spec.plan.at) ? { at: x(spec.plan.at), words: `\u25bc ${spec.plan.label}`, fill: "var(--plan)", out: -4 } : null;
  const deadline = spec.deadline && inside(spec.deadline.at) ? { at: x(spec.deadline.at), words: spec.deadline.label, fill: "var(--deadline)", out: 4 } : null;
  if (plan) shapes.push(rule([plan.at, up, plan.at, area.bottom], lineOf(plan.fill, 2)));
  if (deadline) shapes.push(rule([deadline.at, up, deadline.at, area.bottom], lineOf(deadline.fill, 2, [5, 4])));
  const mark = inside(spec.mark.at) ? { at: x(spec.mark.at), words: spec.mark.label, fill: "var(--fg)", out: 4 } : null;
  shapes.push(...named(plan, deadline, mark, area));
  return shapes;
}

/** Bars with whiskers, or dots with lines, one a day. @param {Spec} spec @param {number} width */
function daily(spec, width) {
  const known = spec.rows.filter((/** @type {any} */ row) => row.v);
  const highest = Math.max(0, ...known.map((/** @type {any} */ row) => row.v[2]));
  const lowest = Math.min(0, ...known.map((/** @type {any} */ row) => row.v[1]));
  const [, step] = niceScale(Math.max(highest, -lowest, highest - lowest) || 1, 4);
  const [top, bottom] = [Math.ceil(highest / step) * step, Math.floor(lowest / step) * step];
  const every = Math.ceil(spec.rows.length / Math.max(2, Math.floor(width / 88)));
  const bars = spec.kind === "bars";
  const last = spec.rows.length - 1;
  return {
    grid: { left: 58, right: 14, top: 10, bottom: 24 },
    xAxis: {
      type: "category", data: spec.labels, axisLine: { show: false }, axisTick: { show: false },
      axisLabel: { ...axisText, interval: (/** @type {number} */ i) => (last - i) % every === 0, margin: 9 },
    },
    yAxis: {
      type: "value", min: bottom || (bars ? 0 : -step), max: top || step, interval: step, axisLine: { show: false }, axisTick: { show: false },
      splitLine: { lineStyle: { color: "var(--grid)" } },
      axisLabel: { ...axisText, formatter: (/** @type {number} */ v) => `${plain(v, step)}\u202f${spec.unit}` },
    },
    series: [custom(2, (area) => {
      const shapes = [];
      const zero = area.at(0, 0)[1];
      const slot = (area.right - area.left) / spec.rows.length;
      if (!bars) shapes.push(rule([area.left, zero, area.right, zero], lineOf("var(--fg)", 1.3)));
      spec.rows.forEach((/** @type {any} */ row, /** @type {number} */ i) => {
        if (!row.v) return;
        const [x, y] = area.at(i, row.v[0]);
        const [low, high] = [area.at(i, row.v[1])[1], area.at(i, row.v[2])[1]];
        if (bars) {
          const wide = Math.max(2, Math.min(26, slot * 0.72));
          const shape = { x: x - wide / 2, y: Math.min(y, zero), width: wide, height: Math.max(1, Math.abs(zero - y)) };
          shapes.push({ type: "rect", shape, style: row.p ? { fill: "url(#provisional)", stroke: "var(--bar)", lineWidth: 1.2 } : { fill: "var(--bar)" } });
          if (low !== high) {
            const cap = Math.min(4, wide / 2);
            for (const points of [[x, low, x, high], [x - cap, low, x + cap, low], [x - cap, high, x + cap, high]]) shapes.push(rule(points, lineOf("var(--whisker)", 1.3)));
          }
        } else {
          const size = Math.max(2.4, Math.min(4.6, slot * 0.3));
          if (low !== high) shapes.push(rule([x, low, x, high], { ...lineOf("var(--plan)", Math.max(2.5, size)), opacity: 0.5 }));
          shapes.push({ type: "circle", shape: { cx: x, cy: y, r: size }, style: { fill: row.p ? "var(--panel)" : "var(--plan)", stroke: "var(--plan)", lineWidth: 1.7 } });
        }
      });
      return shapes;
    })],
  };
}

/** When runs started, downwards from their schedule. @param {Spec} spec @param {number} width */
function starts(spec, width) {
  const ticks = new Map(spec.ticks);
  const most = spec.ticks[spec.ticks.length - 1][0];
  const every = Math.ceil(spec.rows.length / Math.max(2, Math.floor(width / 88)));
  const last = spec.rows.length - 1;
  return {
    grid: { left: 52, right: width > 500 ? 74 : 12, top: 12, bottom: 24 },
    xAxis: {
      type: "category", data: spec.labels, position: "bottom", axisLine: { show: false }, axisTick: { show: false },
      axisLabel: { ...axisText, interval: (/** @type {number} */ i) => (last - i) % every === 0, margin: 9 },
    },
    yAxis: {
      type: "value", inverse: true, min: 0, max: most, axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: false },
      axisLabel: { ...axisText, customValues: [...ticks.keys()], formatter: (/** @type {number} */ v) => String(ticks.get(v) ?? "") },
    },
    series: [custom(2, (area) => {
      const shapes = spec.ticks.map((/** @type {[number, string]} */ [at]) => {
        const y = area.at(0, at)[1];
        return rule([area.left, y, area.right, y], lineOf(at ? "var(--grid)" : "var(--fg)", at ? 1 : 1.2));
      });
      const slot = (area.right - area.left) / spec.rows.length;
      if (width > 500) shapes.push(text("scheduled", area.right + 6, area.at(0, 0)[1], { fill: "var(--fg-muted)", verticalAlign: "middle" }));
      for (let from = 0, to = 0; from < spec.rows.length; from = to) {
        // One line for runs with the same deadline: dashes that begin anew at each run are no dashes.
        while (to < spec.rows.length && spec.rows[to].deadline === spec.rows[from].deadline) to += 1;
        const end = area.at(from, spec.rows[from].deadline)[1];
        shapes.push(rule([area.at(from, 0)[0] - slot / 2, end, area.at(to - 1, 0)[0] + slot / 2, end], lineOf("var(--deadline)", 1.8, [5, 3])));
      }
      spec.rows.forEach((/** @type {any} */ row, /** @type {number} */ i) => {
        const [x, y] = area.at(i, row.v);
        shapes.push(rule([x, area.at(i, 0)[1], x, y], { ...lineOf("var(--plan)", 4), opacity: 0.3 }));
        shapes.push(startMark(row.shape, x, y));
      });
      if (width > 500 && spec.rows.length) shapes.push(text("deadline", area.right + 6, area.at(last, spec.rows[last].deadline)[1], { fill: "var(--deadline)", verticalAlign: "middle", fontWeight: 600 }));
      return shapes;
    })],
  };
}

/** @param {string} shape @param {number} x @param {number} y */
function startMark(shape, x, y) {
  const ink = "var(--fg)";
  if (shape === "square") return { type: "rect", shape: { x: x - 4.5, y: y - 4.5, width: 9, height: 9 }, style: { fill: "var(--deadline)" } };
  if (shape === "triangle") return { type: "polygon", shape: { points: [[x, y - 6], [x - 5.5, y + 4.5], [x + 5.5, y + 4.5]] }, style: { fill: "var(--panel)", stroke: ink, lineWidth: 1.8 } };
  const open = shape !== "dot";
  return {
    type: "circle", shape: { cx: x, cy: y, r: 4.8 },
    style: { fill: open ? "var(--panel)" : "var(--plan)", stroke: shape === "ring" ? ink : "var(--plan)", lineWidth: 1.8, lineDash: shape === "open" ? [2, 2] : null },
  };
}

/** @param {number[]} point @param {Area} area */
function bounded([x, y], area) {
  return [Math.min(area.right, Math.max(area.left, x)), Math.min(area.bottom, Math.max(area.top, y))];
}

/** An axis that ends at a step people read easily. @param {number} highest @param {number} count @returns {[number, number]} */
function niceScale(highest, count) {
  const rough = highest / count;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * size >= rough) ?? 10) * size;
  return [Math.ceil(highest / step) * step, step];
}

/** @param {number} value @param {number} step */
function plain(value, step) {
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (String(step).includes("25") ? 1 : 0));
  const digits = Math.abs(value) < step / 1e6 ? "0" : value.toFixed(Math.min(6, places));
  return digits.replace("-", "\u2212").replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** @param {any[]} ticks @param {number} most */
function thin(ticks, most) {
  if (ticks.length <= most) return ticks;
  const midnights = ticks.filter((t) => t[2]);
  const every = Math.ceil(ticks.length / most);
  const kept = ticks.filter((t, i) => t[2] || (i - ticks.findIndex((one) => one[2])) % every === 0);
  return kept.length <= most + 2 ? kept : midnights;
}
