import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { CommandContext } from '../context.js';
import { english } from '../messages/en.js';
import { createServerClient } from './server-client.js';
import { uploadFile } from './upload-file.js';

let server: Server | undefined;
let folder: string | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

describe('uploading a file', () => {
  it('says that the file was cut meanwhile, and does not blame the server', async () => {
    server = createServer((request) => request.resume()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    folder = await mkdtemp(join(tmpdir(), 'moltbot-upload-'));
    const path = join(folder, 'app.log');
    await writeFile(path, 'short\n');
    const handle = await open(path, 'r');
    const context = { env: {}, messages: english('moltbot') } as unknown as CommandContext;
    try {
      const client = await createServerClient(context, {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      });
      const file = { name: 'app.log', size: 1_000, handle };
      const uploading = uploadFile({ client, context, file, fields: {}, onProgress: () => {} });
      await expect(uploading).rejects.toMatchObject({
        exit: 'failed',
        message: 'app.log can’t be read (it became shorter meanwhile).',
      });
    } finally {
      await handle.close();
    }
  });
});
