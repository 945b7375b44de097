// Countdowns: each second in the last two minutes, else each minute.

const THIN = "\u202f";

/** @param {number} milliseconds @returns {string} as the server writes spans */
export function span(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds <= 0) return "now";
  if (seconds < 120) return `${seconds}${THIN}s`;
  const minutes = Math.round(seconds / 60);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
  const parts = [[days, "d"], [hours, "h"], [days ? 0 : minutes % 60, "min"]];
  return parts.filter(([number]) => number).map(([number, unit]) => `${number}${THIN}${unit}`).join(" ");
}

/** Keep every countdown of the page right, those that come later too. */
export function count() {
  const tick = () => {
    let next = 60_000;
    for (const place of document.querySelectorAll("[data-until]")) {
      const left = Date.parse(/** @type {HTMLElement} */ (place).dataset.until ?? "") - Date.now();
      const words = span(left);
      if (place.textContent !== words) place.textContent = words;
      if (left > 0) next = Math.min(next, left < 125_000 ? 1000 : left % 60_000 || 60_000);
    }
    setTimeout(tick, Math.max(1000, Math.min(next, 15_000)));
  };
  tick();
}
