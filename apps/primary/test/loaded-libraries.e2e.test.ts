import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { expect, it } from '@jest/globals';
import type { RoleMessage } from '@moltbot/contracts';
import { temporaryHome, writeConfig } from './primary-process.js';

const ENTRY = resolve(import.meta.dirname, '../dist/main.js');
/** What costs tens of megabytes, and only those who configured it need. */
const WAITING = ['ioredis', 'bullmq', '@opentelemetry/sdk-trace', '@opentelemetry/otlp-transformer', '@bull-board/api'];

/** Tells of every library that is resolved, by its name. */
const TELL = `
import { registerHooks } from 'node:module';
const told = new Set();
registerHooks({ resolve(name, context, next) {
  const found = next(name, context);
  const library = /.*node_modules[/]((?:@[^/]+[/])?[^/]+)/.exec(found.url)?.[1];
  if (library !== undefined && !told.has(library)) { told.add(library); process.send?.({ type: 'library', library }); }
  return found;
} });`;

it('loads no library at start that only others need: of Redis, queues, traces and their page', async () => {
  const home = temporaryHome();
  writeConfig(home.path, {});
  const child = fork(ENTRY, [], {
    env: { ...process.env, MOLTBOT_HOME: home.path },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: ['--import', `data:text/javascript,${encodeURIComponent(TELL)}`],
  });
  const loaded = new Set<string>();
  try {
    await new Promise<void>((ready, failed) => {
      child.on('message', (message: RoleMessage | { readonly type: 'library'; readonly library: string }) => {
        if (message.type === 'library') loaded.add(message.library);
        if (message.type === 'ready') ready();
      });
      child.once('exit', (code) => failed(new Error(`the primary ended with ${code}`)));
    });
  } finally {
    const ended = child.exitCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGTERM');
    await ended;
    home.remove();
  }
  expect([...loaded]).toContain('fastify');
  expect(WAITING.filter((library) => loaded.has(library))).toEqual([]);
}, 60_000);
