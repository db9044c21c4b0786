// The page of decisions: approve, edit, reject and take back, each with a name and a note.
"use strict";

const NAME = "penchant-author";

async function decide(home, card, button) {
  const told = card.querySelector("[data-told]");
  const body = {
    id: card.dataset.decision, seen: Number(card.dataset.seen),
    author: home.querySelector("[data-author]").value, note: card.querySelector("[data-note]").value,
  };
  const value = card.querySelector("[data-value]");
  if (button.dataset.do === "edit") body.value = value.valueAsNumber;
  button.disabled = true;
  try {
    const answer = await post(`/console/decisions/${button.dataset.do}`, body);
    sessionStorage.setItem(NAME, body.author);
    const problem = answer.delivery && answer.delivery.problem;
    if (!problem) return location.reload();
    say(told, `It is decided, but did not go out yet: ${problem}. It is sent with the next one, or by penchant decisions send.`);
    card.querySelectorAll("[data-do]").forEach((one) => one.remove());
  } catch (error) {
    say(told, `Nothing was changed: ${error.message}`);
    if (!body.author.trim()) home.querySelector("[data-author]").focus();
  } finally {
    button.disabled = false;
  }
}

function say(told, text) {
  const line = document.createElement("p");
  line.textContent = text;
  line.className = "alert";
  told.replaceChildren(line);
}

document.querySelectorAll("[data-decisions]").forEach((home) => {
  const author = home.querySelector("[data-author]");
  if (!author) return;
  author.value = sessionStorage.getItem(NAME) || "";
  home.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) decide(home, button.closest("[data-decision]"), button);
  });
});
