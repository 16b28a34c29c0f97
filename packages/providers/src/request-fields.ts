import { MoltbotError } from '@moltbot/contracts';
import type { JsonObject } from './json-object.js';

/** Strict readers of a caller's body. Absent and null are `undefined`; any other shape throws `invalid_request` with the path. */

export function refuse(path: string, expected: string): MoltbotError {
  return new MoltbotError('invalid_request', `${path}: expected ${expected}.`, { param: path });
}

export function expectObject(value: unknown, path: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw refuse(path, 'an object');
}

export function expectText(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  throw refuse(path, 'a string');
}

export function expectList(value: unknown, path: string, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw refuse(path, 'a list');
  if (value.length > most) throw refuse(path, `at most ${most} items`);
  return value;
}

export function optionalObject(value: unknown, path: string): JsonObject | undefined {
  return value === undefined || value === null ? undefined : expectObject(value, path);
}

export function optionalText(value: unknown, path: string): string | undefined {
  return value === undefined || value === null ? undefined : expectText(value, path);
}

export function optionalBoolean(value: unknown, path: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw refuse(path, 'true or false');
}

export function optionalNumber(value: unknown, path: string, least: number, most: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw refuse(path, `a number from ${least} to ${most}`);
}

export function optionalInteger(value: unknown, path: string, least: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw refuse(path, `a whole number of at least ${least}`);
}
