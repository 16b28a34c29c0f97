import type { JsonObject } from '../caller-request.js';

/** Deepest nesting that is filled in; a schema that goes on gets its simplest value. */
const MAX_DEPTH = 6;

/** A small value that fits a JSON Schema as far as common keywords say (`$ref` and conditions are not followed). */
export function sampleJson(schema: unknown, depth = 0): unknown {
  if (typeof schema !== 'object' || schema === null) return 'simulated';
  const { const: fixed, enum: choices, default: standard, anyOf, oneOf, type } = schema as JsonObject;
  if (fixed !== undefined) return fixed;
  if (standard !== undefined) return standard;
  if (Array.isArray(choices) && choices.length > 0) return choices[0] as unknown;
  const alternatives: unknown = anyOf ?? oneOf;
  if (Array.isArray(alternatives) && depth < MAX_DEPTH) return sampleJson(alternatives[0], depth + 1);
  const kind: unknown = Array.isArray(type) ? type[0] : type;
  return sampleOf(kind, schema as JsonObject, depth);
}

function sampleOf(kind: unknown, schema: JsonObject, depth: number): unknown {
  switch (kind) {
    case 'integer':
    case 'number':
      return typeof schema['minimum'] === 'number' ? schema['minimum'] : 1;
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array':
      return depth >= MAX_DEPTH ? [] : [sampleJson(schema['items'], depth + 1)];
    case 'string':
      return 'simulated';
    default:
      return kind === 'object' || schema['properties'] !== undefined ? sampleObject(schema, depth) : 'simulated';
  }
}

function sampleObject(schema: JsonObject, depth: number): unknown {
  const { properties } = schema;
  if (typeof properties !== 'object' || properties === null || depth >= MAX_DEPTH) return {};
  return Object.fromEntries(
    Object.entries(properties)
      .slice(0, 50)
      .map(([name, property]) => [name, sampleJson(property, depth + 1)]),
  );
}
