import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { type ServerClient, toCommandError } from './server-client.js';

const PIECE = 262_144;
const MAX_ANSWER = 1_048_576;

/**
 * `POST /v1/files`: the file as it is read, never as a whole in memory. @returns the id
 * @throws CommandError `usage`, `failed`, `unreachable`
 */
export async function uploadFile(options: {
  readonly client: ServerClient;
  readonly context: CommandContext;
  readonly file: { readonly name: string; readonly size: number; readonly handle: FileHandle };
  readonly fields: Readonly<Record<string, string>>;
  readonly onProgress: (sent: number) => void;
}): Promise<string> {
  const { client, context, file, fields, onProgress } = options;
  const boundary = `moltbot-${randomUUID()}`;
  const part = (disposition: string): string => `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n`;
  const before = Object.entries(fields).map(([name, value]) => `${part(`name="${name}"`)}\r\n${value}\r\n`);
  const head = Buffer.from(
    `${before.join('')}${part(`name="file"; filename="${quoted(file.name)}"`)}content-type: application/octet-stream\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const unreadable = (why: string, cause?: unknown): CommandError =>
    new CommandError('failed', context.messages.jobFileUnreadable(file.name, why), { cause });
  async function* body(): AsyncGenerator<Buffer, void, undefined> {
    yield head;
    for (let sent = 0; sent < file.size; ) {
      const buffer = Buffer.allocUnsafe(Math.min(PIECE, file.size - sent));
      const { bytesRead } = await file.handle
        .read(buffer, 0, buffer.length, sent)
        .catch((error: NodeJS.ErrnoException) => {
          throw unreadable(error.code ?? String(error), error);
        });
      // It was cut meanwhile: the length that was announced can't be kept.
      if (bytesRead === 0) throw unreadable(context.messages.becameShorter);
      sent += bytesRead;
      yield buffer.subarray(0, bytesRead);
      onProgress(sent);
    }
    yield tail;
  }
  const answer = await client.send('/v1/files', {
    stream: {
      type: `multipart/form-data; boundary=${boundary}`,
      length: head.length + file.size + tail.length,
      pieces: body(),
    },
  });
  if (answer.status !== 200) {
    const { code, message } = await toCommandError(answer, context);
    throw new CommandError('failed', message, { code });
  }
  const { id } = JSON.parse(await answer.text(MAX_ANSWER)) as { readonly id?: unknown };
  if (typeof id === 'string') return id;
  throw new CommandError('unreachable', context.messages.notOurs(client.url));
}

/** As browsers write the name of a file into a form (HTML, multipart/form-data encoding). */
function quoted(name: string): string {
  return name.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22');
}
