// The page of a run: what the server says of it takes the place of what is there, until nothing more comes.

const EVERY_MS = 1000;
// What was sent last is decided and told a moment later.
const ROUNDS_AFTER = 6;

const run = document.getElementById("run");
const said = document.getElementById("said");
let after = 0;

async function look() {
  try {
    const answer = await fetch(run.dataset.part, { headers: { Accept: "text/html" } });
    if (answer.status === 401 || answer.status === 404) return;
    if (answer.ok && !run.contains(document.activeElement)) {
      // The server has escaped it: it is the same template that made the page.
      run.innerHTML = await answer.text();
    }
  } catch {
    // Argus is away for a moment: ask again.
  }
  const part = run.firstElementChild;
  if (part.dataset.ended === "yes") after += 1;
  if (after < ROUNDS_AFTER) setTimeout(look, EVERY_MS);
  else said.textContent = `The attack is over: ${part.dataset.said}`;
}

setTimeout(look, EVERY_MS);
