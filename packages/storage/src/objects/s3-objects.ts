import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { MoltbotError, type Secret } from '@moltbot/contracts';
import { S3mini } from 's3mini';
import { checkedBody, rangeOf } from './checked-body.js';
import { orFolderFailure } from './folder-failure.js';
import { checkObjectKey, checkObjectPrefix } from './object-key.js';
import type { GetObject, ObjectBody, ObjectStore, PutObject, StoredObject } from './object-store.js';
import { type SpooledObject, spoolObject } from './spool-object.js';

export interface S3ObjectsOptions {
  /** Address of the service with the bucket as its path: `https://s3.example.com/moltbot`. */
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** Where uploads are kept until they are in the bucket; they are hashed on the way, and a part that fails is sent again. */
  readonly spoolDirectory: string;
  /** By the network's way (proxy, trust). */
  readonly fetch?: typeof globalThis.fetch;
  /** From 5 MB (the protocol's least) to 5 GB. */
  readonly partBytes?: number;
  /** For one request to be answered; a body may take longer. */
  readonly timeoutMs?: number;
}

const PART_BYTES = 8 * 1_048_576;
const TIMEOUT_MS = 60_000;
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 200;
const SHA256_HEADER = 'x-amz-meta-sha256';
const PAGE = 1_000;

/**
 * Objects in a bucket of any service that speaks S3. An upload is spooled to disk first: so its checksum is stored with it, its
 * size is known, and each part can be sent again after a failure.
 */
export function openS3Objects(options: S3ObjectsOptions): ObjectStore {
  const partBytes = options.partBytes ?? PART_BYTES;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;

  /** The library has no signal per call: a client costs nothing, so each call has its own. */
  function client(signal: AbortSignal | undefined): S3mini {
    const send = options.fetch ?? globalThis.fetch;
    return new S3mini({
      endpoint: options.url,
      region: options.region,
      accessKeyId: options.accessKeyId,
      secretAccessKey: options.secretAccessKey.reveal(),
      fetch: async (input, init) => {
        const headersWithin = new AbortController();
        const timer = setTimeout(() => headersWithin.abort(new Error('no answer in time')), timeoutMs);
        const signals = signal === undefined ? [headersWithin.signal] : [headersWithin.signal, signal];
        try {
          return await send(input, { ...init, signal: AbortSignal.any(signals) });
        } finally {
          clearTimeout(timer);
        }
      },
    });
  }

  async function put(options_: PutObject): Promise<StoredObject> {
    const key = checkObjectKey(options_.key);
    const spooled = await orFolderFailure(async () => {
      await mkdir(options.spoolDirectory, { recursive: true, mode: 0o700 });
      return spoolObject(options.spoolDirectory, options_);
    });
    const contentType = options_.contentType ?? 'application/octet-stream';
    try {
      const s3 = client(options_.signal);
      const upload = { s3, key, spooled, contentType, signal: options_.signal };
      await orServiceFailure(async () =>
        spooled.size <= partBytes ? putWhole(upload) : putParts({ ...upload, partBytes }),
      );
      return { key, size: spooled.size, sha256: spooled.sha256, contentType, modifiedAt: Date.now() };
    } finally {
      await rm(spooled.file, { force: true });
    }
  }

  async function head(key: string, signal?: AbortSignal): Promise<StoredObject | undefined> {
    checkObjectKey(key);
    // One byte of it brings the headers that the library gives of no HEAD; an empty object has none to give: 416.
    const response = await repeated(signal, async () => request(client(signal), key, { from: 0, to: 0 }));
    if (response === undefined) return undefined;
    await response.body?.cancel();
    return toObject(key, response);
  }

  async function get({ key, signal, ...range }: GetObject): Promise<ObjectBody | undefined> {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const object = await head(key, signal);
      if (object === undefined) return undefined;
      const { start, end } = rangeOf(object.size, range);
      if (start === end) {
        return { object, body: checkedBody({ object, body: noBytes(), start, end }), cancel: async () => {} };
      }
      const response = await repeated(signal, async () => request(client(signal), key, { from: start, to: end - 1 }));
      const stream = response?.body ?? undefined;
      if (response === undefined || stream === undefined) continue;
      const { size, sha256 } = toObject(key, response);
      if (size === object.size && sha256 === object.sha256) {
        const body = stream as unknown as AsyncIterable<Uint8Array>;
        return {
          object,
          body: checkedBody({ object, body, start, end }),
          cancel: async () => stream.cancel().catch(() => undefined),
        };
      }
      // Replaced between the two requests.
      await stream.cancel();
    }
    throw new MoltbotError('object_store_unavailable', `The object \`${key}\` is being replaced again and again.`);
  }

  return {
    put,
    head: async (key, signal) => orServiceFailure(async () => head(key, signal)),
    get: async (options) => orServiceFailure(async () => get(options)),
    delete: async (key) =>
      orServiceFailure(async () => {
        checkObjectKey(key);
        if ((await head(key)) === undefined) return false;
        return repeated(undefined, async () => client(undefined).deleteObject(key));
      }),
    list: async ({ prefix, after = '', limit }) =>
      orServiceFailure(async () => {
        checkObjectPrefix(prefix);
        const found: StoredObject[] = [];
        // Page by the last key, not by the service's token: that may hold for one process only.
        for (let last = after; found.length < limit; ) {
          const from = last === '' ? {} : { 'start-after': last };
          const page = await repeated(undefined, async () =>
            client(undefined).listObjectsPaged('/', prefix, PAGE, undefined, from),
          );
          const items = (page?.objects ?? []).filter(({ Key }) => Key > last);
          found.push(...items.map(toListed));
          last = items.at(-1)?.Key ?? last;
          if (items.length < PAGE) break;
        }
        return found.slice(0, limit);
      }),
    close: async () => {},
  };
}

