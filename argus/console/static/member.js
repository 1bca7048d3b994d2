// How long the one-time code is still good for. Without this the page says until when.

const until = document.getElementById("until");
const countdown = document.getElementById("countdown");

function tick() {
  const left = Math.max(0, Math.round((Number(until.dataset.ms) - Date.now()) / 1000));
  countdown.textContent = left ? ` (${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left)` : " (over: ask for another)";
  if (left) setTimeout(tick, 1000);
}

tick();
