// Tell those who listen to the page.

/** @param {string} words */
export function say(words) {
  const place = document.getElementById("said");
  if (place) place.textContent = words;
}
