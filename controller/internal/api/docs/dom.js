// el makes an element. What comes from the contract or from an answer becomes
// a text node or the value of an attribute: nothing is ever read as HTML.
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(key, value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false));
  return node;
}

// prose makes a paragraph of each part between empty lines.
export function prose(text) {
  return String(text ?? "").split(/\n\s*\n/).filter(Boolean).map((part) => el("p", {}, part));
}

// breakable lets a path break after its slashes, and marks its parameters.
export function breakable(path) {
  return path.split(/(?<=\/)/).flatMap((part) => {
    const name = /^(.*)(\{[^}]*\})(.*)$/.exec(part);
    const text = name ? [name[1], el("em", {}, name[2]), name[3]] : [part];
    return [...text, document.createElement("wbr")];
  });
}

const tokens = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

// coloured gives JSON its colours; any other text comes back as it is.
export function coloured(text) {
  const out = document.createDocumentFragment();
  let done = 0;
  for (const found of text.matchAll(tokens)) {
    const [all, string, colon] = found;
    const kind = colon ? "j-key" : string ? "j-string" : "j-word";
    out.append(text.slice(done, found.index), el("span", { class: kind }, string ?? all), colon ?? "");
    done = found.index + all.length;
  }
  out.append(text.slice(done));
  return out;
}

// copyButton copies what text() gives at that moment.
export function copyButton(text, what) {
  const said = el("span", { "aria-live": "polite" }, "Copy");
  const button = el("button", { type: "button", class: "copy", "aria-label": `Copy ${what}` }, said);
  button.addEventListener("click", async () => {
    said.textContent = (await copy(text())) ? "Copied" : "Press Ctrl-C";
    setTimeout(() => { said.textContent = "Copy"; }, 2000);
  });
  return button;
}

// copy works without the clipboard API as well: browsers give that to pages
// from https and localhost only.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "offscreen", readonly: true, "aria-hidden": "true", tabindex: "-1" });
    const back = document.activeElement;
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    back?.focus();
    return done;
  }
}
