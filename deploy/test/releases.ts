import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runProgram } from './run-program.js';

export const ROOT = resolve(import.meta.dirname, '../..');

async function build(script: string, args: readonly string[]): Promise<string> {
  const ran = await runProgram(process.execPath, [join(ROOT, 'deploy/install', script), ...args]);
  if (ran.code !== 0) throw new Error(`${script} ended with ${ran.code}:\n${ran.stdout}${ran.stderr}`);
  return ran.stdout.trim();
}

/** The package of this checkout as `version`. @returns its tarball; `<folder>/package` holds its files */
export async function buildPackage(folder: string, version: string): Promise<string> {
  return build('build-package.mjs', ['--out', folder, '--version', version]);
}

/** The bundle of this checkout, with Node in it. @returns its file */
export async function buildBundle(folder: string, version: string): Promise<string> {
  return build('build-bundle.mjs', ['--out', folder, '--version', version, '--level', '1']);
}

export interface VariantOptions {
  /** Holds `package/`. */
  readonly of: string;
  readonly folder: string;
  readonly version: string;
  /** File of the package → its text, from what it was. */
  readonly change?: Readonly<Record<string, (text: string) => string>>;
}

/** Another version, which differs in what `change` says; a bundle without Node. @returns its file */
export async function buildVariant({ of, folder, version, change = {} }: VariantOptions): Promise<string> {
  const place = join(folder, 'package');
  cpSync(join(of, 'package'), place, { recursive: true });
  const edits = {
    ...change,
    'package.json': (text: string) => text.replace(/"version": "[^"]*"/, `"version": "${version}"`),
  };
  for (const [name, edit] of Object.entries(edits)) {
    const path = join(place, name);
    writeFileSync(path, edit(readFileSync(path, 'utf8')));
  }
  return build('build-bundle.mjs', ['--out', folder, '--package', place, '--no-node', '--level', '1']);
}
