import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ServerClient } from '../client/server-client.js';
import { uploadFile } from '../client/upload-file.js';
import type { CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';

interface FileUse {
  /** As `POST /v1/files` takes it. */
  readonly purpose: string;
  readonly most: number;
  /** How the payload names uploaded files. */
  readonly add: (payload: object, ids: readonly string[]) => object;
}

/** Jobs that work on files, and where in their payload those stand. */
const USES: Readonly<Record<string, FileUse>> = {
  'log-analysis': {
    purpose: 'logs',
    most: Number.POSITIVE_INFINITY,
    add: (payload, ids) => ({ ...payload, inputs: [...inputsOf(payload), ...ids.map((id) => ({ file_id: id }))] }),
  },
  training: {
    purpose: 'fine-tune',
    most: 2,
    add: (payload, [training, validation]) => ({
      ...payload,
      training_file: training,
      ...(validation !== undefined && { validation_file: validation }),
    }),
  },
};

/** A job may be tried again for some time; then nobody needs them any more. */
const KEPT_SECONDS = 7 * 86_400;

/**
 * Uploads the files and puts them into the payload. All are opened first: what is not there is found before anything is sent.
 * @throws CommandError `usage`, `failed`, `unreachable`
 */
export async function jobWithFiles(options: {
  readonly type: string;
  readonly payload: object;
  readonly files: readonly string[];
  readonly client: ServerClient;
  readonly context: CommandContext;
}): Promise<object> {
  const { type, payload, files, client, context } = options;
  const { output, messages, stdout } = context;
  const use = Object.hasOwn(USES, type) ? USES[type] : undefined;
  if (use === undefined) throw new CommandError('usage', messages.jobTakesNoFiles(type, Object.keys(USES).join(', ')));
  if (files.length > use.most) throw new CommandError('usage', messages.jobTakesFewerFiles(type, use.most));
  const opened: { readonly name: string; readonly handle: Awaited<ReturnType<typeof open>> }[] = [];
  const bar = output.interactive && !output.json;
  const clear = (): void => {
    if (bar) stdout.write('\r\u001b[K');
  };
  try {
    for (const name of files) {
      const handle = await open(name, 'r').catch((error: NodeJS.ErrnoException) => {
        throw new CommandError('usage', messages.jobFileUnreadable(name, error.code ?? String(error)), {
          cause: error,
        });
      });
      opened.push({ name, handle });
      if (!(await handle.stat()).isFile()) {
        throw new CommandError('usage', messages.jobFileUnreadable(name, messages.noRegularFile));
      }
    }
    const ids: string[] = [];
    for (const { name, handle } of opened) {
      const { size } = await handle.stat();
      const id = await uploadFile({
        client,
        context,
        file: { name: basename(name), size, handle },
        fields: {
          purpose: use.purpose,
          'expires_after[anchor]': 'created_at',
          'expires_after[seconds]': String(KEPT_SECONDS),
        },
        onProgress: (sent) => {
          if (!bar) return;
          clear();
          output.text(messages.jobUploading(basename(name), size === 0 ? 100 : Math.floor((sent / size) * 100)));
        },
      });
      clear();
      output.note(messages.jobUploaded(name, id));
      ids.push(id);
    }
    return use.add(payload, ids);
  } finally {
    clear();
    await Promise.all(opened.map(async ({ handle }) => handle.close()));
  }
}

function inputsOf(payload: object): readonly unknown[] {
  const { inputs } = payload as { readonly inputs?: unknown };
  return Array.isArray(inputs) ? (inputs as readonly unknown[]) : [];
}
