import { appendFile, mkdir, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { temporaryHome } from './__fixtures__/temporary-home.js';
import type { ConfigError } from './problems/config-problem.js';
import { loadConfig } from './load.js';
import { secretSourceText } from './secret-source.js';
import { type ConfigWatch, watchConfig, type WatchOptions } from './watch.js';

const home = temporaryHome();
const PORT = (port: number) => `server:\n  port: ${port}\n`;

/** What the watcher told, in order, with a way to wait for the next of it. */
class Heard {
  readonly events: string[] = [];
  #waiting: (() => void)[] = [];

  add(event: string): void {
    this.events.push(event);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async untilHeard(event: string): Promise<void> {
    while (!this.events.includes(event)) await this.until(this.events.length + 1);
  }

  async until(count: number): Promise<readonly string[]> {
    while (this.events.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.events;
  }
}

let watches: ConfigWatch[] = [];
afterEach(async () => {
  await Promise.all(watches.map((watch) => watch.close()));
  watches = [];
});

const FAST = { debounce: 20, poll: 10_000, vanished: 100 };

async function start(options: Partial<WatchOptions> = {}) {
  const heard = new Heard();
  const watch = watchConfig({
    paths: home.paths,
    env: {},
    initial: await loadConfig({ paths: home.paths, env: {} }),
    onChange: ({ settings }, keys) => heard.add(`port ${settings.server.port}: ${keys.join(' ')}`),
    onRefused: (error) => heard.add(`refused ${(error as ConfigError).message.split('/').at(-1)}`),
    timing: FAST,
    ...options,
  });
  watches.push(watch);
  return { heard, watch };
}

/** Waits until the watcher has looked at the files at least once. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 150));

describe('watchConfig', () => {
  it('takes a change of either file, with the keys that changed', async () => {
    await home.writeConfig(PORT(1));
    await home.writeAuth('{"openai": {"type": "api_key", "key": "a"}, "gemini": {"type": "api_key", "key": "b"}}');
    const { heard, watch } = await start();
    expect(watch.current().settings.server.port).toBe(1);
    await home.writeConfig(`${PORT(2)}models:\n  chains:\n    fast: {primary: "demo:a"}\n`);
    await heard.until(1);
    await home.writeAuth(
      '{"gemini": {"type": "api_key", "key": "b"}, "openai": {"type": "api_key", "key": "c"}, "vllm:b": {"type": "api_key", "key": "x"}}',
    );
    expect(await heard.until(2)).toEqual([
      'port 2: server.port models.chains.fast.primary models.chains.fast.fallbacks',
      'port 2: credentials.openai credentials.vllm:b',
    ]);
    expect(watch.current().credentials.map(({ id }) => id)).toEqual(['gemini', 'openai', 'vllm:b']);
  });

  it('takes a file that an editor puts in the place of the old one, again and again', async () => {
    await home.writeConfig(PORT(1));
    const { heard, watch } = await start();
    for (const port of [2, 3, 4]) {
      const temporary = join(home.paths.home, '.config.yml.swp');
      await writeFile(temporary, PORT(port));
      await rename(temporary, home.paths.configFile);
      await heard.until(port - 1);
    }
    expect(heard.events).toEqual(['port 2: server.port', 'port 3: server.port', 'port 4: server.port']);
    expect(watch.current().settings.server.port).toBe(4);
  });

  it('finds a change that was made before it began to watch', async () => {
    const initial = await loadConfig({ paths: home.paths, env: {} });
    await home.writeConfig(PORT(5));
    const { heard } = await start({ initial });
    expect(await heard.until(1)).toEqual(['port 5: server.port']);
  });

  it('refuses a broken edit once for each content, and keeps the last good one', async () => {
    await home.writeConfig(PORT(1));
    const { heard, watch } = await start();
    await settle();
    await home.writeConfig('server:\n  port: x\n');
    await heard.until(1);
    await utimes(home.paths.configFile, new Date(), new Date());
    await settle();
    expect(heard.events).toEqual([
      'refused config.yml:2: server.port: expected a whole number from 0 to 65535; found "x"',
    ]);
    expect(watch.current().settings.server.port).toBe(1);
    await home.writeConfig('server: [\n');
    await heard.until(2);
    await home.writeAuth('{"a": ');
    await heard.until(3);
    expect(heard.events[2]).toMatch(/^refused config\.yml|auth\.json/);
    await rm(home.paths.authFile);
    await home.writeConfig(PORT(2));
    await heard.untilHeard('port 2: server.port');
    expect(watch.current().settings.server.port).toBe(2);
  });

  it('tells nothing where nothing that counts has changed', async () => {
    await home.writeConfig(PORT(1));
    const { heard } = await start();
    await settle();
    await appendFile(home.paths.configFile, '# a comment\n');
    await writeFile(join(home.paths.home, 'other'), 'x');
    await settle();
    await home.writeConfig(PORT(2));
    expect(await heard.until(1)).toEqual(['port 2: server.port']);
  });

  it('does not take a file that is written in pieces for what it is on the way', async () => {
    await home.writeConfig(PORT(1));
    const { heard } = await start({ timing: { ...FAST, vanished: 5_000 } });
    await settle();
    await truncate(home.paths.configFile);
    await settle();
    await rm(home.paths.configFile);
    await settle();
    await home.writeConfig(PORT(2));
    expect(await heard.until(1)).toEqual(['port 2: server.port']);
  });

  it('takes the defaults when the file is gone for good, and the file when it is back', async () => {
    await home.writeConfig(PORT(1));
    const { heard } = await start();
    await settle();
    await rm(home.paths.configFile);
    await heard.until(1);
    await home.writeConfig(PORT(2));
    expect(await heard.until(2)).toEqual(['port 8080: server.port', 'port 2: server.port']);
  });

  it('waits for a folder that is not there yet, and keeps what it has when the folder vanishes', async () => {
    await rm(home.paths.home, { recursive: true });
    const { heard, watch } = await start({ timing: { ...FAST, poll: 20 } });
    await settle();
    await mkdir(home.paths.home);
    await home.writeConfig(PORT(1));
    await heard.until(1);
    await rm(home.paths.home, { recursive: true });
    await heard.until(2);
    expect(heard.events[1]).toMatch(/^refused .*the folder has vanished$/);
    expect(watch.current().settings.server.port).toBe(1);
    await mkdir(home.paths.home);
    await home.writeConfig(PORT(3));
    expect((await heard.until(3))[2]).toBe('port 3: server.port');
  });

  it('finds by looking what the system does not tell: a change behind a link', async () => {
    const elsewhere = join(home.paths.home, 'elsewhere');
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, 'c.yml'), PORT(1));
    await symlink(join('elsewhere', 'c.yml'), home.paths.configFile);
    const { heard } = await start({ timing: { ...FAST, poll: 30 } });
    await settle();
    await writeFile(join(elsewhere, 'c.yml'), PORT(2));
    expect(await heard.until(1)).toEqual(['port 2: server.port']);
  });

  it('takes what Kubernetes puts in place by one renamed link', async () => {
    const at = (name: string) => join(home.paths.home, name);
    const publish = async (version: string, port: number) => {
      await mkdir(at(`..${version}`));
      await writeFile(at(`..${version}/config.yml`), PORT(port));
      await symlink(`..${version}`, at('..data_tmp'));
      await rename(at('..data_tmp'), at('..data'));
    };
    await publish('v1', 1);
    await symlink('..data/config.yml', home.paths.configFile);
    const { heard } = await start();
    await settle();
    for (const port of [2, 3]) {
      await publish(`v${port}`, port);
      await rm(at(`..v${port - 1}`), { recursive: true });
      await heard.until(port - 1);
    }
    expect(heard.events).toEqual(['port 2: server.port', 'port 3: server.port']);
  });

  it('ends with the last of many edits, and tells of no broken one', async () => {
    await home.writeConfig(PORT(1));
    const { heard, watch } = await start();
    await settle();
    for (let edit = 1; edit <= 100; edit += 1) {
      await home.writeConfig(PORT(1_000 + edit));
      await home.writeAuth(JSON.stringify({ openai: { type: 'api_key', key: `k${edit}` } }));
      if (edit % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 15));
    }
    const key = () => {
      const entry = watch.current().credentials[0]?.entry;
      return entry?.type === 'api_key' ? secretSourceText(entry.key) : undefined;
    };
    while (key() !== 'k100') await heard.until(heard.events.length + 1);
    expect(watch.current().settings.server.port).toBe(1_100);
    expect(heard.events.filter((event) => event.startsWith('refused'))).toEqual([]);
    expect(heard.events.length).toBeLessThan(20);
  });

  it('keeps the last good one when the app refuses the change', async () => {
    await home.writeConfig(PORT(1));
    const { heard, watch } = await start({ onChange: () => Promise.reject(new Error('no such target')) });
    await home.writeConfig(PORT(2));
    expect(await heard.until(1)).toEqual(['refused no such target']);
    expect(watch.current().settings.server.port).toBe(1);
  });

  it('has taken the change when it tells of it, and keeps what did not change', async () => {
    await home.writeConfig(PORT(1));
    const seen: number[] = [];
    const { heard, watch } = await start({
      onChange: () => {
        seen.push(watch.current().settings.server.port);
        heard.add('change');
      },
    });
    const { settings, credentials } = watch.current();
    await settle();
    await home.writeAuth('{"openai": {"type": "api_key", "key": "a"}}');
    await heard.until(1);
    expect(watch.current().settings).toBe(settings);
    expect(watch.current().credentials).not.toBe(credentials);
    const [credential] = watch.current().credentials;
    await home.writeConfig(PORT(2));
    await heard.until(2);
    expect(watch.current().credentials[0]).toBe(credential);
    expect(seen).toEqual([1, 2]);
  });

  it('lets environment and flags stay above the file', async () => {
    await home.writeConfig(PORT(1));
    const initial = await loadConfig({ paths: home.paths, env: {}, flags: { 'server.port': 9 } });
    const { heard, watch } = await start({ initial, flags: { 'server.port': 9 } });
    await home.writeConfig(`${PORT(2)}logs:\n  level: debug\n`);
    expect(await heard.until(1)).toEqual(['port 9: logs.level']);
    expect(watch.current().settings.server.port).toBe(9);
  });

  it('tells nothing after it was closed, however often', async () => {
    await home.writeConfig(PORT(1));
    const { heard, watch } = await start();
    await home.writeConfig(PORT(2));
    await Promise.all([watch.close(), watch.close()]);
    await watch.close();
    await home.writeConfig(PORT(3));
    await settle();
    expect(heard.events).toEqual([]);
    expect(watch.current().settings.server.port).toBe(1);
  });

  it('keeps no process alive', async () => {
    const intervals = jest.spyOn(globalThis, 'setInterval');
    await start();
    const [poll] = intervals.mock.results.map(({ value }) => value as NodeJS.Timeout);
    intervals.mockRestore();
    await settle();
    expect(poll?.hasRef()).toBe(false);
    expect(process.getActiveResourcesInfo().filter((name) => name.includes('FSEvent'))).toEqual([]);
  });
});
