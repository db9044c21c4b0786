// The page of the rules: the tables of a document are edited in place, tried, and saved as a whole.
"use strict";

const TEXTS = new Set(["text", "choice"]);

function cellOf(field) {
  // What nobody touched stays as it was, whatever an editor wrote there.
  const untouched = field.matches("select")
    ? [...field.options].every((option) => option.selected === option.defaultSelected) && field.dataset.raw !== ""
    : field.type === "checkbox" ? field.checked === field.defaultChecked : field.value === field.defaultValue;
  if (untouched) return field.dataset.raw;
  if (field.type === "checkbox") return field.checked ? "true" : "false";
  const text = field.value.trim();
  return TEXTS.has(field.dataset.kind) && text ? quoted(text) : text;
}

// Texts of cells know no escapes: one kind of quotes around the other.
function quoted(text) {
  return text.includes('"') ? `'${text.replaceAll("'", "’")}'` : `"${text}"`;
}

function documentOf(home) {
  const made = JSON.parse(home.dataset.document);
  for (const table of home.querySelectorAll("[data-table]")) {
    const content = made.nodes.find((node) => node.id === table.dataset.table).content;
    const before = content.rules || [];
    content.rules = [...table.querySelectorAll("[data-rule]")].map((row) => {
      const cells = Object.fromEntries([...row.querySelectorAll("[data-column]")].map((field) => [field.dataset.column, cellOf(field)]));
      const kept = row.dataset.place === undefined ? { _id: crypto.randomUUID ? crypto.randomUUID() : `row-${Date.now()}-${Math.random()}` } : before[row.dataset.place];
      return { ...kept, ...cells };
    });
  }
  return made;
}

function lineOf(text, kind) {
  const line = document.createElement("p");
  line.textContent = text;
  if (kind) line.className = kind;
  return line;
}

function plural(count, name) {
  return `${count.toLocaleString("en")} ${name}${count === 1 ? "" : "s"}`;
}

function showTried(home, told) {
  const share = 100 * told.share;
  const words = told.lists
    ? `These rules would have changed ${share > 0 && share < 1 ? share.toFixed(1) : share.toFixed(0)}% of last week's lists (${told.changed} of ${told.lists} made again).`
    : "No list was shown last week: there is nothing to compare with.";
  const parts = [lineOf(words, "took done")];
  for (const rule of told.rules) {
    const titles = rule.titles.length ? `: ${rule.titles.join(", ")}${rule.items > rule.titles.length ? " …" : ""}` : "";
    parts.push(lineOf(`${rule.name} fits ${plural(rule.items, "item")}${titles}; such an item moved in ${plural(rule.lists, "changed list")}.`, "small"));
  }
  for (const example of told.examples) {
    parts.push(lineOf(`A list as it is: ${example.before.join(" · ")}`, "small soft"));
    parts.push(lineOf(`and as it would be: ${example.after.join(" · ")}`, "small"));
  }
  home.querySelector("[data-told]").replaceChildren(...parts);
}

async function asked(home, button, work) {
  const told = home.querySelector("[data-told]");
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    const lines = error.message.replace(/^rules: /, "").split("; table ").map((line, place) => (place ? `table ${line}` : line));
    told.replaceChildren(...lines.map((line) => lineOf(line, "alert")));
    told.scrollIntoView({ block: "nearest" });
  } finally {
    button.disabled = false;
  }
}

function signed(home, more) {
  return { author: home.querySelector("[data-author]").value, note: home.querySelector("[data-note]").value, expected: Number(home.dataset.version), ...more };
}

function rules(home) {
  for (const table of home.querySelectorAll("[data-table]"))
    [...table.querySelectorAll("[data-rule]")].forEach((row, place) => (row.dataset.place = place));
  home.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches("[data-remove]")) button.closest("[data-rule]").remove();
    if (button.matches("[data-add]")) {
      const row = home.querySelector(`[data-blank="${CSS.escape(button.dataset.add)}"]`).content.firstElementChild.cloneNode(true);
      home.querySelector(`[data-table="${CSS.escape(button.dataset.add)}"] tbody`).append(row);
      row.querySelector("[data-column]").focus();
    }
    if (button.matches("[data-try]"))
      asked(home, button, async () => showTried(home, await post("/console/rules/try", { document: documentOf(home) })));
    if (button.matches("[data-save]"))
      asked(home, button, async () => {
        await post("/console/rules/save", signed(home, { document: documentOf(home) }));
        location.reload();
      });
    if (button.matches("[data-back]"))
      asked(home, button, async () => {
        await post("/console/rules/rollback", signed(home, { version: Number(button.dataset.back) }));
        location.reload();
      });
  });
}

document.querySelectorAll("[data-rules]").forEach(rules);
