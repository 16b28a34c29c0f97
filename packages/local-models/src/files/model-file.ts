import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { LocalModelSettings } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { GgufFault } from '../gguf/byte-reader.js';
import { type GgufHeader, partsOf, readGgufHeader } from '../gguf/read-gguf-header.js';
import { assertSize } from './assert-size.js';
import type { FileCache } from './file-cache.js';

const OBJECT = 'object:';

export interface ModelFileOptions {
  readonly settings: Pick<LocalModelSettings, 'file' | 'sha256'>;
  /** Where relative paths begin. */
  readonly folder: string;
  /** Bytes. */
  readonly maxFileSize: number;
  readonly cache: FileCache;
  /** Files whose checksum was right, as they were then; added to. */
  readonly verified: Set<string>;
  readonly signal: AbortSignal;
}

export interface ModelFile {
  /** Without links. */
  readonly path: string;
  readonly header: GgufHeader;
}

/**
 * The model's file on this disk, fetched where it is in the object store; its header has been checked against its length.
 * @throws MoltbotError `model_file_missing`, `model_file_invalid`, `model_file_too_large`, `object_store_unavailable`
 */
export async function openModelFile(options: ModelFileOptions): Promise<ModelFile> {
  const { settings, maxFileSize, cache, signal } = options;
  const { file, sha256 } = settings;
  const stored = file.startsWith(OBJECT);
  const path = stored
    ? await cache.fetch({ key: file.slice(OBJECT.length), sha256, maxBytes: maxFileSize, signal })
    : await checkedPath(options);
  const header = await checkedHeader(path, file);
  if (stored && partsOf(header.metadata) > 1) {
    const message = `The object ${file} is one of several parts of a model; join them (llama-gguf-split --merge) before.`;
    throw new MoltbotError('model_file_invalid', message);
  }
  return { path, header };
}

async function checkedPath({ settings, folder, maxFileSize, verified, signal }: ModelFileOptions): Promise<string> {
  const { file, sha256 } = settings;
  let path: string;
  let size: number;
  let mtimeMs: number;
  try {
    path = await realpath(resolve(folder, file));
    const info = await stat(path);
    if (!info.isFile()) throw new MoltbotError('model_file_invalid', `The model file ${file} is no regular file.`);
    ({ size, mtimeMs } = info);
  } catch (error) {
    if (error instanceof MoltbotError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new MoltbotError('model_file_missing', `The model file ${file} can't be opened (${code}).`, { cause: error });
  }
  assertSize(file, size, maxFileSize);
  // A large file takes a minute: once for each of its versions.
  const version = JSON.stringify([path, size, mtimeMs, sha256]);
  if (sha256 !== undefined && !verified.has(version)) {
    if ((await checksumOf(path, signal)) !== sha256) {
      throw new MoltbotError('model_file_invalid', `The model file ${file} has another checksum than \`sha256\` says.`);
    }
    verified.add(version);
  }
  return path;
}

async function checksumOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { signal })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function checkedHeader(path: string, name: string): Promise<GgufHeader> {
  try {
    return await readGgufHeader(path);
  } catch (error) {
    if (error instanceof GgufFault) {
      throw new MoltbotError('model_file_invalid', `The model file ${name} can't be used: ${error.message}.`, {
        cause: error,
      });
    }
    const { code } = error as NodeJS.ErrnoException;
    throw new MoltbotError('model_file_missing', `The model file ${name} can't be read (${code}).`, { cause: error });
  }
}
