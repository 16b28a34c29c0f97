import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TokenRow } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import { isCode, syncFolder, writeNewFile } from './durable-file.js';

// A row is a folder. In it, `current.<version>.<mark>` is an empty file whose name says which of `<version>.<mark>.json` is
// the row; marks are random. To write is to put the next `.json` there, safely on the disk, and then to rename `current…`:
// of all who saw the same version one rename finds the file, and the others find nothing to rename. There is no lock that a
// killed or a stopped process could hold, and nobody has to judge whether another process lives.

/** Which generation of a row counts. */
export interface Generation {
  readonly version: number;
  readonly mark: string;
}

export interface RowFolder {
  /** Where all rows are. */
  readonly directory: string;
  readonly name: string;
  readonly id: string;
}

const CURRENT = /^current\.(\d{1,15})\.([0-9a-f]{16})$/;
const DATA = /^(\d{1,15})\.([0-9a-f]{16})\.json$/;
const NEW_FOLDER = '.new-';
/** A look while another process renames may see neither name; the next one does. */
const LOOKS = 200;
/** Half-made folders of processes that were killed. */
const ABANDONED_AFTER_MS = 3_600_000;

/** `undefined` where there is no such row. @throws MoltbotError where the folder makes no sense, and what `fs` throws */
export async function currentGeneration(folder: string): Promise<Generation | undefined> {
  for (let look = 0; look < LOOKS; look += 1) {
    const names = await namesIn(folder);
    const newest = newestOf(names);
    if (newest !== undefined) return newest;
    if (names.length === 0) return undefined;
  }
  throw damaged(folder);
}

/** The row as it is now, with the id that it is of. */
export async function readRow(folder: string): Promise<(TokenRow & { readonly id: string }) | undefined> {
  for (let look = 0; look < LOOKS; look += 1) {
    const generation = await currentGeneration(folder);
    if (generation === undefined) return undefined;
    try {
      return parse(folder, generation, await readFile(join(folder, dataName(generation)), 'utf8'));
    } catch (error) {
      // Overtaken by two writers.
      if (!isCode(error, 'ENOENT')) throw error;
    }
  }
  throw damaged(folder);
}

/** @returns whether the row still had `version`, and now has the next one with `value` */
export async function writeRow(row: RowFolder, version: number, value: string): Promise<boolean> {
  const folder = join(row.directory, row.name);
  const before = await currentGeneration(folder);
  if ((before?.version ?? 0) !== version) return false;
  const next: Generation = { version: version + 1, mark: randomBytes(8).toString('hex') };
  const text = JSON.stringify({ id: row.id, version: next.version, value });
  if (before === undefined) return createFolder(row, next, text);
  return replace({ folder, before, next, text });
}

/** For its owner only; one that others may enter is closed to them. */
export async function makeDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) {
    await syncFolder(dirname(made));
    return;
  }
  if (process.platform === 'win32') return;
  const { mode, uid } = await stat(directory);
  if ((mode & 0o077) !== 0 && uid === process.getuid?.()) await chmod(directory, 0o700);
}

export interface Replacement {
  readonly folder: string;
  readonly before: Generation;
  readonly next: Generation;
  readonly text: string;
}

/** The compare-and-swap itself. @returns whether `before` still was the current one */
export async function replace({ folder, before, next, text }: Replacement): Promise<boolean> {
  const data = join(folder, dataName(next));
  try {
    await writeNewFile(data, text);
    await rename(join(folder, currentName(before)), join(folder, currentName(next)));
  } catch (error) {
    await rm(data, { force: true }).catch(() => undefined);
    // The folder itself may be gone too: then the row is.
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
  await syncFolder(folder);
  await removeOld({ folder, before, next });
  await announce(folder);
  return true;
}

/** A folder with the first generation in it, made aside and then named: of several only the first is. */
async function createFolder({ directory, name }: RowFolder, next: Generation, text: string): Promise<boolean> {
  await makeDirectory(directory);
  const made = join(directory, `${NEW_FOLDER}${next.mark}`);
  try {
    await mkdir(made, { mode: 0o700 });
    await writeNewFile(join(made, dataName(next)), text);
    await writeNewFile(join(made, currentName(next)), '');
    await syncFolder(made);
    await rename(made, join(directory, name));
  } catch (error) {
    await rm(made, { recursive: true, force: true }).catch(() => undefined);
    // Windows says EPERM where others say that the folder is not empty.
    if (isCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
    if (isCode(error, 'EPERM') && (await namesIn(join(directory, name))).length > 0) return false;
    throw error;
  }
  await syncFolder(directory);
  await removeAbandoned(directory);
  return true;
}

/** Keeps the generation before, for readers that just saw its name, and what may come after. */
async function removeOld({ folder, before, next }: Omit<Replacement, 'text'>): Promise<void> {
  const names = await namesIn(folder).catch(() => []);
  const kept = new Set([dataName(before), dataName(next)]);
  const old = names.filter((name) => {
    const version = DATA.exec(name)?.[1];
    return version !== undefined && Number(version) <= next.version && !kept.has(name);
  });
  await Promise.all(old.map((name) => rm(join(folder, name), { force: true }).catch(() => undefined)));
}

async function removeAbandoned(directory: string): Promise<void> {
  const names = (await namesIn(directory).catch(() => [])).filter((name) => name.startsWith(NEW_FOLDER));
  for (const name of names) {
    const made = await stat(join(directory, name)).catch(() => undefined);
    if (made === undefined || Date.now() - made.mtimeMs < ABANDONED_AFTER_MS) continue;
    await rm(join(directory, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** A watcher of the directory sees the folder's own times change, but not what is renamed in it. */
async function announce(folder: string): Promise<void> {
  const now = new Date();
  await utimes(folder, now, now).catch(() => undefined);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

function newestOf(names: readonly string[]): Generation | undefined {
  let newest: Generation | undefined;
  for (const name of names) {
    const [, version, mark] = CURRENT.exec(name) ?? [];
    if (version === undefined || mark === undefined) continue;
    if (newest === undefined || Number(version) > newest.version) newest = { version: Number(version), mark };
  }
  return newest;
}

function currentName({ version, mark }: Generation): string {
  return `current.${version}.${mark}`;
}

function dataName({ version, mark }: Generation): string {
  return `${version}.${mark}.json`;
}

function parse(folder: string, { version }: Generation, text: string): TokenRow & { readonly id: string } {
  let row: { readonly id?: unknown; readonly version?: unknown; readonly value?: unknown } | null;
  try {
    row = JSON.parse(text);
  } catch {
    throw damaged(folder);
  }
  if (typeof row?.id !== 'string' || typeof row.value !== 'string' || row.version !== version) throw damaged(folder);
  return { id: row.id, version, value: row.value };
}

function damaged(folder: string): MoltbotError {
  return new MoltbotError(
    'token_store_unavailable',
    `${folder} holds no readable row: its files were changed by hand or by a failing disk. Remove the folder, and sign in again.`,
  );
}
