// JSON Schema as pydantic writes it: what a field is, and a first value for it. Pure.

export function resolve(schema, root) {
  let found = schema ?? {};
  for (let i = 0; found.$ref && i < 20; i++) {
    const { $ref, ...rest } = found;
    const target = $ref.split("/").slice(1).reduce((at, key) => at?.[key.replace(/~1/g, "/").replace(/~0/g, "~")], root);
    found = { ...(target ?? {}), ...rest };
  }
  if (found.allOf?.length === 1) {
    const { allOf, ...rest } = found;
    found = { ...resolve(allOf[0], root), ...rest };
  }
  return found;
}

// What a value can be: the branches of anyOf and oneOf, null apart.
export function branches(schema, root) {
  const all = (schema.anyOf ?? schema.oneOf ?? []).map((one) => resolve(one, root));
  return { some: all.filter((one) => one.type !== "null"), nullable: all.some((one) => one.type === "null") };
}

export function kindOf(schema) {
  if ("const" in schema) return "const";
  if (schema.enum) return "enum";
  if (schema.anyOf || schema.oneOf) return "any";
  if (Array.isArray(schema.type)) return "json";
  if (schema.type === "object") return schema.properties ? "object" : "json";
  if (schema.type === "array") return schema.prefixItems || !schema.items ? "json" : "array";
  return ["string", "integer", "number", "boolean"].includes(schema.type) ? schema.type : "json";
}

export function first(schema, root, depth = 0) {
  const found = resolve(schema, root);
  if ("const" in found) return found.const;
  if (found.examples?.length) return found.examples[0];
  if ("default" in found) return found.default;
  if (found.enum) return found.enum[0];
  if (found.anyOf || found.oneOf) {
    const { some, nullable } = branches(found, root);
    return nullable || !some.length ? null : first(some[0], root, depth);
  }
  switch (found.type) {
    case "object": {
      if (depth > 6) return {};
      const needed = new Set(found.required ?? []);
      const made = {};
      for (const [key, inner] of Object.entries(found.properties ?? {})) {
        if (needed.has(key) || "const" in resolve(inner, root)) made[key] = first(inner, root, depth + 1);
      }
      return made;
    }
    case "array":
      return found.minItems ? [first(found.items ?? {}, root, depth + 1)] : [];
    case "integer":
    case "number":
      return found.minimum ?? 0;
    case "boolean":
      return false;
    case "string":
      return found.format === "date-time" ? new Date().toISOString() : found.format === "uuid" ? crypto.randomUUID() : "";
    default:
      return null;
  }
}

// Which branch of several a value is most like.
export function like(value, some, root) {
  if (value === null || value === undefined) return -1;
  const kind = Array.isArray(value) ? "array" : typeof value === "bigint" ? "integer" : typeof value;
  const fits = some.map((one) => {
    if ("const" in one) return one.const === value ? 3 : 0;
    if (one.enum) return one.enum.includes(value) ? 3 : 0;
    if (kind === "object" && one.type === "object") {
      const known = one.properties ?? {};
      const told = Object.entries(known).filter(([key, inner]) => "const" in resolve(inner, root) && resolve(inner, root).const === value[key]);
      return 1 + told.length * 2 + (Object.keys(value).every((key) => key in known) ? 1 : 0);
    }
    return one.type === kind || (one.type === "integer" && kind === "number" && Number.isInteger(value)) ? 2 : one.type === "number" && kind === "number" ? 1 : 0;
  });
  return fits.indexOf(Math.max(...fits));
}
