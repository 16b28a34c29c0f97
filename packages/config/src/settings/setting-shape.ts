import { z } from 'zod';
import { settingsSchema } from '../schema.js';
import type { SettingPath } from './setting-key.js';

type SettingKind = 'text' | 'url' | 'integer' | 'number' | 'boolean' | 'duration' | 'size' | 'choice' | 'list';

/** What may be written in a file: `30s`, `32mb`, numbers, lists of text. */
export type WrittenValue = string | number | boolean | readonly string[];

export interface LeafShape {
  readonly node: 'leaf';
  readonly kind: SettingKind;
  /** `expected a whole number from 0 to 65535` */
  readonly expected: string;
  readonly description: string;
  /** As it would be written in the file. */
  readonly default: WrittenValue | undefined;
  readonly required: boolean;
  readonly choices: readonly string[];
}

export interface ObjectShape {
  readonly node: 'object';
  readonly fields: ReadonlyMap<string, SettingShape>;
  readonly description: string;
  /** Whether it is missing as a whole where the file does not name it. */
  readonly optional: boolean;
}

/** Named by the user: providers, chains, models, headers. */
interface RecordShape {
  readonly node: 'record';
  readonly entry: SettingShape;
  readonly description: string;
}

/** The schema without zod: what the file may hold, with names, kinds, defaults and descriptions. */
export type SettingShape = LeafShape | ObjectShape | RecordShape;

let shapeOfSettings: ObjectShape | undefined;

/** The shape of config.yml, derived from the schema once. */
export function settingsShape(): ObjectShape {
  shapeOfSettings ??= shapeOf(settingsSchema) as ObjectShape;
  return shapeOfSettings;
}

/** What stands at the path; `undefined` where the schema has no such place. Any name is taken in a record. */
export function shapeAt(path: SettingPath, root: SettingShape = settingsShape()): SettingShape | undefined {
  let shape: SettingShape | undefined = root;
  for (const part of path) {
    if (shape?.node === 'object') shape = shape.fields.get(part);
    else if (shape?.node === 'record') shape = shape.entry;
    else return undefined;
  }
  return shape;
}

/** Every leaf with its path, in the schema's order; `<name>` stands for what the user names. */
export function* leaves(
  shape: SettingShape = settingsShape(),
  path: SettingPath = [],
): Generator<{ readonly path: SettingPath; readonly leaf: LeafShape }> {
  if (shape.node === 'leaf') yield { path, leaf: shape };
  else if (shape.node === 'record') yield* leaves(shape.entry, [...path, '<name>']);
  else for (const [name, field] of shape.fields) yield* leaves(field, [...path, name]);
}

interface Wrapping {
  description: string | undefined;
  default: WrittenValue | undefined;
  required: boolean;
  optional: boolean;
}

/** Only what schema.ts uses; a test walks all of it, so that a kind of schema that is new here fails there. */
export function shapeOf(schema: z.core.$ZodType): SettingShape {
  const wrapping: Wrapping = { description: undefined, default: undefined, required: true, optional: false };
  const inner = unwrap(schema, wrapping);
  const description = wrapping.description ?? '';
  if (inner instanceof z.ZodObject) {
    const fields = Object.entries(inner.shape);
    const shapes = new Map(fields.map(([name, field]) => [name, shapeOf(field)]));
    return { node: 'object', description, fields: shapes, optional: wrapping.optional };
  }
  if (inner instanceof z.ZodRecord) {
    const entry = shapeOf(inner.def.valueType);
    const described = entry.description === '' ? { ...entry, description } : entry;
    return { node: 'record', description, entry: entry.node === 'leaf' ? described : entry };
  }
  return { node: 'leaf', ...leafKind(inner), description, default: wrapping.default, required: wrapping.required };
}

function unwrap(schema: z.core.$ZodType, wrapping: Wrapping): z.core.$ZodType {
  wrapping.description ??= z.globalRegistry.get(schema)?.description;
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    wrapping.default ??= schema.def.defaultValue as WrittenValue;
    wrapping.required = false;
    return unwrap(schema.def.innerType, wrapping);
  }
  if (schema instanceof z.ZodOptional) {
    wrapping.required = false;
    wrapping.optional = true;
    return unwrap(schema.def.innerType, wrapping);
  }
  return schema;
}

type Kind = Pick<LeafShape, 'kind' | 'expected' | 'choices'>;

function leafKind(schema: z.core.$ZodType): Kind {
  const meta = z.globalRegistry.get(schema);
  if (meta?.kind !== undefined) {
    return { kind: meta.kind as SettingKind, expected: String(meta.expected), choices: [] };
  }
  if (schema instanceof z.ZodEnum) {
    const choices = schema.options.map(String);
    return { kind: 'choice', expected: `expected one of ${choices.join(', ')}`, choices };
  }
  if (schema instanceof z.ZodLiteral) {
    const choices = [...schema.values].map(String);
    return { kind: 'choice', expected: `expected ${choices.join(' or ')}`, choices };
  }
  if (schema instanceof z.ZodBoolean) return { kind: 'boolean', expected: 'expected true or false', choices: [] };
  if (schema instanceof z.ZodString) return { kind: 'text', expected: 'expected text', choices: [] };
  if (schema instanceof z.ZodArray) return { kind: 'list', expected: 'expected a list of texts', choices: [] };
  if (schema instanceof z.ZodNumber) return numberKind(schema);
  throw new TypeError(`no way to describe a setting of zod type ${schema._zod.def.type}`);
}

function numberKind(schema: z.ZodNumber): Kind {
  const integer = schema.isInt;
  const minimum = bound(schema.minValue);
  const maximum = bound(schema.maxValue);
  const noun = integer ? 'a whole number' : 'a number';
  const range =
    maximum === undefined
      ? minimum === undefined
        ? ''
        : ` of at least ${minimum}`
      : ` from ${minimum ?? 'any'} to ${maximum}`;
  return { kind: integer ? 'integer' : 'number', expected: `expected ${noun}${range}`, choices: [] };
}

/** zod's own bounds of a safe integer are no bounds that anybody set. */
function bound(value: number | null): number | undefined {
  return value === null || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value;
}
