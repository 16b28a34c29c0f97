import type { Database } from '../database.js';
import { MIGRATIONS } from './all.js';

/** Where a database stands beside this version of the program. */
export interface SchemaStanding {
  /** Of this version, and not done there yet: the next start does them. */
  readonly missing: readonly string[];
  /** Done there by a later version. */
  readonly unknown: readonly string[];
}

const TABLE_EXISTS = {
  name: 'moltbot_schema_table',
  text: `select to_regclass('moltbot_migration') is not null as known`,
};
const DONE = { name: 'moltbot_schema_done', text: 'select name from moltbot_migration' };

/** Only looks. @throws MoltbotError `storage_unavailable` */
export async function schemaStanding(db: Pick<Database, 'run'>): Promise<SchemaStanding> {
  const [there] = await db.run<{ known: boolean }>(TABLE_EXISTS, []);
  const rows = there?.known === true ? await db.run<{ name: string }>(DONE, []) : [];
  const done = new Set(rows.map(({ name }) => name));
  return {
    missing: Object.keys(MIGRATIONS).filter((name) => !done.has(name)),
    unknown: [...done].filter((name) => !Object.hasOwn(MIGRATIONS, name)),
  };
}
