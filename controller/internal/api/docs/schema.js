import { el, prose } from "./dom.js";

// typeText says in words what a value may be.
export function typeText(contract, schema) {
  const s = contract.resolve(schema);
  const variants = s.oneOf ?? s.anyOf;
  if (variants) return [...new Set(variants.map((v) => typeText(contract, v)))].join(" or ");
  if ("const" in s) return JSON.stringify(s.const);
  const names = [s.type ?? (s.properties ? "object" : "any")].flat();
  return names.map((name) => {
    if (name === "array") return `array of ${typeText(contract, s.items ?? {})}`;
    if (name === "object" && typeof s.additionalProperties === "object") return `object of ${typeText(contract, s.additionalProperties)}`;
    return name;
  }).join(" or ");
}

const bounds = [
  ["default", (v) => `default ${JSON.stringify(v)}`],
  ["format", (v) => v], ["contentEncoding", (v) => v],
  ["minimum", (v) => `at least ${v}`], ["maximum", (v) => `at most ${v}`],
  ["minLength", (v) => (v > 1 ? `${v} characters or more` : "not empty")], ["maxLength", (v) => `at most ${v} characters`],
  ["minItems", (v) => (v > 1 ? `${v} items or more` : "not empty")], ["maxItems", (v) => `at most ${v} items`],
  ["maxProperties", (v) => `at most ${v} names`],
  ["pattern", (v) => `like ${v}`], ["writeOnly", (v) => v && "never answered"],
];

// limits are what a value must keep to, each in a few words.
export function limits(contract, schema) {
  const s = contract.resolve(schema);
  const inner = contract.resolve(s.items);
  const out = bounds.filter(([key]) => key in s).map(([key, say]) => say(s[key]));
  const values = s.enum ?? inner.enum;
  // A date's pattern only repeats its format.
  if (s.format) out.splice(0, out.length, ...out.filter((text) => !String(text).startsWith("like ")));
  if (values) out.unshift(`one of ${values.map((v) => (v === null ? "null" : v)).join(", ")}`);
  return out.filter(Boolean);
}

// objectIn finds the object that a schema is, holds or may be.
function objectIn(contract, schema, seen) {
  const refs = schema?.$ref ? [...seen, schema.$ref] : seen;
  if (schema?.$ref && seen.includes(schema.$ref)) return null; // it holds itself
  const s = contract.resolve(schema);
  if (s.properties) return { object: s, name: schema.$ref?.split("/").pop(), seen: refs };
  for (const inner of [s.items, s.additionalProperties, ...(s.oneOf ?? []), ...(s.anyOf ?? [])]) {
    const found = typeof inner === "object" && objectIn(contract, inner, refs);
    if (found) return found;
  }
  return null;
}

// fields lists the fields of a schema, those of objects within folded.
export function fields(contract, schema, seen = []) {
  const found = objectIn(contract, schema, seen);
  if (!found) return prose(contract.resolve(schema).description);
  const required = found.object.required ?? [];
  return el("ul", { class: "fields" }, Object.entries(found.object.properties).map(([name, s]) =>
    el("li", {}, row(contract, name, s, required.includes(name)), inside(contract, name, s, found.seen))));
}

// row is one field or parameter: its name, its type, what it means.
export function row(contract, name, schema, required, description, where) {
  const s = contract.resolve(schema);
  return [
    el("div", { class: "field" },
      el("code", { class: "name" }, name),
      el("span", { class: "type" }, typeText(contract, schema)),
      where && el("span", { class: "where" }, where),
      required && el("span", { class: "required" }, "required")),
    el("div", { class: "meaning" }, prose(description ?? schema.description ?? s.description), limitList(contract, schema)),
  ];
}

function limitList(contract, schema) {
  const found = limits(contract, schema);
  return found.length > 0 && el("p", { class: "limits" }, found.map((text) => [el("span", {}, text), " "]));
}

function inside(contract, name, schema, seen) {
  if (!objectIn(contract, schema, seen)) return null;
  return el("details", { class: "inside" }, el("summary", {}, `Fields of ${name}`), fields(contract, schema, seen));
}

// sample makes a value that fits, for where the contract gives no example.
export function sample(contract, schema, depth = 0) {
  const s = contract.resolve(schema);
  if (s.example !== undefined) return s.example;
  if (s.examples?.length) return s.examples[0];
  for (const key of ["default", "const"]) if (key in s) return s[key];
  if (s.enum) return s.enum[0];
  const first = (s.oneOf ?? s.anyOf)?.[0];
  if (first) return sample(contract, first, depth);
  const type = [s.type ?? (s.properties ? "object" : "string")].flat()[0];
  switch (type) {
    case "object": return depth > 5 ? {} : Object.fromEntries(
      Object.entries(s.properties ?? {}).map(([name, inner]) => [name, sample(contract, inner, depth + 1)]));
    case "array": return depth > 5 ? [] : [sample(contract, s.items ?? {}, depth + 1)];
    case "integer": case "number": return s.minimum ?? 0;
    case "boolean": return false;
    case "null": return null;
  }
  return s.format === "date-time" ? "2026-11-24T03:00:00Z" : "…";
}

// example is the contract's own, else one that is made.
export function example(contract, media) {
  const named = contract.resolve(Object.values(media.examples ?? {})[0]).value;
  const value = media.example ?? named ?? sample(contract, media.schema ?? {});
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
