import type { Readable } from 'node:stream';
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import { MoltbotError } from '@moltbot/contracts';
import type { StoredObject } from '@moltbot/storage';
import type { FastifyContentTypeParser, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    readsUpload?: boolean;
  }
}

/** The `@RouteConfig` of a route that reads a form with a file itself. JSON gets as far as its reader too, to be told so. */
export const READS_UPLOAD = { readsUpload: true, readsBody: true } as const;

/** A form with one file. */
export interface Upload {
  readonly fields: ReadonlyMap<string, string>;
  readonly fileName: string;
  readonly stored: StoredObject;
}

const FILE_FIELD = 'file';
const LIMITS = {
  fields: 32,
  fieldNameSize: 200,
  fieldSize: 65_536,
  files: 1,
  parts: 40,
  headerPairs: 32,
  headerSize: 16_384,
};
const LONGEST_NAME = 255;

/** Leaves forms unread for `readUpload`. Nobody reads those of other routes. */
export function leaveUploadsUnread(fastify: FastifyInstance): void {
  const leave: FastifyContentTypeParser = (request, _payload, done) => {
    if (request.is404 || request.routeOptions.config.readsUpload === true) done(null);
    else done(new MoltbotError('unsupported_media_type'));
  };
  fastify.addContentTypeParser('multipart/form-data', leave);
}

/**
 * Reads a multipart form as it comes, its file straight into the store: memory stays bounded, whatever its size. Where it fails,
 * the file is stored whole or not at all: whoever calls deletes it.
 * @throws MoltbotError `unsupported_media_type`, `invalid_request` with the param, `payload_too_large`, `client_closed`,
 * `object_store_unavailable`
 */
export async function readUpload(options: {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly store: (body: Readable, signal: AbortSignal) => Promise<StoredObject>;
}): Promise<Upload> {
  const { request, reply } = options;
  const parser = createParser(request);
  // RFC 9110 section 10.1.1: a caller that asks first sends its body only now.
  if (request.headers.expect !== undefined) reply.raw.writeContinue();
  const { raw } = request;
  const abort = new AbortController();
  const ended = Promise.withResolvers<void>();
  const fields = new Map<string, string>();
  const upload: { file?: BusboyFileStream; name?: string; storing?: Promise<StoredObject> } = {};

  const refuse = (message: string, param?: string): void => {
    ended.reject(new MoltbotError('invalid_request', message, { param }));
  };
  const left = (): void => {
    if (!raw.complete) ended.reject(new MoltbotError('client_closed'));
  };
  parser.on('file', (field, file, name) => {
    // It fails together with the form.
    file.on('error', () => {});
    if (field !== FILE_FIELD || upload.storing !== undefined) {
      file.resume();
      refuse(`${field}: expected one file, in the field \`${FILE_FIELD}\`.`, FILE_FIELD);
      return;
    }
    upload.file = file;
    upload.name = cleanName(name);
    upload.storing = options.store(file, abort.signal);
    upload.storing.catch((error: unknown) => {
      ended.reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
  parser.on('field', (name, value, nameTruncated, truncated) => {
    if (nameTruncated || truncated) refuse('A field of the form is too long.', name.slice(0, 100));
    else fields.set(name, value);
  });
  for (const limit of ['fieldsLimit', 'partsLimit', 'filesLimit'] as const) {
    parser.on(limit, () => {
      refuse('The form has more parts than it may: send one file and its fields.', FILE_FIELD);
    });
  }
  parser.on('error', (error: unknown) => {
    ended.reject(new MoltbotError('invalid_request', 'The form is no valid multipart/form-data.', { cause: error }));
  });
  parser.on('finish', () => {
    ended.resolve();
  });
  raw.on('error', left);
  raw.on('close', left);
  try {
    raw.pipe(parser);
    await ended.promise;
    const stored = await upload.storing;
    if (stored === undefined) {
      throw new MoltbotError('invalid_request', `${FILE_FIELD}: the form holds no file.`, { param: FILE_FIELD });
    }
    return { fields, fileName: upload.name ?? FILE_FIELD, stored };
  } catch (error) {
    raw.unpipe(parser);
    abort.abort(error);
    upload.file?.destroy(error instanceof Error ? error : undefined);
    // What it has written is gone, or is about to be: whoever calls may delete it now.
    await upload.storing?.catch(() => undefined);
    throw error;
  } finally {
    raw.off('error', left);
    raw.off('close', left);
    raw.on('error', () => {});
  }
}

/** @throws MoltbotError `unsupported_media_type`, `invalid_request` */
function createParser({ headers }: FastifyRequest): BusboyInstance {
  const type = headers['content-type'] ?? '';
  if (!/^multipart\/form-data\s*;/i.test(type)) {
    throw new MoltbotError(
      'unsupported_media_type',
      `The body is no form: send multipart/form-data with the fields \`${FILE_FIELD}\` and \`purpose\`.`,
    );
  }
  try {
    return new Busboy({
      headers: { ...headers, 'content-type': type },
      limits: LIMITS,
      // Whatever its type: the file is where a file belongs.
      isPartAFile: (field, _type, name) => name !== undefined || field === FILE_FIELD,
    });
  } catch (error) {
    throw new MoltbotError('invalid_request', 'The form’s content-type has no boundary.', { cause: error });
  }
}

/** For people and for a header: one line, of bounded length. */
function cleanName(name: string | undefined): string {
  const clean = (name ?? '')
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, ' ')
    .trim();
  return clean === '' ? FILE_FIELD : clean.slice(0, LONGEST_NAME);
}
