import type { FileHandle } from 'node:fs/promises';
import { MoltbotError } from '@moltbot/contracts';
import type { OpenLog } from './log-source.js';

const PIECE = 262_144;

/** A file that is open already, as long as it is now: what is written meanwhile is not read. */
export function fileLog(options: {
  readonly handle: FileHandle;
  readonly name: string;
  readonly bytes: number;
}): OpenLog {
  const { handle, name, bytes } = options;
  return {
    name,
    bytes,
    async *read(signal) {
      const buffer = Buffer.allocUnsafeSlow(PIECE);
      for (let position = 0; position < bytes; ) {
        signal.throwIfAborted();
        const { bytesRead } = await handle
          .read(buffer, 0, Math.min(PIECE, bytes - position), position)
          .catch((error: unknown) => {
            throw unreadable(name, error);
          });
        // It was cut while it was read.
        if (bytesRead === 0) return;
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
    close: async () => handle.close(),
  };
}

export function unreadable(name: string, error: unknown): MoltbotError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new MoltbotError('not_found', `There is no file ${name}.`, { cause: error });
  }
  return new MoltbotError('log_input_invalid', `${name} can’t be read (${code ?? 'unknown'}).`, { cause: error });
}
