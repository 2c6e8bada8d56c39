// searchField hides what does not have all the words that were typed. "/" goes
// to the field, Enter to the first operation found, Escape back to all.
export function searchField(operations) {
  const field = document.getElementById("search");
  const found = document.getElementById("found");
  const apply = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let hits = 0;
    for (const { id, words: text } of operations) {
      const hit = words.every((word) => text.includes(word));
      hits += hit;
      document.getElementById(id).hidden = !hit;
      document.querySelector(`[data-for="${CSS.escape(id)}"]`).hidden = !hit;
    }
    for (const group of document.querySelectorAll(".group, .nav-group")) {
      group.hidden = !group.querySelector("[id]:not([hidden]).operation, [data-for]:not([hidden])");
    }
    for (const p of document.querySelectorAll(".intro > p:not(.tools)")) p.hidden = words.length > 0;
    found.textContent = words.length > 0 ? `${hits} of ${operations.length} operations` : "";
  };
  field.addEventListener("input", apply);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      field.value = "";
      apply();
    }
    if (event.key === "Enter") {
      event.preventDefault(); // else the same stroke opens it, and the next one closes it
      document.querySelector(".operation:not([hidden]) summary")?.focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
}
