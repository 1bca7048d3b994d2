// Parts of a page that stay current: `data-refresh-s` asks for the page again and takes the part from it, unless
// somebody is at work in it. Deadlines (`data-by`) count down by themselves.

const TICK_MS = 1000;
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86400;

function busy(part) {
  if (part.contains(document.activeElement)) return true;
  if (part.querySelector("details[open]")) return true;
  const fields = part.querySelectorAll("input:not([type=hidden]), textarea");
  return [...fields].some((field) => field.value !== field.defaultValue);
}

let parts = [...document.querySelectorAll("[data-refresh-s][id]")];
const everyS = Math.min(...parts.map((part) => Number(part.dataset.refreshS)));

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  // After a login has ended, the answer is the login page.
  if (!answer?.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const made = fresh.getElementById(part.id);
    if (made && !busy(part) && made.innerHTML !== part.innerHTML) part.replaceChildren(...made.childNodes);
  }
}

function spoken(seconds) {
  const whole = Math.floor(Math.abs(seconds));
  const days = Math.floor(whole / DAY_S);
  const hours = Math.floor((whole % DAY_S) / HOUR_S);
  const minutes = Math.floor((whole % HOUR_S) / MINUTE_S);
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  return minutes ? `${minutes} min ${String(whole % MINUTE_S).padStart(2, "0")} s` : `${whole} s`;
}

function countDown() {
  for (const clock of document.querySelectorAll("[data-by]")) {
    const left = (new Date(clock.dataset.by) - Date.now()) / 1000;
    if (left < 0) clock.dataset.standing = "missed";
    clock.querySelector(".left").textContent = `${spoken(left)} ${left < 0 ? "over" : "left"}`;
  }
}

if (parts.length) {
  const again = () => setTimeout(() => refresh().finally(again), everyS * 1000);
  again();
}
countDown();
setInterval(countDown, TICK_MS);
