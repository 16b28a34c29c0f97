import type { JsonObject } from './caller-request.js';

/** Lenient readers for foreign JSON: a value of another type reads as absent. */
export function readObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

const NO_ITEMS: readonly unknown[] = [];

/** An empty list where it is none. */
export function readList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : NO_ITEMS;
}

/** `undefined` for the empty text too. */
export function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A count: finite and not negative, rounded. */
export function readCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.round(value) : undefined;
}

/** @returns the value, or `undefined` where the text is no JSON */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether objects and arrays nest at most `levels` deep: deeper ones make a recursive walk, JSON.stringify too, overflow. */
export function nestsWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels <= 0) return false;
  for (const child of Object.values(value)) {
    if (!nestsWithin(child, levels - 1)) return false;
  }
  return true;
}
