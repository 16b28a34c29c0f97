import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ComposeClient, createComposeClient, type Seen } from './compose-client.js';
import { type ComposeStack, eventually, startComposeStack } from './compose-stack.js';

const GB = 1_073_741_824;

interface Target {
  readonly labels: { readonly job: string; readonly instance: string };
  readonly health: string;
  readonly lastError: string;
}

let stack: ComposeStack;
let client: ComposeClient;

async function targets(): Promise<readonly Target[]> {
  const answer = await fetch(`${stack.prometheusUrl}/api/v1/targets?state=active`);
  return ((await answer.json()) as { readonly data: { readonly activeTargets: readonly Target[] } }).data.activeTargets;
}

/** Primaries that the proxy has asked, by its own log. */
async function asked(): Promise<ReadonlySet<string>> {
  const log = await stack.compose('logs', '--no-color', '--no-log-prefix', 'proxy');
  return new Set([...log.matchAll(/"primary":"([\d.]+:8080)"/g)].map(([, address = '']) => address));
}

/** Names of the alerts that Alertmanager has as firing. */
async function alerts(): Promise<readonly string[]> {
  const answer = await fetch(`${stack.alertmanagerUrl}/api/v2/alerts?active=true`);
  return ((await answer.json()) as readonly { readonly labels: { readonly alertname: string } }[]).map(
    ({ labels }) => labels.alertname,
  );
}

const completed = (id: string) =>
  eventually(`the job ${id}`, 60, async () => {
    const { body } = await client.job(`/v1/jobs/${id}`);
    return body.state === 'completed' ? body : undefined;
  });

const written = (requestId: string | undefined) =>
  eventually(
    `the ledger's row of ${requestId}`,
    20,
    async () => (await stack.query(`select outcome from requests where request_id = '${requestId}'`)) || undefined,
  );

