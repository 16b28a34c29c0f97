import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { MoltbotError } from '@moltbot/contracts';
import type { FileRecord } from '@moltbot/storage';
import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseStrictly } from '../access/json-body.js';
import { RequireScope } from '../access/require-scope.js';
import type { Core } from '../core/core.js';
import { CORE } from '../core/tokens.js';
import { parseByteRange } from './byte-range.js';
import { FILE_ID, fileListQuerySchema, toFileObject, uploadFieldsSchema } from './file-schemas.js';
import { READS_UPLOAD, readUpload } from './read-upload.js';
import { whoseAre } from './whose.js';

/** Callers' files, in the shape of OpenAI's Files API: their rows in the database, their bytes in the object store. */
@Controller('v1/files')
@RequireScope('jobs')
export class FilesController {
  readonly #core: Core;

  constructor(@Inject(CORE) core: Core) {
    this.#core = core;
  }

  @Post()
  @HttpCode(200)
  @RouteConfig(READS_UPLOAD)
  async create(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    const { storage, settings } = this.#core;
    const { objects: limits } = settings();
    announcedSize(request, limits.max_size);
    const objects = await this.#core.objects.open();
    const id = `file-${randomBytes(12).toString('hex')}`;
    const key = `files/${id}/content`;
    await storage.files.begin({ id, owner: whoseAre(request).owner, objectKey: key });
    try {
      const { fields, fileName, stored } = await readUpload({
        request,
        reply,
        store: (body, signal) => objects.put({ key, body, maxBytes: limits.max_size, signal }),
      });
      const { purpose, expiresAfter } = parseStrictly(uploadFieldsSchema, Object.fromEntries(fields));
      if (stored.size === 0) throw new MoltbotError('invalid_request', 'file: the file is empty.', { param: 'file' });
      const lifetime = expiresAfter === undefined ? undefined : expiresAfter * 1_000;
      const kept = lifetime ?? (purpose === 'batch' ? limits.batch_file_retention : undefined);
      const file = await storage.files.finish(id, {
        purpose,
        name: fileName,
        bytes: stored.size,
        sha256: stored.sha256,
        expiresAt: kept === undefined ? undefined : Date.now() + kept,
      });
      return toFileObject(file);
    } catch (error) {
      // Where this fails too, the row stays, and what is due is deleted later.
      await objects
        .delete(key)
        .then(() => storage.files.drop(id))
        .catch(() => undefined);
      throw tooLarge(error, limits.max_size);
    }
  }

  @Get()
  async list(@Query() query: unknown, @Req() request: FastifyRequest) {
    const { limit, ...filter } = parseStrictly(fileListQuerySchema, query);
    const found = await this.#core.storage.files.list({ ...filter, ...whoseAre(request).visible, limit: limit + 1 });
    const data = found.slice(0, limit).map(toFileObject);
    return {
      object: 'list',
      data,
      has_more: found.length > limit,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
    };
  }

  @Get(':id')
  async find(@Param('id') id: string, @Req() request: FastifyRequest) {
    return toFileObject(await this.#file(id, request));
  }

  @Get(':id/content')
  async content(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const file = await this.#file(id, request);
    const etag = `"${file.sha256 ?? file.id}"`;
    // RFC 9110 section 13.1.5: a part of something else is of no use.
    const condition = request.headers['if-range'];
    const wanted = condition === undefined || condition === etag ? request.headers.range : undefined;
    const range = parseByteRange(wanted, file.bytes);
    if (range.type === 'unsatisfiable') {
      void reply.header('content-range', `bytes */${file.bytes}`);
      throw new MoltbotError('invalid_request', `The file has ${file.bytes} bytes.`, { param: 'range', http: 416 });
    }
    const part = range.type === 'part' ? { start: range.start, end: range.end } : { start: 0, end: file.bytes };
    const objects = await this.#core.objects.open();
    const found = await objects.get({ key: file.objectKey, ...part });
    if (found === undefined) {
      throw new MoltbotError('object_store_unavailable', 'The bytes of the file are not in the store of files.');
    }
    void reply.headers({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename*=UTF-8''${encodeName(file.name)}`,
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-store',
      etag,
      'x-request-id': request.caller?.requestId ?? '',
    });
    if (range.type === 'part') {
      void reply.code(206).header('content-range', `bytes ${part.start}-${part.end - 1}/${file.bytes}`);
    }
    // One that reads nothing does not hold an open file for ever.
    reply.raw.setTimeout(this.#core.settings().server.write_timeout, () => reply.raw.destroy());
    return reply.header('content-length', part.end - part.start).send(Readable.from(found.body, { objectMode: false }));
  }

  @Delete(':id')
  async remove(@Param('id') id: string, @Req() request: FastifyRequest) {
    const { storage } = this.#core;
    const objects = await this.#core.objects.open();
    const file = FILE_ID.test(id) ? await storage.files.beginDelete(id, whoseAre(request).visible) : undefined;
    if (file === undefined) throw noSuchFile();
    await objects.delete(file.objectKey);
    await storage.files.drop(id);
    return { id, object: 'file', deleted: true };
  }

  /** @throws MoltbotError `not_found`, also for somebody else's */
  async #file(id: string, request: FastifyRequest): Promise<FileRecord> {
    const file = FILE_ID.test(id) ? await this.#core.storage.files.find(id, whoseAre(request).visible) : undefined;
    if (file === undefined) throw noSuchFile();
    return file;
  }
}

function noSuchFile(): MoltbotError {
  return new MoltbotError('not_found', 'There is no such file, or it is another key’s.', { param: 'file_id' });
}

/** What says beforehand that it is too large need not be sent. The form around the file is small. @throws `payload_too_large` */
function announcedSize({ headers }: FastifyRequest, most: number): void {
  const announced = Number(headers['content-length'] ?? 0);
  if (announced > most + 1_048_576) throw tooLarge(new MoltbotError('payload_too_large'), most);
}

function tooLarge(error: unknown, most: number): unknown {
  if (!(error instanceof MoltbotError) || error.code !== 'payload_too_large') return error;
  return new MoltbotError('payload_too_large', `The file is larger than ${most} bytes (\`objects.max_size\`).`, {
    param: 'file',
    cause: error,
  });
}

/** RFC 8187. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.codePointAt(0)?.toString(16).toUpperCase()}`,
  );
}
