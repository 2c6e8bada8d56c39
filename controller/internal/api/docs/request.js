import { el, copyButton, coloured } from "./dom.js";
import { example } from "./schema.js";
import { answer } from "./answer.js";

// requestPanel is where a request is put together: its parameters, its body,
// the curl line for it and, for what only reads, a button that sends it.
export function requestPanel(contract, operation, token) {
  const secret = contract.secretQuery();
  const inputs = operation.parameters
    .filter((p) => p.in !== "cookie" && !(p.in === "query" && secret.includes(p.name)))
    .map((p) => ({ p, input: input(contract, operation, p) }));
  const body = operation.body && bodyInput(contract, operation);
  const accept = acceptInput(operation);
  const line = el("code", {});
  const current = () => request(operation, inputs, body, accept);
  const update = () => { line.textContent = curl(operation, current()); };
  for (const field of [...inputs.map((i) => i.input), body, accept].filter(Boolean)) field.addEventListener("input", update);
  update();
  return el("div", { class: "request" },
    el("h4", {}, "Request"),
    inputs.map(({ p, input }) => el("label", {}, el("span", {}, p.name, p.required && el("b", { title: "required" }, " *")), input)),
    accept && el("label", {}, el("span", {}, "Answer as"), accept),
    body && el("label", { class: "wide" }, el("span", {}, "Body"), body),
    el("div", { class: "bar" }, el("span", { class: "note" }, "As a command"), copyButton(() => line.textContent, "the curl command")),
    el("pre", { class: "curl", tabindex: "0", "aria-label": "curl command" }, line),
    operation.method === "get" ? answer(operation, current, token)
      : el("p", { class: "note" }, "This page only reads. Run the command to make the change."));
}

function input(contract, operation, p) {
  const schema = contract.resolve(p.schema);
  const attributes = { name: p.name, autocomplete: "off", spellcheck: "false", "aria-required": p.required && "true" };
  const values = schema.type === "boolean" ? [true, false] : schema.enum;
  if (values) {
    return el("select", attributes, el("option", { value: "" }, "–"), values.map((v) => el("option", { value: v }, v)));
  }
  return el("input", { ...attributes, type: "text", inputmode: schema.type === "integer" && "numeric", placeholder: schema.default ?? p.example });
}

function bodyInput(contract, operation) {
  const form = operation.body.mediaType.includes("form-urlencoded");
  const text = form ? "" : example(contract, operation.body.media);
  const area = el("textarea", { spellcheck: "false", rows: Math.min(14, text.split("\n").length + 1) });
  area.value = text;
  return area;
}

// acceptInput lets one choose where an operation answers in several ways.
function acceptInput(operation) {
  const types = mediaTypes(operation);
  return types.length > 1 && el("select", {}, types.map((t) => el("option", { value: t }, t)));
}

function mediaTypes(operation) {
  return [...new Set(operation.responses.filter((r) => r.status.startsWith("2")).flatMap((r) => Object.keys(r.content ?? {})))];
}

// request is what the fields say now.
function request(operation, inputs, body, accept) {
  let path = operation.path;
  const query = [];
  const headers = {};
  for (const { p, input } of inputs) {
    const value = input.value.trim();
    if (p.in === "path") path = path.replace(`{${p.name}}`, value ? encodeURIComponent(value) : `{${p.name}}`);
    else if (!value) continue;
    else if (p.in === "header") headers[p.name] = value;
    else query.push(...values(p, value).map((v) => `${encodeURIComponent(p.name)}=${encodeURIComponent(v)}`));
  }
  if (accept && accept.selectedIndex > 0) headers.Accept = accept.value;
  const streams = (accept ? accept.value : mediaTypes(operation)[0]) === "text/event-stream";
  return { path: path + (query.length ? `?${query.join("&")}` : ""), headers, body: body?.value, streams };
}

// values splits what may be repeated at its commas.
function values(p, value) {
  return p.schema?.type === "array" ? value.split(/\s*,\s*/).filter(Boolean) : [value];
}

// curl writes the request as a shell would take it. It never holds the token
// itself: command lines are seen, kept and pasted elsewhere.
function curl(operation, { path, headers, body, streams }) {
  const parts = [`curl ${streams ? "-N " : ""}${operation.method === "get" ? "" : `-X ${operation.method.toUpperCase()} `}${quote(location.origin + path)}`];
  if (!operation.open) parts.push('-H "Authorization: Bearer $TOKEN"');
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  if (body) {
    parts.push(`-H ${quote(`Content-Type: ${operation.body.mediaType}`)}`, `-d ${quote(compact(body))}`);
  }
  return parts.join(" \\\n  ");
}

function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

// compact makes one line of a body that fits into one.
function compact(text) {
  try {
    const line = JSON.stringify(JSON.parse(text));
    return line.length < 60 ? line : text;
  } catch {
    return text; // being typed
  }
}

// code shows a text to look at, in colours when it is JSON.
export function code(text, what) {
  return el("div", { class: "code" }, el("pre", { tabindex: "0", "aria-label": what }, el("code", {}, coloured(text))), copyButton(() => text, what));
}
