import type { Json } from '@moltbot/contracts';
import { nestsWithin, readObject } from '../../read-json.js';

/** Deeper schemas are cut: a recursive walk, Google's too, needs an end. */
const MAX_DEPTH = 32;
const MAX_MERGED = 64;

/**
 * Keywords that are taken as they are: what the reference lists for `responseJsonSchema` and what its `Schema` object knows.
 * Source: ai.google.dev/api/generate-content#GenerationConfig, ai.google.dev/api/caching#Schema
 */
const KEPT = new Set([
  '$anchor',
  '$id',
  '$ref',
  'default',
  'description',
  'format',
  'maxItems',
  'maxLength',
  'maxProperties',
  'minItems',
  'minLength',
  'minProperties',
  'pattern',
  'propertyOrdering',
  'required',
  'title',
  'type',
]);

const LISTS = new Set(['anyOf', 'oneOf', 'prefixItems']);
const MAPS: ReadonlyMap<string, string> = new Map([
  ['$defs', '$defs'],
  ['definitions', '$defs'],
  ['properties', 'properties'],
]);
const CHILDREN = new Set(['additionalProperties', 'items']);

type Schema = Readonly<Record<string, unknown>>;

export interface GeminiSchema {
  readonly schema: Schema;
  /** Whether something that constrains the value could not be said. */
  readonly lossy: boolean;
}

/**
 * A JSON Schema in the part of the language that Gemini takes: `const` as an enum, `oneOf` as `anyOf`, `allOf` of objects
 * merged, exclusive bounds as inclusive ones, `definitions` as `$defs`; what is left is left out.
 * @returns `undefined` where it is no schema
 */
export function toGeminiSchema(schema: Json | undefined): GeminiSchema | undefined {
  const root = readObject(schema);
  if (root === undefined) return undefined;
  const losses: Losses = { lossy: false };
  return { schema: convert(root, 0, losses), lossy: losses.lossy };
}

interface Losses {
  lossy: boolean;
}

function convert(value: unknown, depth: number, losses: Losses): Schema {
  const given = readObject(value);
  if (given === undefined) {
    // `true` is any value; `false` (none at all) can't be said.
    if (value !== true) losses.lossy = true;
    return {};
  }
  if (depth >= MAX_DEPTH) {
    losses.lossy = true;
    return {};
  }
  const schema = mergeAllOf(given);
  // fromEntries, so that a property named __proto__ stays a property.
  return Object.fromEntries(convertMembers(withoutSiblings(schema), depth, losses));
}

/** Beside a reference only keywords that start with $ are taken. */
function withoutSiblings(schema: Schema): Schema {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  const definitions = readObject(schema['$defs']) ?? readObject(schema['definitions']);
  const $ref = reference.replace(/^#\/definitions\//, '#/$defs/');
  return definitions === undefined ? { $ref } : { $ref, $defs: definitions };
}

function convertMembers(schema: Schema, depth: number, losses: Losses): [string, unknown][] {
  const members: [string, unknown][] = [];
  const inner = (child: unknown): Schema => convert(child, depth + 1, losses);
  for (const [key, value] of Object.entries(schema)) {
    const map = MAPS.get(key);
    if (KEPT.has(key)) {
      if (nestsWithin(value, MAX_DEPTH)) members.push([key, value]);
      else losses.lossy = true;
    } else if (map !== undefined) {
      const entries = Object.entries(readObject(value) ?? {});
      members.push([map, Object.fromEntries(entries.map(([name, child]) => [name, inner(child)]))]);
    } else if (LISTS.has(key) && Array.isArray(value)) {
      members.push([key === 'oneOf' ? 'anyOf' : key, value.map(inner)]);
    } else if (CHILDREN.has(key)) {
      members.push(convertChild(key, value, inner));
    } else {
      convertValue(key, value, schema, members, losses);
    }
  }
  return members;
}

/** `items` as a list is the old spelling of `prefixItems`. */
function convertChild(key: string, value: unknown, inner: (child: unknown) => Schema): [string, unknown] {
  if (Array.isArray(value)) return ['prefixItems', value.map(inner)];
  return [key, key === 'additionalProperties' && typeof value === 'boolean' ? value : inner(value)];
}

function convertValue(key: string, value: unknown, schema: Schema, members: [string, unknown][], losses: Losses): void {
  switch (key) {
    case 'const':
    case 'enum': {
      const values = key === 'const' ? [value] : Array.isArray(value) ? value : [];
      const taken = values.filter((item) => typeof item === 'string' || typeof item === 'number');
      // Of null only the type can speak; true and false can't be listed.
      if (taken.length > 0 && values.every((item) => item === null || taken.includes(item as string))) {
        members.push(['enum', taken]);
      } else {
        losses.lossy = true;
      }
      return;
    }
    case 'minimum':
    case 'maximum':
      // A number beside a number is the tighter bound's business; draft 4 puts a boolean there.
      if (typeof value === 'number') members.push([key, value]);
      return;
    case 'exclusiveMinimum':
    case 'exclusiveMaximum': {
      if (typeof value !== 'number') return;
      const lower = key === 'exclusiveMinimum';
      const name = lower ? 'minimum' : 'maximum';
      if (schema[name] !== undefined) return;
      const step = schema['type'] === 'integer' && Number.isInteger(value) ? 1 : 0;
      members.push([name, lower ? value + step : value - step]);
      return;
    }
    case '$schema':
    case '$comment':
    case 'examples':
    case 'deprecated':
    case 'readOnly':
    case 'writeOnly':
    case 'strict':
      return;
    default:
      losses.lossy = true;
  }
}

/** Objects under `allOf` (a base and its extension) become one object; anything else under it is reported as lost. */
function mergeAllOf(schema: Schema): Schema {
  const parts = schema['allOf'];
  if (!Array.isArray(parts) || parts.length > MAX_MERGED) return schema;
  const objects = parts.map(readObject);
  if (objects.some((part) => part === undefined || part['$ref'] !== undefined || part['allOf'] !== undefined)) {
    const single = objects.length === 1 && Object.keys(schema).length === 1 ? objects[0] : undefined;
    return single ?? schema;
  }
  const merged = objects.reduce<Record<string, unknown>>((all, part) => mergeTwo(all, part ?? {}), {});
  const { allOf: _, ...own } = schema;
  return mergeTwo(merged, own);
}

function mergeTwo(left: Schema, right: Schema): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...left, ...right };
  const properties = { ...readObject(left['properties']), ...readObject(right['properties']) };
  if (Object.keys(properties).length > 0) merged['properties'] = properties;
  const required = [left['required'], right['required']].flatMap((list): unknown[] =>
    Array.isArray(list) ? list : [],
  );
  if (required.length > 0) merged['required'] = [...new Set(required)];
  return merged;
}
