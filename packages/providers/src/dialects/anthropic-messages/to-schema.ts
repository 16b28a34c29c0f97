import type { Json } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { nestsWithin, readObject } from '../../read-json.js';

/** JSON that nests deeper than this is not walked. */
export const DEEPEST_JSON = 200;

/** Keywords of a constrained schema that stay as they are. */
const KEPT = new Set(['$ref', 'title', 'default', 'enum', 'const', 'required', 'nullable']);
/** Keywords that say nothing about the value: left out without a word. */
const SILENT = new Set(['$schema', '$id', '$comment', 'examples']);
const FORMATS = new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid']);

export interface ConstrainedSchema {
  readonly schema: JsonObject;
  /** Keywords that the constrained form can't say, sorted; they stand in the descriptions instead. */
  readonly removed: readonly string[];
}

/**
 * A JSON Schema in the part of the language that constrains Claude's output: objects are closed, `oneOf` becomes `anyOf`,
 * limits move to the description. `undefined` where it is no object or nests too deep.
 * @see https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
 */
export function toConstrainedSchema(schema: Json | undefined): ConstrainedSchema | undefined {
  const root = readObject(schema);
  if (root === undefined || !nestsWithin(root, DEEPEST_JSON)) return undefined;
  const removed = new Set<string>();
  return { schema: constrain(root, removed), removed: [...removed].sort() };
}

function constrain(schema: JsonObject, removed: Set<string>): JsonObject {
  const result: Record<string, unknown> = {};
  const moved: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    if (SILENT.has(key) || key === 'description' || key === 'additionalProperties') continue;
    const kept = constrainMember(key, value, removed);
    if (kept === undefined) {
      removed.add(key);
      moved.push(`${key}: ${JSON.stringify(value)}`);
    } else {
      result[kept.key] = kept.value;
    }
  }
  if (isObjectSchema(schema)) {
    const open = schema['additionalProperties'];
    if (open !== undefined && open !== false) removed.add('additionalProperties');
    result['additionalProperties'] = false;
  }
  const description = [schema['description'], moved.length > 0 ? `{${moved.join(', ')}}` : undefined];
  const words = description.filter((text) => typeof text === 'string');
  if (words.length > 0) result['description'] = words.join('\n\n');
  return result;
}

function constrainMember(
  key: string,
  value: unknown,
  removed: Set<string>,
): { readonly key: string; readonly value: unknown } | undefined {
  if (KEPT.has(key) || key === 'type') return { key, value };
  if (key === 'properties' || key === '$defs' || key === 'definitions')
    return { key, value: eachMember(value, removed) };
  if (key === 'anyOf' || key === 'allOf') return { key, value: eachItem(value, removed) };
  if (key === 'oneOf') return { key: 'anyOf', value: eachItem(value, removed) };
  if (key === 'items' && !Array.isArray(value)) return { key, value: constrainValue(value, removed) };
  if (key === 'format' && typeof value === 'string' && FORMATS.has(value)) return { key, value };
  if (key === 'minItems' && (value === 0 || value === 1)) return { key, value };
  return undefined;
}

function constrainValue(value: unknown, removed: Set<string>): unknown {
  const schema = readObject(value);
  return schema === undefined ? value : constrain(schema, removed);
}

function eachItem(value: unknown, removed: Set<string>): unknown {
  return Array.isArray(value) ? value.map((item) => constrainValue(item, removed)) : value;
}

function eachMember(value: unknown, removed: Set<string>): unknown {
  const members = readObject(value);
  if (members === undefined) return value;
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, constrainValue(member, removed)]));
}

function isObjectSchema(schema: JsonObject): boolean {
  const type = schema['type'];
  return type === 'object' || (Array.isArray(type) && type.includes('object')) || schema['properties'] !== undefined;
}

/**
 * A tool's schema: the root has to be an object without alternatives. Alternatives at the root become one object with all
 * their properties, required where every one of them requires it (all of them, for `allOf`).
 */
export function toInputSchema(parameters: Json | undefined): JsonObject {
  const root = readObject(parameters);
  if (root === undefined || !nestsWithin(root, DEEPEST_JSON)) return { type: 'object', properties: {} };
  const { anyOf, oneOf, allOf, ...plain } = root;
  if (anyOf === undefined && oneOf === undefined && allOf === undefined) {
    return root['type'] === 'object' ? root : { ...root, type: 'object' };
  }
  const parts = [...schemasOf(allOf), plain];
  const alternatives = [...schemasOf(anyOf), ...schemasOf(oneOf)];
  const properties: Record<string, unknown> = {};
  for (const part of [...alternatives, ...parts]) {
    for (const [name, schema] of Object.entries(readObject(part['properties']) ?? {})) {
      Object.defineProperty(properties, name, { value: schema, enumerable: true, configurable: true });
    }
  }
  const required = new Set(parts.flatMap(requiredOf));
  const [first, ...rest] = alternatives.map((schema) => new Set(requiredOf(schema)));
  for (const name of first ?? []) {
    if (rest.every((names) => names.has(name))) required.add(name);
  }
  return { ...plain, type: 'object', properties, ...(required.size > 0 ? { required: [...required] } : {}) };
}

function schemasOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.map(readObject).filter((schema) => schema !== undefined) : [];
}

function requiredOf(schema: JsonObject): string[] {
  const required = schema['required'];
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
}
