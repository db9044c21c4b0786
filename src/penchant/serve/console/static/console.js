// Clicks of the console. A list changes in place; what is new or has moved is marked.
"use strict";

const csrf = document.querySelector("meta[name=csrf]").content;

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": csrf },
    body: JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error ? told.error.message : `the server answered ${answer.status}`);
  return told;
}

function fill(row, item, currency) {
  const price = typeof item.price === "number" ? `${item.price.toFixed(2)} ${currency}`.trim() : "";
  const words = { title: item.title || item.item_id, category: item.category, brand: item.brand, price, reason: item.reason };
  row.dataset.item = item.item_id;
  for (const [name, text] of Object.entries(words)) row.querySelector(`[data-field=${name}]`).textContent = text || "";
}

function mark(row, before, now) {
  const badge = row.querySelector("[data-badge]");
  const moved = before === undefined ? 0 : before - now;
  row.classList.toggle("changed", before === undefined || moved > 0);
  badge.classList.toggle("down", moved < 0);
  badge.textContent = before === undefined ? "new" : moved > 0 ? `↑ ${moved}` : moved < 0 ? `↓ ${-moved}` : "";
}

function change(home, told) {
  const items = told.items;
  home.dataset.shown = told.recommendation_id;
  const list = home.querySelector("[data-list]");
  const rows = new Map([...list.children].map((row, place) => [row.dataset.item, { row, place }]));
  const focus = document.activeElement;
  const inside = list.contains(focus);
  const shown = items.map((item, place) => {
    const known = rows.get(item.item_id);
    const row = known ? known.row : home.querySelector("[data-row]").content.firstElementChild.cloneNode(true);
    fill(row, item, home.dataset.currency);
    mark(row, known && known.place, place);
    return row;
  });
  list.replaceChildren(...shown);
  home.querySelector("[data-empty]").hidden = shown.length > 0;
  // Moving a row drops the focus; a row that left hands it to the list.
  if (inside) (list.contains(focus) ? focus : list).focus({ preventScroll: true });
}

function tell(home, text, kind) {
  const status = home.querySelector("[data-status]");
  status.textContent = text;
  status.className = `took ${kind}`;
}

async function refresh(home) {
  const answer = await fetch(`${home.dataset.person}/now`);
  if (!answer.ok || answer.redirected) return;
  const now = home.querySelector("[data-now]");
  const held = now.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  now.innerHTML = await answer.text();
  // What was in hand stays in hand: a slider is often moved twice.
  if (held) [...now.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === held)?.focus({ preventScroll: true });
}

const WEIGHTS = ["never", "less", "normal", "more"];

function correction(element) {
  const data = element.dataset;
  if ("never" in data) return { corrections: [{ kind: "item", name: element.closest("[data-item]").dataset.item, weight: "never" }] };
  if ("wish" in data) return { corrections: [{ kind: data.wish, name: data.name, weight: WEIGHTS[element.value] }] };
  if ("backWish" in data) return { corrections: [{ kind: data.backWish, name: data.name, weight: "normal" }] };
  if ("present" in data) return { present: data.present === "start" };
  if ("forget" in data) return { forget: [data.forget] };
  return { remember: [data.remember] };
}

function correct(home, element) {
  if (element && !home.querySelector("[aria-busy]")) act(home, "taste", correction(element), performance.now()).catch(() => refresh(home));
}

async function act(home, address, body, start) {
  const list = home.querySelector("[data-list]");
  list.setAttribute("aria-busy", "true");
  try {
    const told = await post(`${home.dataset.person}/${address}`, body);
    change(home, told);
    const took = performance.now() - start;
    tell(home, `Click to changed list: ${took.toFixed(took < 10 ? 1 : 0)} ms`, "done");
  } catch (error) {
    tell(home, `Nothing changed: ${error.message}`, "failed");
    throw error;
  } finally {
    list.removeAttribute("aria-busy");
  }
  await refresh(home);
}

function person(home) {
  const dialog = home.querySelector("[data-dialog]");
  home.addEventListener("click", (event) => {
    const start = performance.now();
    const button = event.target.closest("[data-event]");
    if (!button || home.querySelector("[aria-busy]")) return;
    const row = button.closest("[data-item]");
    const position = [...row.parentElement.children].indexOf(row);
    const body = { item_id: row.dataset.item, type: button.dataset.event, recommendation_id: home.dataset.shown, position };
    act(home, "events", body, start).catch(() => {});
  });
  home.addEventListener("click", (event) => correct(home, event.target.closest("[data-never],[data-back-wish],[data-present],[data-forget],[data-remember]")));
  home.addEventListener("change", (event) => correct(home, event.target.closest("[data-wish]")));
  for (const consent of home.querySelectorAll("[data-consent]")) consent.addEventListener("change", () => {
    const wanted = { [consent.dataset.consent]: consent.checked };
    act(home, "consent", wanted, performance.now()).catch(() => (consent.checked = !consent.checked));
  });
  home.querySelector("[data-erase]").addEventListener("click", () => dialog.showModal());
  home.querySelector("[data-erase-now]").addEventListener("click", (event) => erase(home, dialog, event.target));
}

async function erase(home, dialog, button) {
  const text = dialog.querySelector("[data-dialog-text]");
  button.disabled = true;
  try {
    const { removed } = await post(`${home.dataset.person}/erase`, { confirm: true });
    const parts = Object.entries(removed).map(([name, count]) => `${name} ${typeof count === "number" ? count : JSON.stringify(count)}`);
    text.textContent = `Erased. Removed: ${parts.join(", ") || "nothing was held"}.`;
    button.hidden = true;
    dialog.querySelector("[data-keep]").textContent = "Back to people";
    dialog.addEventListener("close", () => location.assign("/console/people"));
  } catch (error) {
    text.textContent = `Not erased: ${error.message}`;
    button.disabled = false;
  }
}

function learning(home) {
  const dialog = home.querySelector("[data-dialog]");
  if (!dialog) return;
  home.querySelector("[data-back]").addEventListener("click", () => dialog.showModal());
  home.querySelector("[data-back-now]").addEventListener("click", (event) => goBack(home, dialog, event.target));
}

async function goBack(home, dialog, button) {
  const text = dialog.querySelector("[data-dialog-text]");
  const title = dialog.querySelector("[data-dialog-title]");
  const keep = dialog.querySelector("[data-keep]");
  button.disabled = true;
  try {
    const told = await post("/console/learning/rollback", { confirm: true, serves: home.dataset.learning });
    title.textContent = "Gone back";
    text.textContent = `${told.serves} serves again: within two seconds all lists are made by it. ${told.before} is kept.`;
  } catch (error) {
    title.textContent = "Nothing was changed";
    text.textContent = `${error.message}.`;
  }
  button.hidden = true;
  keep.textContent = "Close";
  keep.focus();
  dialog.addEventListener("close", () => location.reload());
}

document.querySelectorAll("[data-person]").forEach(person);
document.querySelectorAll("[data-learning]").forEach(learning);
document.querySelectorAll("[data-sign-out]").forEach((button) =>
  button.addEventListener("click", async () => {
    await post("/console/sign-out", {}).catch(() => {});
    location.assign("/console/sign-in");
  }),
);
