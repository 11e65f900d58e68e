import * as z from 'zod';

interface JsonSchema {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  properties?: Record<string, JsonSchema>;
  propertyNames?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema | boolean;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  enum?: unknown[];
}

/** The JSON Schema of a document as people write it: what editors check, and what suggestions are taken from. */
export function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { io: 'input' }) };
}

/** The keys that a schema allows at a path of a document: of every alternative there, in the schema's order. */
export function keysOf(schema: z.ZodType): (path: readonly PropertyKey[]) => readonly string[] {
  let root: JsonSchema | undefined;
  return (path) => {
    root ??= jsonSchemaOf(schema) as JsonSchema;
    const defs = root.$defs ?? {};
    let here = alternatives(root, defs);
    for (const part of path) here = here.flatMap((node) => step(node, part).flatMap((next) => alternatives(next, defs)));
    return [...new Set(here.flatMap((node) => [...Object.keys(node.properties ?? {}), ...namedKeys(node, defs)]))];
  };
}

/** A node itself, or the members of the union that it is. Recursive definitions are followed once a step. */
function alternatives(node: JsonSchema, defs: Record<string, JsonSchema>, seen: ReadonlySet<JsonSchema> = new Set()): JsonSchema[] {
  if (seen.has(node)) return [];
  const target = node.$ref === undefined ? undefined : defs[node.$ref.replace('#/$defs/', '')];
  const parts = [...(target === undefined ? [] : [target]), ...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])];
  return [node, ...parts.flatMap((part) => alternatives(part, defs, new Set([...seen, node])))];
}

function step(node: JsonSchema, part: PropertyKey): JsonSchema[] {
  if (typeof part === 'number') return typeof node.items === 'object' ? [node.items] : [];
  const property = node.properties?.[String(part)];
  if (property !== undefined) return [property];
  return typeof node.additionalProperties === 'object' ? [node.additionalProperties] : [];
}

/** The keys of a record whose keys are a closed list. */
const namedKeys = (node: JsonSchema, defs: Record<string, JsonSchema>): string[] =>
  node.propertyNames === undefined ? [] : alternatives(node.propertyNames, defs).flatMap((names) => (names.enum ?? []).map(String));
