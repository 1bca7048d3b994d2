// Live alerts on the first page: rows come in at the top, an update takes the place of its alert. After a break it goes
// on from the last one seen. Filters are the server's; a text is looked for here, since the live feed has no search.

import { element, toast } from "./console.js";

const ROWS_MAX = 200;
const HELD_MAX = 500;
const AGAIN_MS = [500, 1000, 2000, 5000, 10000];
const TOLD_EVERY_MS = 5000;
// What the server says when it closes: the login has ended; the alert to go on from is not known there.
const EXPIRED = 4001;
const UNKNOWN = 4004;

const bar = document.getElementById("live");
const list = document.getElementById("alerts");
const empty = document.getElementById("empty");
const template = document.getElementById("row");
const state = document.getElementById("live-state");
const pause = document.getElementById("pause");
const text = bar.dataset.text.toLowerCase();
const held = [];
let seen = bar.dataset.after ? { after: bar.dataset.after, count: bar.dataset.count } : null;
let paused = false;
let tries = 0;
let arrived = 0;
let telling = null;

function say(name, words) {
  state.dataset.state = name;
  state.textContent = words;
}

function about(alert) {
  return alert.source ? `${alert.source.type} ${alert.source.id}` : alert.user_id ?? "";
}

function wanted(alert) {
  if (!text) return true;
  const said = [alert.title, alert.summary, about(alert), alert.rule_id, alert.event_id, alert.alert_id, ...Object.values(alert.context)];
  return said.join(" ").toLowerCase().includes(text);
}

function moment(time) {
  const at = new Date(time);
  const month = at.toLocaleString("en", { month: "short", timeZone: "UTC" });
  const two = (number) => String(number).padStart(2, "0");
  return `${two(at.getUTCDate())} ${month} ${at.getUTCFullYear()} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

function row(alert) {
  const made = template.content.firstElementChild.cloneNode(true);
  const one = (name) => made.querySelector(name);
  made.id = `alert-${alert.alert_id}`;
  made.dataset.id = alert.alert_id;
  made.dataset.count = alert.count;
  made.dataset.severity = alert.severity;
  one(".badge").dataset.severity = alert.severity;
  one(".badge").textContent = alert.severity[0] + alert.severity.slice(1).toLowerCase();
  one(".alert-title").textContent = alert.title;
  one(".alert-title").href = `/alerts/${encodeURIComponent(alert.alert_id)}`;
  one(".alert-summary").textContent = alert.summary;
  if (alert.mode === "shadow") one(".alert-more").append(element("span", { class: "badge", "data-state": "shadow" }, "Shadow"));
  if (alert.count > 1) one(".alert-more").append(element("span", { class: "muted small" }, `${alert.count} times`));
  if (alert.user_id) one(".alert-who").append(element("a", { href: `/users/${encodeURIComponent(alert.user_id)}` }, alert.user_id));
  else one(".alert-who").textContent = about(alert);
  one(".alert-risk").append(element("span", { class: "unseen" }, "Risk "), String(Math.round(alert.risk_score)));
  one("time").dateTime = alert.time;
  one("time").textContent = moment(alert.time);
  return made;
}

function show(alert) {
  const there = document.getElementById(`alert-${alert.alert_id}`);
  if (there && Number(there.dataset.count) >= alert.count) return;
  // Whoever stands on a row with the keyboard is not thrown out of it.
  const focused = there?.contains(document.activeElement);
  there?.remove();
  const made = row(alert);
  list.prepend(made);
  if (focused) made.querySelector("a").focus();
  while (list.childElementCount > ROWS_MAX) list.lastElementChild.remove();
  empty.hidden = true;
  if (!there) tell();
}

function tell() {
  arrived += 1;
  telling ??= setTimeout(() => {
    // Only for those who do not see the rows come: nothing is shown beside them.
    document.getElementById("arrivals").textContent = arrived === 1 ? "A new alert" : `${arrived} new alerts`;
    arrived = 0;
    telling = null;
  }, TOLD_EVERY_MS);
}

function take(alert) {
  seen = { after: alert.alert_id, count: alert.count };
  if (!wanted(alert)) return;
  if (!paused) {
    show(alert);
    return;
  }
  held.push(alert);
  if (held.length > HELD_MAX) held.shift();
  say("paused", `${held.length} waiting`);
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Go on" : "Pause";
  if (paused) say("paused", "Paused");
  else {
    for (const alert of held.splice(0)) show(alert);
    say("live", "Live");
  }
});

async function catchUp() {
  // Without an alert to go on from: what came between the page and the connection.
  const answer = await fetch(`/v1/alerts?limit=50&${bar.dataset.query}`);
  if (!answer.ok) return;
  const page = await answer.json();
  for (const alert of page.items.reverse()) take(alert);
}

function connect() {
  const query = new URLSearchParams(bar.dataset.query);
  for (const [name, value] of Object.entries(seen ?? {})) query.set(name, value);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/alerts?${query}`);
  socket.addEventListener("open", () => {
    tries = 0;
    if (!paused) say("live", "Live");
    if (!seen) catchUp();
  });
  socket.addEventListener("message", (message) => take(JSON.parse(message.data)));
  socket.addEventListener("close", (event) => {
    if (event.code === EXPIRED) {
      say("broken", "Logged out");
      toast("The login has ended. Log in again", `/login?next=${encodeURIComponent(location.pathname + location.search)}`);
      return;
    }
    if (event.code === UNKNOWN) seen = null;
    say("broken", "Connecting again");
    setTimeout(connect, AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)]);
    tries += 1;
  });
}

bar.hidden = false;
bar.append(element("span", { id: "arrivals", class: "unseen", role: "status" }));
connect();