if (process.env['MOLTBOT_REQUIRE_DOCKER'] !== '1') {
  it('needs a Docker engine', () => {
    process.stdout.write('no Docker engine was promised (MOLTBOT_REQUIRE_DOCKER=1): container tests not run\n');
    expect(process.env['MOLTBOT_REQUIRE_DOCKER']).not.toBe('1');
  });
} else {
  describe('docker compose up, with nothing set', () => {
    beforeAll(async () => {
      stack = await startComposeStack();
      const key = (
        await stack.compose('exec', '-T', 'primary', 'moltbot', 'keys', 'create', 'e2e', '--scopes', 'admin')
      ).trim();
      client = createComposeClient(stack, key);
    }, 420_000);
    afterAll(() => stack?.remove(), 120_000);

    it('answers a first chat in whole and as a stream that nothing on the way holds back', async () => {
      const whole = await client.chat();
      expect([whole.end, whole.text]).toEqual(['whole', expect.stringContaining('[SIMULATED]')]);
      const stream = await client.chat({ model: 'demo:rate=20ms,tokens=100', stream: true });
      expect(stream.end).toBe('whole');
      // 100 tokens, 20 ms apart: what buffers would give its first with its last.
      expect(stream.firstMs).toBeLessThan(stream.totalMs - 1_000);
      expect(await written(stream.requestId)).toBe('complete');
      const refused = await fetch(`${stack.url}/v1/models`);
      expect(refused.status).toBe(401);
      // The caller's address, not that of the proxy.
      const [proxy] = await stack.containers('proxy');
      const gateway = Object.values(proxy?.NetworkSettings.Networks ?? {}).map(({ Gateway }) => Gateway);
      const denied = await eventually(
        'the refusal in the audit log',
        20,
        async () => (await stack.query("select source from audit_log where outcome <> 'allowed' limit 1")) || undefined,
      );
      expect(gateway).toContain(denied);
      // Finds nothing wrong; fails otherwise.
      await stack.compose('exec', '-T', 'primary', 'moltbot', 'doctor', '--only', 'ports,server,storage,queue,state');
    }, 60_000);

    it('takes an upload larger than the proxy could keep in its memory', async () => {
      const form = new FormData();
      form.set('purpose', 'batch');
      form.set('file', new Blob([Buffer.alloc(300 * 1_048_576, '{"a":1}\n')]), 'large.jsonl');
      const answer = await fetch(`${stack.url}/v1/files`, {
        method: 'POST',
        headers: { authorization: `Bearer ${client.key}` },
        body: form,
      });
      expect([answer.status, await answer.json()]).toMatchObject([200, { bytes: 300 * 1_048_576 }]);
    }, 120_000);

    it('does a job', async () => {
      const { status, body } = await client.job('/v1/jobs', {
        type: 'probe',
        payload: { steps: 3, wait_ms: 50 },
      });
      expect(status).toBe(202);
      await completed(body.id);
    }, 90_000);

    it('holds each service to its limits, without rights that it does not need, reached from this machine only', async () => {
      const limits: Record<string, readonly [number, number]> = { primary: [2, 4 * GB], worker: [1, 2 * GB] };
      for (const service of stack.services) {
        const [container] = await stack.containers(service);
        if (container === undefined) throw new Error(`no container of ${service}`);
        const { HostConfig, State } = container;
        expect([service, State.Health?.Status]).toEqual([service, 'healthy']);
        expect(HostConfig).toMatchObject({
          ReadonlyRootfs: true,
          CapDrop: ['ALL'],
          RestartPolicy: { Name: 'unless-stopped' },
          LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '5' } },
        });
        expect(HostConfig.SecurityOpt).toContain('no-new-privileges:true');
        expect(HostConfig.NanoCpus).toBeGreaterThan(0);
        expect(HostConfig.Memory).toBeGreaterThan(0);
        const limit = limits[service];
        if (limit !== undefined) expect([HostConfig.NanoCpus / 1e9, HostConfig.Memory]).toEqual(limit);
        const bindings = Object.values(HostConfig.PortBindings).flatMap((binding) => binding ?? []);
        expect(new Set(bindings.map(({ HostIp }) => HostIp))).toEqual(
          new Set(bindings.length === 0 ? [] : ['127.0.0.1']),
        );
        const published = ['proxy', 'prometheus', 'alertmanager', 'grafana'].includes(service);
        expect([service, bindings.length]).toEqual([service, published ? 1 : 0]);
      }
    }, 60_000);

    it('gives each service secrets of its own that are no constants, and none in its environment', async () => {
      const password = await stack.compose(
        'run',
        '--rm',
        '-T',
        '--no-deps',
        '--entrypoint',
        'node',
        'setup',
        '-p',
        'fs.readFileSync("/secrets/all/postgres-password", "utf8")',
      );
      expect(password.trim()).toMatch(/^[\w-]{32}$/);
      for (const service of stack.services) {
        const [container] = await stack.containers(service);
        expect(JSON.stringify(container?.Config.Env)).not.toContain(password.trim());
      }
      const others = await stack.compose('exec', '-T', 'worker', 'node', '-p', 'fs.readdirSync("/run/moltbot").join()');
      expect(others.trim()).toBe('objects-secret,queue-url,secret-key,storage-url');
    }, 60_000);

    it('runs an image of at most 250 MB as a user without rights, ready within 1.5 s', async () => {
      const [primary] = await stack.containers('primary');
      const [image] = JSON.parse(await stack.docker('image', 'inspect', stack.image)) as readonly {
        readonly Size: number;
        readonly Config: { readonly User: string };
      }[];
      expect(image?.Size).toBeLessThan(250e6);
      expect(image?.Config.User).toBe('1000:1000');
      const log = await stack.compose('logs', '--no-color', '--no-log-prefix', 'primary');
      const ready = /\{.*"primary ready".*\}/.exec(log)?.[0] ?? '{}';
      const ms =
        Date.parse((JSON.parse(ready) as { readonly time: string }).time) - Date.parse(primary?.State.StartedAt ?? '');
      process.stdout.write(`image ${((image?.Size ?? 0) / 1e6).toFixed(0)} MB, primary ready after ${ms} ms\n`);
      // Five times what a quiet machine has to keep.
      expect(ms).toBeLessThan(7_500);
      // The role is process 1 itself.
      const first = await stack.compose(
        'exec',
        '-T',
        'primary',
        'node',
        '-p',
        'fs.readFileSync("/proc/1/cmdline", "latin1")',
      );
      expect(first).toContain('primary.js');
    }, 60_000);

    it('is watched: every target is up, the rules are loaded', async () => {
      await eventually('all targets up', 30, async () => {
        const found = await targets();
        const jobs = new Set(found.map(({ labels }) => labels.job));
        for (const { labels, health, lastError } of found) {
          if (health !== 'up') throw new Error(`${labels.job} ${labels.instance}: ${lastError}`);
        }
        return jobs.size === 4 ? jobs : undefined;
      });
      const answer = await fetch(`${stack.prometheusUrl}/api/v1/rules?type=alert`);
      const { data } = (await answer.json()) as { readonly data: { readonly groups: readonly unknown[] } };
      expect(data.groups.length).toBeGreaterThan(0);
    }, 60_000);

    it('tells when the first model fails while callers are still answered, and when it is well again', async () => {
      const configure = (key: string, value: string) =>
        stack.compose('exec', '-T', 'primary', 'moltbot', 'config', 'set', key, value);
      await configure('models.fallbacks', 'demo:assistant');
      await configure('models.primary', 'demo:status=503');
      try {
        await eventually('the alert in Alertmanager', 90, async () => {
          const { end, text } = await client.chat();
          if (end !== 'whole') throw new Error(text);
          return (await alerts()).includes('MoltbotChainOneTargetLeft') || undefined;
        });
      } finally {
        await configure('models.primary', 'demo:assistant');
        await configure('models.fallbacks', '[]');
      }
      await eventually('the end of the alert', 60, async () => {
        await client.chat();
        return !(await alerts()).includes('MoltbotChainOneTargetLeft') || undefined;
      });
    }, 180_000);

    it('grows to three primaries and two workers, all of them watched and asked', async () => {
      await stack.up('--no-recreate', '--scale', 'primary=3', '--scale', 'worker=2');
      await eventually('three and two targets up', 60, async () => {
        const up = (await targets()).filter(({ health }) => health === 'up').map(({ labels }) => labels.job);
        const count = (job: string) => up.filter((name) => name === job).length;
        return (count('moltbot-primary') === 3 && count('moltbot-worker') === 2) || undefined;
      });
      const seen = await Promise.all(Array.from({ length: 30 }, () => client.chat()));
      expect(seen.map(({ end }) => end)).toEqual(seen.map(() => 'whole'));
      expect((await asked()).size).toBe(3);
    }, 180_000);

    it('loses no answer when a primary goes away in good order', async () => {
      const streams = Array.from({ length: 12 }, () =>
        client.chat({ model: 'demo:rate=20ms,tokens=200', stream: true }),
      );
      await sleepFor(1_000);
      const stopping = stack.up('--no-recreate', '--scale', 'primary=2', '--scale', 'worker=2').then(() => 'over');
      const meanwhile: Promise<Seen>[] = [];
      while ((await Promise.race([stopping, sleepFor(100)])) !== 'over') meanwhile.push(client.chat());
      await stopping;
      const ends = (await Promise.all([...streams, ...meanwhile])).map(({ end, status, text }) =>
        end === 'whole' ? end : `${end} ${status} ${text.slice(0, 200)}`,
      );
      expect(meanwhile.length).toBeGreaterThan(3);
      expect(ends).toEqual(ends.map(() => 'whole'));
      await stack.up('--no-recreate', '--scale', 'primary=3', '--scale', 'worker=2');
    }, 180_000);

    it('when containers are killed, answers in whole or tells, does all jobs, and accounts for every whole answer', async () => {
      const jobs = await Promise.all(
        Array.from({ length: 6 }, () =>
          client.job('/v1/jobs', { type: 'probe', payload: { steps: 20, wait_ms: 200 } }),
        ),
      );
      expect(jobs.map(({ status }) => status)).toEqual(jobs.map(() => 202));
      const running = [
        ...Array.from({ length: 24 }, () => client.chat({ model: 'demo:rate=20ms,tokens=200', stream: true })),
        ...Array.from({ length: 12 }, () => client.chat({ model: 'demo:rate=20ms,tokens=200' })),
      ];
      await sleepFor(1_500);
      const [primary] = await stack.containers('primary');
      const [worker] = await stack.containers('worker');
      if (primary === undefined || worker === undefined) throw new Error('nothing to kill');
      await stack.docker('kill', primary.Name);
      // As the kernel does when memory runs out: Docker was not asked, and starts it again.
      process.kill(worker.State.Pid, 'SIGKILL');
      const after = await Promise.all(Array.from({ length: 20 }, () => client.chat()));
      expect(after.map(({ end }) => end)).toEqual(after.map(() => 'whole'));

      const seen = await Promise.all(running);
      const whole = seen.filter(({ end }) => end === 'whole');
      const lost = seen.filter(({ end }) => end !== 'whole');
      expect(whole.length).toBeGreaterThan(0);
      expect(lost.length).toBeGreaterThan(0);
      // Who had no head yet is told that the server is gone; a stream that had begun breaks off before its end.
      for (const { end, status, text } of lost) {
        if (end === 'told') expect([status, text]).toEqual([503, expect.stringContaining('primary_lost')]);
        else expect(text).not.toContain('[DONE]');
      }
      for (const { requestId } of [...whole, ...after]) expect(await written(requestId)).toBe('complete');
      for (const { body } of jobs) await completed(body.id);
      await eventually(
        'the worker again',
        30,
        async () => (await stack.containers('worker')).every(({ State }) => State.Running) || undefined,
      );
      expect(
        (await stack.containers('worker')).map(({ RestartCount }) => RestartCount).sort((one, other) => one - other),
      ).toEqual([0, 1]);
      await stack.up('--no-recreate', '--scale', 'primary=3', '--scale', 'worker=2');
      expect((await stack.containers('primary')).filter(({ State }) => State.Running)).toHaveLength(3);
    }, 240_000);

    it('keeps keys, settings, the ledger and jobs over down and up', async () => {
      const { body } = await client.job('/v1/jobs', { type: 'probe', payload: { steps: 1 } });
      await completed(body.id);
      await stack.compose('exec', '-T', 'primary', 'moltbot', 'config', 'set', 'logs.level', 'warn');
      const { requestId } = await client.chat();
      await written(requestId);
      const rows = Number(await stack.query('select count(*) from requests'));
      await stack.compose('down', '--timeout', '30');
      expect(await stack.containers('primary')).toEqual([]);
      await stack.up();
      expect((await client.chat()).end).toBe('whole');
      expect(await stack.query(`select outcome from requests where request_id = '${requestId}'`)).toBe('complete');
      expect(Number(await stack.query('select count(*) from requests'))).toBeGreaterThanOrEqual(rows);
      expect(await client.job(`/v1/jobs/${body.id}`)).toMatchObject({ status: 200, body: { state: 'completed' } });
      const level = await stack.compose('exec', '-T', 'primary', 'moltbot', 'config', 'show', '--json');
      expect(level).toContain('warn');
    }, 240_000);
  });
}