type UploadedPart = Awaited<ReturnType<S3mini['uploadPart']>>;

interface Upload {
  readonly s3: S3mini;
  readonly key: string;
  readonly spooled: SpooledObject;
  readonly contentType: string;
  readonly signal: AbortSignal | undefined;
}

async function putWhole({ s3, key, spooled, contentType, signal }: Upload): Promise<void> {
  const bytes = await readFile(spooled.file);
  await repeated(signal, async () =>
    s3.putObject(key, bytes, contentType, undefined, { [SHA256_HEADER]: spooled.sha256 }, spooled.size),
  );
}

async function putParts({
  s3,
  key,
  spooled,
  contentType,
  signal,
  partBytes,
}: Upload & { readonly partBytes: number }): Promise<void> {
  const uploadId = await repeated(signal, async () =>
    s3.getMultipartUploadId(key, contentType, undefined, { [SHA256_HEADER]: spooled.sha256 }),
  );
  try {
    const parts: UploadedPart[] = [];
    for await (const bytes of partsOf(spooled, partBytes)) {
      const number = parts.length + 1;
      parts.push(await repeated(signal, async () => s3.uploadPart(key, uploadId, bytes, number)));
    }
    await repeated(signal, async () => s3.completeMultipartUpload(key, uploadId, parts));
  } catch (error) {
    // Parts of an upload that was given up cost money until they are removed.
    await s3.abortMultipartUpload(key, uploadId).catch(() => undefined);
    throw error;
  }
}

async function* partsOf({ file, size }: SpooledObject, partBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await open(file, 'r');
  try {
    for (let position = 0; position < size; position += partBytes) {
      const buffer = Buffer.alloc(Math.min(partBytes, size - position));
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
        if (bytesRead === 0) throw new MoltbotError('object_store_unavailable', 'The spooled upload was cut short.');
        filled += bytesRead;
      }
      yield buffer;
    }
  } finally {
    await handle.close();
  }
}

/** A range of the object; `undefined` where there is none. */
async function request(s3: S3mini, key: string, { from, to }: { readonly from: number; readonly to: number }) {
  try {
    return await s3.getObjectRaw(key, false, from, to + 1);
  } catch (error) {
    const status = statusOf(error);
    if (status === 404) return undefined;
    if (status === 416) return (await s3.getObjectResponse(key)) ?? undefined;
    throw error;
  }
}

function toObject(key: string, response: Response): StoredObject {
  const { headers } = response;
  const total = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1] ?? headers.get('content-length') ?? '0';
  return {
    key,
    size: Number(total),
    sha256: headers.get(SHA256_HEADER) ?? undefined,
    contentType: headers.get('content-type') ?? 'application/octet-stream',
    modifiedAt: Date.parse(headers.get('last-modified') ?? '') || 0,
  };
}

function toListed({ Key, Size, LastModified }: { Key: string; Size: number; LastModified: Date }): StoredObject {
  const contentType = 'application/octet-stream';
  return { key: Key, size: Size, sha256: undefined, contentType, modifiedAt: new Date(LastModified).getTime() };
}

function statusOf(error: unknown): number | undefined {
  const { status, cause } = error as { readonly status?: unknown; readonly cause?: unknown };
  if (typeof status === 'number') return status;
  return cause === undefined ? undefined : statusOf(cause);
}

/** Again after what passes: no answer, 408, 429, 5xx; with a growing pause. Everything here may be done twice. */
async function repeated<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const status = statusOf(error);
      const passing = status === undefined || status === 0 || status === 408 || status === 429 || status >= 500;
      if (!passing || error instanceof MoltbotError || attempt >= ATTEMPTS || signal?.aborted === true) throw error;
      await new Promise((resolve) =>
        setTimeout(resolve, FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)),
      );
    }
  }
}

async function* noBytes(): AsyncGenerator<Uint8Array, void, undefined> {}

/** What the service says stays inside: it may repeat what was sent. */
async function orServiceFailure<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MoltbotError || (error as Error).name === 'AbortError') throw error;
    const status = statusOf(error);
    const reason = status === undefined || status === 0 ? 'does not answer' : `answered with ${status}`;
    throw new MoltbotError('object_store_unavailable', `The object store ${reason}.`, { cause: error });
  }
}
