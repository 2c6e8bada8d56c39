const methods = ["get", "post", "put", "patch", "delete"];

// Contract is the OpenAPI file, with its references followed.
export class Contract {
  constructor(doc) {
    this.doc = doc;
  }

  // resolve gives what a reference names; anything else is its own answer.
  resolve(node) {
    for (let n = 0; node?.$ref && n < 20; n++) {
      node = node.$ref.replace(/^#\//, "").split("/")
        .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
        .reduce((at, part) => at?.[part], this.doc);
    }
    return node ?? {};
  }

  // groups are the tags in the file's order, with their operations.
  groups() {
    const byTag = new Map((this.doc.tags ?? []).map((tag) => [tag.name, { ...tag, operations: [] }]));
    for (const operation of this.operations()) {
      const tag = operation.op.tags?.[0] ?? "Other";
      if (!byTag.has(tag)) byTag.set(tag, { name: tag, operations: [] });
      byTag.get(tag).operations.push(operation);
    }
    return [...byTag.values()].filter((group) => group.operations.length > 0);
  }

  operations() {
    return Object.entries(this.doc.paths).flatMap(([path, item]) =>
      methods.filter((method) => item[method]).map((method) => this.operation(path, method, item)));
  }

  operation(path, method, item) {
    const op = item[method];
    const parameters = [...(item.parameters ?? []), ...(op.parameters ?? [])].map((p) => this.resolve(p));
    const said = /\s*Needs the role (\w+)\.|the role (\w+)/.exec(op.description ?? "");
    const open = !(op.security ?? this.doc.security)?.length;
    return {
      id: op.operationId ?? `${method}-${path}`,
      method, path, op, parameters, open,
      role: open ? "public" : said?.[1] ?? said?.[2] ?? "token",
      description: (op.description ?? "").replace(/\s*Needs the role \w+\.\s*$/, ""),
      body: this.body(op),
      responses: this.responses(op),
      words: [method, path, op.operationId, op.summary, op.description, op.tags, parameters.map((p) => p.name), this.names(op)].flat().join(" ").toLowerCase(),
    };
  }

  body(op) {
    const body = this.resolve(op.requestBody);
    const types = Object.entries(body.content ?? {});
    const [mediaType, media] = types.find(([name]) => name === "application/json") ?? types[0] ?? [];
    return media && { mediaType, media, required: body.required, description: body.description };
  }

  responses(op) {
    return Object.entries(op.responses ?? {})
      .map(([status, response]) => ({ status, ...this.resolve(response) }))
      .sort((a, b) => a.status.localeCompare(b.status));
  }

  // names are the fields of an operation's body and good answers, for the search.
  names(op) {
    const seen = new Set();
    const walk = (node) => {
      if (!node || typeof node !== "object" || seen.has(this.resolve(node))) return [];
      const s = this.resolve(node);
      seen.add(s);
      return [...Object.keys(s.properties ?? {}), ...[...Object.values(s.properties ?? {}), s.items, s.additionalProperties, ...(s.oneOf ?? [])].flatMap(walk)];
    };
    const good = this.responses(op).filter((r) => r.status.startsWith("2"));
    return [this.resolve(op.requestBody), ...good].flatMap((r) => Object.values(r.content ?? {})).flatMap((media) => walk(media.schema));
  }

  // secretQuery names the query parameters that carry a token: the page leaves
  // them out, since an address ends up in histories and logs.
  secretQuery() {
    return Object.values(this.doc.components?.securitySchemes ?? {})
      .filter((scheme) => scheme.type === "apiKey" && scheme.in === "query").map((scheme) => scheme.name);
  }
}
