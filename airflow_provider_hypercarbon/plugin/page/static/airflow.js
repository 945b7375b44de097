// From the page into Airflow: the frame may not navigate its parent, but it may tell Airflow's router where to go.

/** Open an address of Airflow without a reload. @param {string} url @returns {boolean} whether Airflow could be told */
export function openInAirflow(url) {
  try {
    if (parent === window || parent.location.origin !== location.origin) return false;
    parent.history.pushState({}, "", url);
    parent.dispatchEvent(new PopStateEvent("popstate"));
    return true;
  } catch {
    return false;
  }
}

/** Make every link that is marked as Airflow's open there; alone, or for a new tab, a link stays a link. */
export function catchLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[data-airflow]") : null;
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (link instanceof HTMLAnchorElement && plain && openInAirflow(link.href)) event.preventDefault();
  });
}
