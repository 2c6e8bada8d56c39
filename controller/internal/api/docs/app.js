import { Contract } from "./contract.js";
import { el, prose } from "./dom.js";
import { operationCard } from "./operation.js";
import { searchField } from "./search.js";
import { tokenField } from "./token.js";

const main = document.getElementById("main");

try {
  const response = await fetch("/api/openapi.json", { credentials: "omit" });
  if (!response.ok) throw new Error(`/api/openapi.json answers ${response.status}`);
  show(new Contract(await response.json()), tokenField(document.getElementById("token")));
} catch (error) {
  main.replaceChildren(el("p", { role: "alert", class: "alert" }, `The contract could not be read: ${error.message}. Load the page again when the controller answers.`));
}
main.removeAttribute("aria-busy");

function show(contract, token) {
  const groups = contract.groups();
  main.replaceChildren(intro(contract), ...groups.map((group) => section(contract, group, token)));
  document.getElementById("nav-list").replaceChildren(...groups.map(navigation));
  foldableNavigation();
  searchField(contract.operations());
  window.addEventListener("hashchange", openNamed);
  openNamed();
}

function intro(contract) {
  const everything = el("button", { type: "button", class: "quiet" }, "Open all");
  everything.addEventListener("click", () => {
    const open = everything.textContent === "Open all";
    for (const details of main.querySelectorAll(".operation > details")) details.open = open;
    everything.textContent = open ? "Close all" : "Open all";
  });
  return el("section", { class: "intro" }, prose(contract.doc.info.description),
    el("p", { class: "tools" }, everything, el("a", { href: "/api/openapi.json" }, "openapi.json"), el("span", { id: "found", role: "status" })));
}

function section(contract, group, token) {
  const id = `group-${group.name}`;
  return el("section", { class: "group", "aria-labelledby": id },
    el("h2", { id }, group.name), prose(group.description),
    group.operations.map((operation) => operationCard(contract, operation, token)));
}

function navigation(group) {
  return el("div", { class: "nav-group" }, el("h2", {}, group.name), el("ul", {}, group.operations.map(({ id, method, path, op }) =>
    el("li", { "data-for": id }, el("a", { href: `#${encodeURIComponent(id)}`, title: `${method.toUpperCase()} ${path}` },
      el("span", { class: `method ${method}` }, method.toUpperCase()), el("span", {}, op.summary ?? path))))));
}

// foldableNavigation is for narrow screens; on wide ones the list is always
// there.
function foldableNavigation() {
  const toggle = document.getElementById("nav-toggle");
  const set = (open) => {
    toggle.setAttribute("aria-expanded", String(open));
    document.body.classList.toggle("nav-open", open);
  };
  toggle.addEventListener("click", () => set(toggle.getAttribute("aria-expanded") !== "true"));
  document.getElementById("nav-list").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    set(false);
    if (link.getAttribute("href") === location.hash) openNamed(); // no hashchange will come
  });
}

// openNamed opens the operation that the address names.
function openNamed() {
  const card = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = card?.querySelector(":scope > details");
  if (!details) return;
  details.open = true;
  card.scrollIntoView({ block: "start" });
  details.querySelector("summary").focus({ preventScroll: true });
}
