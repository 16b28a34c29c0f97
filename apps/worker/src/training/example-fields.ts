export type Fields = Readonly<Record<string, unknown>>;

/** What is wrong with a field of a line, and what was expected there. */
export class FieldFault extends Error {
  constructor(path: string, what: string) {
    super(path === '' ? `${what}.` : `${path}: ${what}.`);
  }
}

/** @throws FieldFault */
export function objectAt(value: unknown, path: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new FieldFault(path, path === '' ? 'expected one JSON object' : 'expected an object');
}

/** @throws FieldFault where it is none or empty */
export function listAt(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw new FieldFault(path, 'expected a list that is not empty');
}

/** @throws FieldFault where it is none or empty */
export function textAt(value: unknown, path: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new FieldFault(path, 'expected a text that is not empty');
}
