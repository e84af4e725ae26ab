// Lists the rollouts that stand in the page as JSON: filters, fifty a page, details with the same problem's other
// rollouts. The address's fragment is the whole state, so a view can be linked to and Back works.
// Text from models only ever enters the page as textContent.
"use strict";
(() => {
  const PAGE = 50;
  const SEARCHED = ["question", "reasoning", "content", "expected", "extracted", "reason", "method", "template", "id", "problem_id"];
  const CHOICES = ["set", "outcome", "kept"];
  const byId = (id) => document.getElementById(id);
  const { fields, rows } = JSON.parse(byId("rollout-data").textContent);
  const column = new Map(fields.map((name, i) => [name, i]));
  const get = (row, name) => rows[row][column.get(name)];
  const form = byId("filters");
  const list = byId("list");
  const details = byId("details");

  const rowOf = new Map(); // key in the address -> row
  const keyOf = []; // row -> key: the rollout's id, numbered where one id stands twice
  const ofProblem = new Map(); // problem id -> rows
  rows.forEach((_, row) => {
    const id = visible(get(row, "id"));
    let key = id;
    for (let n = 2; rowOf.has(key); n += 1) key = `${id}~${n}`;
    rowOf.set(key, row);
    keyOf.push(key);
    const problem = get(row, "problem_id");
    if (!ofProblem.has(problem)) ofProblem.set(problem, []);
    ofProblem.get(problem).push(row);
  });

  // What the fragment says.

  let state = {};

  function readState() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    const read = { set: "", outcome: "", kept: "", q: "", page: "", open: "", beside: "" };
    for (const name of Object.keys(read)) read[name] = wanted.get(name) ?? "";
    return read;
  }

  function address(changes) {
    const wanted = Object.entries({ ...state, ...changes }).filter(([, value]) => value !== "");
    // "=" keeps an empty state apart from a link to a part of the page.
    return "#" + (new URLSearchParams(wanted).toString() || "=");
  }

  const go = (changes) => { location.hash = address(changes); };
  const replace = (changes) => { location.replace(address(changes)); };

  // Small makers.

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function say(tag, text, attributes = {}) {
    const element = make(tag, attributes);
    element.textContent = visible(text);
    return element;
  }

  // The same as visible() in text.py: what would act instead of showing is named.
  function visible(text) {
    const unsafe = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]/gu;
    return String(text ?? "").replaceAll("\r\n", "\n").replace(unsafe, (letter) =>
      `\u2039U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u203a`);
  }

  function badge(outcome) {
    const element = say("span", outcome);
    element.classList.add("badge");
    if (/^[a-z_]+$/.test(outcome)) element.classList.add(outcome);
    return element;
  }

  // Filters and the list.

  // Compared as shown: an address cannot carry every letter that a model can write.
  const choice = (row, name) => visible(get(row, name));

  let lastFilter = null;
  let lastList = null;
  let matching = [];

  function filter() {
    const key = JSON.stringify([...CHOICES, "q"].map((name) => state[name]));
    if (key === lastFilter) return;
    lastFilter = key;
    const words = state.q && new RegExp(state.q.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
    matching = rows.map((_, row) => row).filter((row) =>
      CHOICES.every((name) => !state[name] || choice(row, name) === state[name])
      && (!words || SEARCHED.some((name) => words.test(get(row, name)))));
  }

  function fillChoices() {
    for (const name of CHOICES) {
      const counts = new Map();
      rows.forEach((_, row) => counts.set(choice(row, name), (counts.get(choice(row, name)) ?? 0) + 1));
      counts.delete("");
      const select = form.elements.namedItem(name);
      select.append(say("option", "all", { value: "" }));
      for (const [value, n] of counts) {
        select.append(say("option", `${value} (${n})`, { value }));
      }
      select.closest("label").hidden = counts.size < 2;
    }
  }

  function showFilters() {
    for (const name of CHOICES) form.elements.namedItem(name).value = state[name];
    const search = form.elements.namedItem("q");
    if (document.activeElement !== search) search.value = state.q;
  }

  const pageWord = (number) => number > 1 ? String(number) : "";

  function lastPage() {
    return Math.max(1, Math.ceil(matching.length / PAGE));
  }

  function pageNumber() {
    return Math.min(Math.max(1, Number.parseInt(state.page, 10) || 1), lastPage());
  }

  function showList() {
    const key = JSON.stringify([lastFilter, pageNumber()]);
    if (key === lastList) return; // keeps the focus where it is
    lastList = key;
    const start = (pageNumber() - 1) * PAGE;
    const shown = matching.slice(start, start + PAGE);
    const body = list.tBodies[0];
    body.replaceChildren(...shown.map(listRow));
    if (!shown.length) {
      const cell = say("td", "No rollout matches these filters.", { colspan: "7" });
      body.append(make("tr", { class: "none" }, cell));
    }
    const words = countWords(start, shown.length);
    for (const pager of document.querySelectorAll("[data-pager]")) {
      pager.querySelector("p").textContent = words;
      for (const button of pager.querySelectorAll("button")) {
        const target = pageNumber() + Number(button.dataset.step);
        button.disabled = target < 1 || target > lastPage();
      }
    }
  }

  function countWords(start, length) {
    const number = (n) => n.toLocaleString("en");
    const range = length ? `${number(start + 1)}–${number(start + length)} of ` : "";
    const all = matching.length === rows.length ? "" : ` that match, ${number(rows.length)} in all`;
    return `${range}${number(matching.length)}${all || (rows.length === 1 ? " rollout" : " rollouts")}`;
  }

  function listRow(row) {
    const href = address({ open: keyOf[row], beside: "" });
    const link = say("a", get(row, "question").slice(0, 300) || "(no question)", { href, "data-row": String(row) });
    const cut = (name, label) => {
      const cell = make("td", { "data-name": label });
      const text = get(row, name);
      if (text === "" || text === null) return make("td");
      cell.append(say("span", String(text).slice(0, 200), { class: "cut" }));
      return cell;
    };
    const count = get(row, "tokens");
    const tokens = count === null ? make("td") : say("td", count.toLocaleString("en"), { class: "n", "data-name": "tokens" });
    return make("tr", { "data-key": keyOf[row] },
      make("td", {}, link), cut("set", "set"), make("td", { "data-name": "outcome" }, badge(get(row, "outcome"))),
      cut("extracted", "answer"), cut("expected", "expected"), tokens, cut("kept", "kept"));
  }

  // Details.

  function showDetails() {
    const row = rowOf.get(state.open);
    if (row === undefined) {
      if (details.open) details.close();
      return;
    }
    const beside = rowOf.get(state.beside);
    const both = beside === undefined ? [row] : [row, beside];
    const inside = make("div", { class: "inside" },
      say("h3", "Question"), say("pre", get(row, "question")), ...otherRollouts(row, beside),
      make("div", { class: both.length > 1 ? "side two" : "side" }, ...both.map(oneRollout)));
    const distance = document.activeElement?.dataset.distance;
    details.replaceChildren(detailsBar(row, beside), inside);
    if (!details.open) details.showModal();
    (details.querySelector(`[data-distance="${distance}"]:enabled`) ?? details.querySelector("[data-close]")).focus();
    details.scrollTop = 0;
  }

  function detailsBar(row, beside) {
    const place = matching.indexOf(row);
    // Stepping through a set keeps the set beside it, so that before and after can be read pair by pair.
    const partner = (target) => beside === undefined ? undefined
      : ofProblem.get(get(target, "problem_id")).find((other) => other !== target && get(other, "set") === get(beside, "set"));
    const step = (label, distance) => {
      const target = place < 0 ? undefined : matching[place + distance];
      const button = say("button", label, { type: "button", "data-distance": String(distance) });
      button.disabled = target === undefined;
      button.addEventListener("click", () => replace({
        open: keyOf[target], beside: keyOf[partner(target)] ?? "", page: pageWord(Math.floor((place + distance) / PAGE) + 1),
      }));
      return button;
    };
    const close = say("button", "Close", { type: "button", "data-close": "" });
    close.addEventListener("click", () => details.close());
    const title = say("h2", `Problem ${get(row, "problem_id")}`, { id: "details-title" });
    return make("div", { class: "bar" }, title, step("Previous", -1), step("Next", 1), close);
  }

  function oneRollout(row) {
    const facts = make("dl", { class: "facts-list" });
    const fact = (label, value) => {
      if (value === "" || value === null) return;
      facts.append(say("dt", label), make("dd", {}, value instanceof Node ? value : say("span", value)));
    };
    fact("outcome", badge(get(row, "outcome")));
    fact("extracted", get(row, "extracted") || "(none)");
    fact("expected", get(row, "expected") || "(none)");
    fact("reason", get(row, "reason"));
    fact("method", get(row, "method"));
    fact("kept", get(row, "kept"));
    fact("finish", get(row, "finish_reason"));
    fact("tokens", get(row, "tokens"));
    fact("template", get(row, "template"));
    fact("rollout", get(row, "id"));
    const article = make("article", { "data-rollout": keyOf[row] }, say("h3", get(row, "set")), facts);
    if (get(row, "reasoning")) article.append(say("h3", "Reasoning"), say("pre", get(row, "reasoning")));
    article.append(say("h3", "Completion"), say("pre", get(row, "content") || "(empty)"));
    return article;
  }

  // The same problem's other rollouts: the one beside first, then those of other sets.
  function otherRollouts(row, beside) {
    const rank = (other) => other === beside ? 0 : get(other, "set") === get(row, "set") ? 2 : 1;
    const others = ofProblem.get(get(row, "problem_id")).filter((other) => other !== row).sort((a, b) => rank(a) - rank(b));
    if (!others.length) return [];
    const body = make("tbody", {}, ...others.map((other) => otherRow(other, other === beside)));
    const title = `Same problem: ${others.length} other ${others.length === 1 ? "rollout" : "rollouts"}`;
    const table = make("table", { class: "others" }, say("caption", "Open one, or put it beside", { class: "unseen" }), body);
    const fold = make("details", { class: "fold" }, say("summary", title), make("div", { class: "scroll" }, table));
    fold.open = others.length <= 4;
    return [fold];
  }

  function otherRow(other, isBeside) {
    const key = keyOf[other];
    const pair = isBeside
      ? say("a", "one only", { href: address({ beside: "" }) })
      : say("a", "side by side", { href: address({ beside: key }) });
    return make("tr", { "data-other": key },
      make("td", {}, say("a", get(other, "set") || "(no set)", { href: address({ open: key, beside: "" }) })),
      make("td", {}, badge(get(other, "outcome"))), say("td", get(other, "extracted").slice(0, 80)), make("td", {}, pair));
  }

  // What people do.

  function render() {
    state = readState();
    filter();
    showFilters();
    showList();
    showDetails();
  }

  let typing = 0;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    form.elements.namedItem("q").value = "";
    replace({ set: "", outcome: "", kept: "", q: "", page: "" });
  });
  form.addEventListener("input", (event) => {
    clearTimeout(typing);
    const { name, value } = event.target;
    typing = setTimeout(() => replace({ [name]: value, page: "" }), name === "q" ? 200 : 0);
  });
  for (const button of document.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => {
      replace({ page: pageWord(pageNumber() + Number(button.dataset.step)) });
      form.scrollIntoView();
    });
  }
  list.addEventListener("click", (event) => {
    const line = event.target.closest("tr");
    if (event.target.closest("a") || !line?.querySelector("a") || String(getSelection())) return;
    location.hash = line.querySelector("a").hash;
  });
  details.addEventListener("close", () => {
    if (!state.open) return;
    const row = rowOf.get(state.open);
    go({ open: "", beside: "" });
    list.querySelector(`[data-row="${row}"]`)?.focus();
  });
  details.addEventListener("click", (event) => { if (event.target === details) details.close(); });
  details.addEventListener("keydown", (event) => {
    const distance = { ArrowLeft: "-1", ArrowRight: "1" }[event.key];
    if (distance) details.querySelector(`[data-distance="${distance}"]`).click();
  });
  addEventListener("hashchange", () => {
    const hash = location.hash.slice(1);
    if (hash && !hash.includes("=")) return; // a link to a part of the page: the list stays as it is
    render();
    // A count in the table of outcomes asks for the list: bring it into view.
    if (document.activeElement?.closest("#rollouts > .scroll")) form.scrollIntoView();
  });

  fillChoices();
  byId("browser").hidden = false;
  render();
  if (location.hash.includes("=")) byId("rollouts").scrollIntoView();
})();
