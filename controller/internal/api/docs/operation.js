import { el, prose, breakable } from "./dom.js";
import { fields, row, example } from "./schema.js";
import { requestPanel, code } from "./request.js";

// operationCard is everything about one operation, folded to one line.
export function operationCard(contract, operation, token) {
  const { id, method, path, role, op } = operation;
  const body = el("div", { class: "open" });
  const details = el("details", {},
    el("summary", {},
      el("span", { class: `method ${method}` }, method.toUpperCase()),
      el("h3", {}, el("code", {}, breakable(path))),
      el("span", { class: "title" }, op.summary ?? ""),
      el("span", { class: `role ${role}`, title: role === "public" ? "no token is needed" : `needs the role ${role}` }, role)),
    body);
  body.append(
    el("div", { class: "said" },
      prose(operation.description), parameters(contract, operation), bodyFields(contract, operation), responses(contract, operation)),
    requestPanel(contract, operation, token));
  // The address of what a person opened can be passed on.
  details.querySelector("summary").addEventListener("click", () => {
    if (!details.open) history.replaceState(null, "", `#${encodeURIComponent(id)}`);
  });
  return el("article", { class: "operation", id, "data-method": method.toUpperCase(), "data-path": path, "aria-label": `${method.toUpperCase()} ${path}` }, details);
}

function parameters(contract, operation) {
  return operation.parameters.length > 0 && [
    el("h4", {}, "Parameters"),
    el("ul", { class: "fields" }, operation.parameters.map((p) =>
      el("li", {}, row(contract, p.name, p.schema ?? {}, p.required, p.description, p.in)))),
  ];
}

function bodyFields(contract, { body }) {
  return body && [
    el("h4", {}, "Body", el("span", { class: "note" }, body.mediaType, body.required ? "" : ", may be left out")),
    prose(body.description),
    fields(contract, body.media.schema),
  ];
}

function responses(contract, operation) {
  const good = operation.responses.filter((r) => Number(r.status) < 400);
  const bad = operation.responses.filter((r) => !(Number(r.status) < 400));
  return [
    el("h4", {}, "Answers"),
    good.map((r) => goodResponse(contract, r)),
    bad.length > 0 && el("ul", { class: "fields errors" }, bad.map((r) => badResponse(contract, r))),
  ];
}

function goodResponse(contract, response) {
  return el("div", { class: "response" },
    el("div", { class: "field" }, el("span", { class: "status" }, response.status), prose(response.description)),
    headers(contract, response),
    Object.entries(response.content ?? {}).map(([mediaType, media]) => [
      el("p", { class: "note" }, mediaType),
      code(example(contract, media), `Example of an answer as ${mediaType}`),
      media.schema?.properties || media.schema?.$ref ? el("details", { class: "inside" }, el("summary", {}, "Fields of the answer"), fields(contract, media.schema)) : null,
    ]));
}

function headers(contract, { headers }) {
  const all = Object.entries(headers ?? {});
  return all.length > 0 && el("details", { class: "inside" }, el("summary", {}, "Headers"),
    el("ul", { class: "fields" }, all.map(([name, h]) => el("li", {}, row(contract, name, contract.resolve(h).schema ?? {}, false, contract.resolve(h).description)))));
}

function badResponse(contract, response) {
  const [mediaType, media] = Object.entries(response.content ?? {})[0] ?? [];
  return el("li", {},
    el("div", { class: "field" }, el("span", { class: "status bad" }, response.status), prose(response.description)),
    media && el("details", { class: "inside" }, el("summary", {}, "Example"), code(ofStatus(response, example(contract, media)), `Example of a ${response.status} as ${mediaType}`)));
}

const titles = {
  400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict",
  413: "Request Entity Too Large", 422: "Unprocessable Entity", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable",
};

// ofStatus fits the one example that all errors share to this one.
function ofStatus({ status, description }, text) {
  try {
    const problem = JSON.parse(text);
    if (String(problem.status) === status) return text;
    const code = /code: (\w+)/.exec(description)?.[1] ?? "…";
    return JSON.stringify({ ...problem, title: titles[status] ?? "…", status: Number(status), detail: "…", code, errors: undefined }, null, 2);
  } catch {
    return text;
  }
}
