// What every page may use: a word at the edge for what happens meanwhile, and a request that changes something.

const toasts = document.getElementById("toasts");
const SHOWN_MS = 8000;
const SHOWN_MAX = 3;

/** Shows a few words for a while; they are read out. href: where they lead, if anywhere. */
export function toast(text, href = "") {
  const shown = document.createElement("div");
  shown.className = "toast";
  const words = document.createElement(href ? "a" : "span");
  words.textContent = text;
  if (href) words.href = href;
  shown.append(words);
  while (toasts.childElementCount >= SHOWN_MAX) toasts.firstElementChild.remove();
  toasts.append(shown);
  setTimeout(() => shown.remove(), SHOWN_MS);
}

/** Asks the API as this session. body: an object, or nothing. Throws an Error with the problem's own words. */
export async function api(method, path, body) {
  const headers = { "X-CSRF-Token": document.body.dataset.csrf ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const told = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(told?.detail ?? answer.statusText);
  return told;
}

/** An element with text and attributes; text is never read as HTML. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A second press while the first is on its way sends nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
