// The reader's time zone is Airflow's choice, else the browser's; the server reads it from a cookie.

const COOKIE = "hypercarbon_timezone";

/** Keep the cookie right. @param {() => void} changed @returns {boolean} whether the page is written in another zone */
export function followTimeZone(changed) {
  addEventListener("storage", (event) => {
    if (event.key === "timezone" && keep()) changed();
  });
  return keep();
}

/** @returns {boolean} whether what is shown is in another zone than what is wanted */
function keep() {
  const zone = wanted();
  document.cookie = `${COOKIE}=${encodeURIComponent(zone)}; path=${location.pathname}; samesite=lax; max-age=31536000`;
  return document.body.dataset.zone !== zone;
}

/** @returns {string} an IANA name */
function wanted() {
  try {
    const chosen = JSON.parse(localStorage.getItem("timezone") ?? "null");
    if (typeof chosen === "string" && chosen && chosen !== "local") {
      return new Intl.DateTimeFormat("en-GB", { timeZone: chosen }).resolvedOptions().timeZone;
    }
  } catch {
    // not JSON, or no time zone: the browser's will do
  }
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
