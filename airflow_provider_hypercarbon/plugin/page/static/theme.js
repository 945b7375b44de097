// Look as Airflow looks: its class on <html>, and its own colours where they are known.

/** Our names for Airflow's (Chakra's) colours. */
const COLOURS = {
  "--page": "--chakra-colors-bg-subtle", "--panel": "--chakra-colors-bg", "--muted": "--chakra-colors-bg-muted",
  "--fg": "--chakra-colors-fg", "--fg-muted": "--chakra-colors-fg-muted", "--border": "--chakra-colors-border",
  "--brand": "--chakra-colors-brand-fg", "--brand-subtle": "--chakra-colors-brand-subtle",
};

/** Follow Airflow's theme; alone, the stored wish or the system's. @param {() => void} changed */
export function followTheme(changed) {
  const root = document.documentElement;
  const frame = parentRoot();
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const dark = frame ? frame.classList.contains("dark") : wished() ?? system.matches;
    const before = root.className;
    root.className = dark ? "dark" : "light";
    if (frame) borrow(frame, root);
    if (before && before !== root.className) changed();
  };
  apply();
  if (frame) new MutationObserver(apply).observe(frame, { attributes: true, attributeFilter: ["class", "style"] });
  system.addEventListener("change", apply);
  addEventListener("storage", (event) => { if (event.key === "theme") apply(); });
}

/** @returns {boolean | undefined} whether dark was wished for; undefined: as the system has it */
function wished() {
  const theme = (localStorage.getItem("theme") ?? "").replaceAll('"', "");
  return theme === "dark" ? true : theme === "light" ? false : undefined;
}

/** @returns {HTMLElement | undefined} Airflow's <html>, when the page is shown inside it */
function parentRoot() {
  try {
    return parent === window ? undefined : parent.document.documentElement;
  } catch {
    return undefined; // a frame of another site
  }
}

/** @param {HTMLElement} frame @param {HTMLElement} root */
function borrow(frame, root) {
  const style = frame.ownerDocument.defaultView?.getComputedStyle(frame);
  for (const [ours, theirs] of Object.entries(COLOURS)) {
    const value = style?.getPropertyValue(theirs).trim();
    if (value) root.style.setProperty(ours, value); else root.style.removeProperty(ours);
  }
}
