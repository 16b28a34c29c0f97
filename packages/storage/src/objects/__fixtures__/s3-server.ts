import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface S3Server {
  /** With the bucket. */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** An S3 server in a process of its own, with one bucket and one access key, S3RVER. It takes any signature of version 4. */
export async function startS3Server(options: { readonly port?: number; readonly directory?: string } = {}): Promise<S3Server> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'moltbot-s3-')));
  const port = options.port ?? (await freePort());
  const main = join(dirname(createRequire(import.meta.url).resolve('s3rver/package.json')), 'bin', 's3rver.js');
  const child = spawn(
    process.execPath,
    ['--no-deprecation', main, '--address', '127.0.0.1', '--port', String(port), '--directory', directory, '--configure-bucket', 'moltbot'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
      if (/listening/i.test(output)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the S3 server ended with ${code}: ${output}`)));
  });
  return {
    url: `http://127.0.0.1:${port}/moltbot`,
    port,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, 'close');
  return port;
}
