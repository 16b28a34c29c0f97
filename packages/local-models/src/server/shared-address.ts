import { readFileSync, rmSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LocalAddress } from '@moltbot/config';

interface Written extends LocalAddress {
  readonly pid: number;
}

/** Looked at no more often. */
const LOOK_EVERY_MS = 1_000;

/** Lets other processes of this user use the models that this one has loaded. */
export async function publishAddress(file: string, { baseUrl, token }: LocalAddress): Promise<void> {
  const written: Written = { baseUrl, token, pid: process.pid };
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, JSON.stringify(written), { mode: 0o600 });
  await rename(temporary, file);
}

/** Takes the address away, unless another process has put its own there. */
export function withdrawAddress(file: string): void {
  if (read(file)?.pid === process.pid) rmSync(file, { force: true });
}

/** Where another process serves local models; `undefined` where none does. */
export function createAddressReader(file: string, elapsed: () => number): () => LocalAddress | undefined {
  let known: LocalAddress | undefined;
  let lookedAt = -Infinity;
  return () => {
    if (elapsed() - lookedAt < LOOK_EVERY_MS) return known;
    lookedAt = elapsed();
    const written = read(file);
    const found = written !== undefined && isAlive(written.pid) ? written : undefined;
    // The same object for the same address: settings are made from it.
    if (found?.baseUrl !== known?.baseUrl || found?.token !== known?.token) known = found;
    return known;
  };
}

function read(file: string): Written | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<Written>;
    const { baseUrl, token, pid } = value;
    const whole = typeof baseUrl === 'string' && typeof token === 'string' && typeof pid === 'number' && pid > 1;
    return whole ? { baseUrl, token, pid } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
