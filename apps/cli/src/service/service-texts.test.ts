import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { moltbotPaths } from '@moltbot/config';
import { launchdPlist } from './launchd-plist.js';
import { serviceDefinition } from './service-definition.js';
import { systemdUnit } from './systemd-unit.js';

const HOSTILE = 'a b"c\\d$HOME%h;#é';

describe('serviceDefinition', () => {
  it('keeps what the shell says of settings, proxies and trust, and nothing else', () => {
    const env = {
      PATH: '/usr/bin',
      HTTPS_PROXY: 'http://proxy.test:3128',
      MOLTBOT_LOGS_LEVEL: 'debug',
      MOLTBOT_API_KEY: 'a caller’s own',
      EMPTY: '',
    };
    const paths = moltbotPaths({ env: {}, homeDirectory: '/home/ann' });
    const definition = serviceDefinition({ installation: { kind: 'package', command: ['/n', '/m.js'] }, paths, env });
    expect(definition).toEqual({
      command: ['/n', '/m.js', 'start'],
      environment: {
        HTTPS_PROXY: 'http://proxy.test:3128',
        MOLTBOT_LOGS_LEVEL: 'debug',
        MOLTBOT_HOME: '/home/ann/.moltbot',
      },
      logFile: '/home/ann/.moltbot/logs/service.log',
    });
  });
});

describe('systemdUnit', () => {
  const text = (folder: string) =>
    systemdUnit({ command: [join(folder, 'moltbot'), 'start'], environment: { NAME: HOSTILE }, logFile: '/x' });

  it('quotes what systemd would read otherwise', () => {
    expect(text('/home/a b')).toContain('ExecStart=:"/home/a b/moltbot" "start"\n');
    expect(text('/home/100%')).toContain('ExecStart=:"/home/100%%/moltbot"');
    expect(text('/x')).toContain('Environment="NAME=a b\\"c\\\\d$HOME%%h;#é"\n');
  });

  it('is accepted by systemd itself, with a path that has spaces and a percent sign', () => {
    const folder = mkdtempSync(join(tmpdir(), 'moltbot 100% unit '));
    try {
      mkdirSync(join(folder, 'run'));
      writeFileSync(join(folder, 'moltbot'), '#!/bin/sh\n', { mode: 0o755 });
      const unit = join(folder, 'moltbot.service');
      writeFileSync(unit, text(folder));
      const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', '--user', '--man=no', unit], {
        encoding: 'utf8',
        env: { ...process.env, XDG_RUNTIME_DIR: join(folder, 'run'), HOME: folder },
      });
      if (error !== undefined) {
        process.stdout.write('NOT CHECKED: systemd-analyze is not on this machine\n');
        expect(process.env['MOLTBOT_REQUIRE_SHELLS']).not.toBe('1');
        return;
      }
      expect(stderr.split('\n').filter((line) => line.includes('moltbot'))).toEqual([]);
      expect(status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('launchdPlist', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'moltbot launchd '));
    writeFileSync(join(folder, 'service.log'), '');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** What launchd would run, with its output in the log, as launchd has it. */
  const keeper = (...command: readonly string[]) => {
    const logFile = join(folder, 'service.log');
    const plist = launchdPlist({ command, environment: {}, logFile });
    const [, words = ''] = /<array>([^]*)<\/array>/.exec(plist) ?? [];
    const [program = '', ...args] = [...words.matchAll(/<string>([^<]*)<\/string>/g)].map(([, text = '']) =>
      text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'),
    );
    const log = openSync(logFile, 'a');
    const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    return { child, said: () => readFileSync(logFile, 'utf8') };
  };
  const endOf = async ({ child }: ReturnType<typeof keeper>) => {
    const [code] = (await once(child, 'exit')) as [number | null];
    // As launchd does: what is left of the group, a nap, ends too.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    return code;
  };

  it.each([
    [0, 0],
    [1, 1],
    [2, 0],
    [4, 0],
    [70, 70],
  ])('has exit code %i end as %i: launchd starts again whatever is not 0', async (code, as) => {
    expect(await endOf(keeper('/bin/sh', '-c', `exit ${code}`))).toBe(as);
  });

  it('hands on the signal to stop, and waits for the end', async () => {
    const running = keeper('/bin/sh', '-c', `trap 'echo stopping; exit 7' TERM; echo up; while :; do sleep 0.1; done`);
    while (!running.said().includes('up')) await delay(20);
    running.child.kill('SIGTERM');
    expect(await endOf(running)).toBe(7);
    expect(running.said()).toContain('stopping');
  });

  it('moves a log that has become too big to a file beside it', async () => {
    writeFileSync(join(folder, 'service.log'), 'x'.repeat(10_000_001));
    const running = keeper('/bin/echo', 'hello');
    expect(await endOf(running)).toBe(0);
    expect(running.said()).toBe('hello\n');
    expect(statSync(join(folder, 'service.log.1')).size).toBe(10_000_001);
  });

  it('is well-formed, and says what it was given', () => {
    const plist = launchdPlist({
      command: ['/home/<a> & b/moltbot', 'start'],
      environment: { NAME: HOSTILE },
      logFile: '/logs/x',
    });
    const tags: string[] = [];
    const dict: Record<string, string> = {};
    let key = '';
    for (const [, close, name = '', selfClosing, text = ''] of plist
      .slice(plist.indexOf('<plist'))
      .matchAll(/<(\/?)(\w+)[^>]*?(\/?)>([^<]*)/g)) {
      if (close === '/') expect(tags.pop()).toBe(name);
      else if (selfClosing !== '/') tags.push(name);
      if (name === 'key' && close === '') key = text;
      else if (name === 'string' && close === '') dict[key] = (dict[key] === undefined ? '' : `${dict[key]} `) + text;
    }
    expect(tags).toEqual([]);
    const { ProgramArguments, ...others } = dict;
    expect(ProgramArguments).toMatch(/^\/bin\/sh -c [^]* moltbot \/logs\/x \/home\/&lt;a&gt; &amp; b\/moltbot start$/);
    expect(others).toEqual({
      Label: 'local.moltbot',
      NAME: HOSTILE,
      StandardOutPath: '/logs/x',
      StandardErrorPath: '/logs/x',
    });
  });
});
