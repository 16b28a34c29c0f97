import { MoltbotError } from '@moltbot/contracts';
import pg from 'pg';

/** SQLSTATE classes that say the server is not there for us now: connection, resources, operator, system, internal. */
const UNAVAILABLE = new Set(['08', '53', '57', '58', 'XX']);
/** SQLSTATE classes that blame the values: data exception, integrity constraint. */
const BAD_VALUES = new Set(['22', '23']);
/** The user or password was refused (28), or there is no such database (3D): also of no use to retry with other values. */
const REFUSED = new Set(['28', '3D']);

/** What can be told apart of a server that is there and yet of no use; an operator does something else about each. */
const REASONS: Readonly<Record<string, string>> = {
  '53100': 'The disk of the database is full.',
  '53300': 'The database has no connection left for us.',
  '57014': 'The database took too long.',
  '28P01': 'The database refused the password.',
  '3D000': 'There is no such database on the server.',
};

/**
 * `storage_unavailable` where the server did not answer (no connection, time-outs, shutdown); else the error as it is.
 * Source: PostgreSQL, appendix A (error codes). pg's own errors (broken sockets, time-outs) carry no SQLSTATE.
 */
export function storageErrorFrom(error: unknown): unknown {
  if (error instanceof MoltbotError) return error;
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : '08000';
  const sqlClass = code.slice(0, 2);
  if (!UNAVAILABLE.has(sqlClass) && !REFUSED.has(sqlClass)) return error;
  return new MoltbotError('storage_unavailable', REASONS[code] ?? 'The database does not answer.', { cause: error });
}

/** Whether the values are at fault, so that the same statement can never succeed with them. */
export function isValueError(error: unknown): boolean {
  return error instanceof pg.DatabaseError && BAD_VALUES.has((error.code ?? '').slice(0, 2));
}

/** Runs a query of `Database.kysely` with the errors of `storageErrorFrom`. */
export async function guarded<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    throw storageErrorFrom(error);
  }
}
