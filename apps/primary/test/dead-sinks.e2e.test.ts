import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { type PrimaryProcess, startPrimary } from './primary-process.js';

const REQUESTS = 1_000;
const AT_ONCE = 16;
/** Where nothing can be written. */
const FULL = process.platform === 'linux' ? '/dev/full' : '/dev/null/full';

/** Takes connections and reads nothing. */
const stuck: Server = createServer({ pauseOnConnect: true }, (socket) => {
  socket.on('error', () => {});
});
let primary: PrimaryProcess;

beforeAll(async () => {
  stuck.listen(0, '127.0.0.1');
  await once(stuck, 'listening');
  const { port } = stuck.address() as AddressInfo;
  primary = await startPrimary({
    config: {
      models: { primary: 'demo:tokens=3' },
      logs: {
        level: 'debug',
        console: false,
        file: FULL,
        syslog: { url: `tcp://127.0.0.1:${port}`, buffer: '64kb' },
      },
      tracing: { otlp_endpoint: `http://127.0.0.1:${port}/v1/traces` },
    },
  });
}, 60_000);

afterAll(async () => {
  await primary?.kill();
  stuck.close();
}, 30_000);

async function chat(): Promise<number> {
  const answer = await fetch(`${primary.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'demo:tokens=3', messages: [{ role: 'user', content: 'hello' }] }),
  });
  await answer.text();
  return answer.status;
}

/** The sum of a metric's series with this label. */
async function counted(name: string, label: string): Promise<number> {
  const text = await (await fetch(`${primary.opsUrl}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

describe('a full disk, a syslog server that reads nothing and a dead collector', () => {
  it('hold up no answer: what they do not take is dropped and counted', async () => {
    let left = REQUESTS;
    const statuses = new Set<number>();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (left > 0) {
          left -= 1;
          statuses.add(await chat());
        }
      }),
    );
    expect([...statuses]).toEqual([200]);
    expect(await counted('moltbot_log_lines_dropped_total', 'sink="file"')).toBeGreaterThan(0);
    expect(await counted('moltbot_requests_total', 'outcome="complete"')).toBe(REQUESTS);
  }, 60_000);

  it('keep the process from its end for a few seconds at most', async () => {
    const began = performance.now();
    expect(await primary.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(25_000);
    expect(primary.output()).toContain(`cannot write the log file ${FULL}`);
  }, 60_000);
});
