import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createLogger, type LoggerOptions } from './logger.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-logger-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

class Sink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }

  get records(): Record<string, unknown>[] {
    return this.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

function open(options: Partial<LoggerOptions> = {}) {
  const sink = new Sink();
  const logger = createLogger({ role: 'test', console: sink, now: () => 0, ...options });
  return { sink, logger };
}

describe('a logger', () => {
  it('writes one JSON line per call: time, level, message, role, then the fields', async () => {
    const { sink, logger } = open();
    logger.info('request answered', { requestId: 'req_1', durationMs: 12.5, ok: true, missing: undefined });
    await logger.close();
    expect(sink.text).toBe(
      '{"time":"1970-01-01T00:00:00.000Z","level":"info","message":"request answered","role":"test","requestId":"req_1","durationMs":12.5,"ok":true}\n',
    );
  });

  it('filters by a level that can change while it runs, for its children too', async () => {
    const { sink, logger } = open({ level: 'warn' });
    const child = logger.child({ part: 'child' });
    child.info('no');
    expect(child.isDebug).toBe(false);
    logger.setLevel('debug');
    expect(child.isDebug).toBe(true);
    expect(child.level).toBe('debug');
    child.debug('yes');
    logger.setLevel('error');
    logger.warn('no');
    await logger.close();
    expect(sink.records.map(({ message, part }) => ({ message, part }))).toEqual([{ message: 'yes', part: 'child' }]);
  });

  it('keeps a record on one line, whatever the message and the names and values of fields hold', async () => {
    for (const format of ['json', 'pretty'] as const) {
      const { sink, logger } = open({ format });
      logger.info('a\n{"level":"error","message":"forged"}\r\u2028b', {
        'x\ny': 'c\n\u001B[2Jd',
        nested: { e: 'f\ng' },
      });
      await logger.close();
      expect(sink.text.split('\n')).toHaveLength(2);
      expect(sink.text).not.toContain('\u001B');
    }
  });

  it('lets no field pass for one of its own', async () => {
    const { sink, logger } = open();
    logger.info('real', { level: 'error', message: 'forged', role: 'root', time: 'never' });
    await logger.close();
    expect(sink.records).toEqual([
      {
        time: '1970-01-01T00:00:00.000Z',
        level: 'info',
        message: 'real',
        role: 'test',
        level_: 'error',
        message_: 'forged',
        role_: 'root',
        time_: 'never',
      },
    ]);
  });

  it('prints no secret: in the message, in fields, in bound fields, in errors', async () => {
    const canary = ['sk-', 'canary0123456789abcdef'].join('');
    const { sink, logger } = open({ file: join(folder, 'log') });
    const child = logger.child({ authorization: canary, caller: { 'x-api-key': canary } });
    child.error(`call with ${canary} failed`, {
      error: new Error(`bad key ${canary}`, { cause: { apiKey: canary } }),
      content: canary,
      url: `https://u:${canary}@host.test/`,
    });
    await logger.close();
    expect(sink.records).toHaveLength(1);
    expect(sink.text).not.toContain('canary');
    const file = await readFile(join(folder, 'log'), 'utf8');
    expect(file).toBe(sink.text);
  });

  it('shows people a readable line with the stack of an error below, indented', async () => {
    const { sink, logger } = open({ format: 'pretty' });
    logger.warn('trying again', { attempt: 2, error: new Error('no route\nforged line') });
    await logger.close();
    const lines = sink.text.trimEnd().split('\n');
    expect(lines[0]).toBe('00:00:00.000 WARN  test    trying again attempt=2 error=Error: no route\\nforged line');
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines.slice(1)) expect(line).toMatch(/^ {4}\S/);
  });

  it('survives fields that cannot be read and messages that are no text', async () => {
    const { sink, logger } = open();
    const fields = {
      get bad(): never {
        throw new Error('no');
      },
      big: 1n,
      cycle: {} as Record<string, unknown>,
    };
    fields.cycle['self'] = fields.cycle;
    logger.info(undefined as unknown as string, fields);
    await logger.close();
    expect(sink.records[0]).toMatchObject({
      message: 'null',
      bad: '[unreadable]',
      big: '1',
      cycle: { self: '[circular]' },
    });
  });

  it('drops and counts lines when nobody reads, and neither blocks nor grows', async () => {
    let dropped = 0;
    const stuck = new Writable({ write: () => {} });
    const logger = createLogger({ role: 'test', console: stuck, onDrop: (count) => (dropped += count) });
    for (let turn = 0; turn < 40; turn += 1) {
      for (let index = 0; index < 50; index += 1) logger.info('x'.repeat(4_000));
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    expect(dropped).toBeGreaterThan(500);
    expect(stuck.writableLength).toBeLessThan(6 * 1024 * 1024);
    stuck.destroy();
    await logger.close();
  });

  it('outlives a reader that went away', async () => {
    let dropped = 0;
    const broken = new Writable({
      write: (_chunk, _encoding, done) => {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    const logger = createLogger({ role: 'test', console: broken, onDrop: (count) => (dropped += count) });
    logger.info('first');
    await new Promise((resolve) => {
      broken.once('close', resolve);
    });
    logger.info('second');
    await logger.close();
    expect(dropped).toBe(1);
  });

  it('keeps the console going when the file fails', async () => {
    let dropped = 0;
    const { sink, logger } = open({ file: '/dev/full', onDrop: (count) => (dropped += count) });
    const reports: string[] = [];
    const stderr = jest.spyOn(process.stderr, 'write').mockImplementation((text) => reports.push(String(text)) > 0);
    for (let index = 0; index < 100; index += 1) logger.info(`line ${index}`);
    await logger.close();
    stderr.mockRestore();
    expect(sink.records).toHaveLength(100);
    expect(dropped).toBe(100);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toContain('/dev/full');
  });

  it('prints what people wrote only where that is asked for, and secrets in no case', async () => {
    const canary = ['sk-', 'canary0123456789abcdef'].join('');
    const fields = { prompt: `my words ${canary}`, messages: [{ role: 'user', content: 'hello' }] };
    const silent = open();
    silent.logger.info('x', fields);
    await silent.logger.close();
    expect(silent.sink.text).not.toMatch(/my words|hello|canary/);

    const talking = open({ content: true });
    talking.logger.info('x', fields);
    talking.logger.child({ completion: 'theirs' }).info('y');
    await talking.logger.close();
    expect(talking.sink.text).toMatch(/my words .*hello.*\n.*theirs/);
    expect(talking.sink.text).not.toContain('canary');
  });

  it('tells in one line of all outputs how much an output has dropped, once it works again', async () => {
    const drops: [number, string][] = [];
    const stuck: (() => void)[] = [];
    let reads = false;
    let text = '';
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        text += chunk.toString();
        if (reads) done();
        else stuck.push(done);
      },
    });
    const logger = createLogger({
      role: 'test',
      console: stream,
      file: join(folder, 'log'),
      onDrop: (count, sink) => drops.push([count, sink]),
    });
    for (let turn = 0; turn < 40; turn += 1) {
      for (let index = 0; index < 50; index += 1) logger.info('x'.repeat(4_000));
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    const dropped = drops.reduce((sum, [count]) => sum + count, 0);
    expect(new Set(drops.map(([, sink]) => sink))).toEqual(new Set(['console']));
    reads = true;
    for (const done of stuck) done();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    logger.info('after');
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    await logger.close();
    const told = { level: 'warn', message: 'log lines were dropped', sink: 'console', count: dropped };
    expect(JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')).toMatchObject(told);
    const file = (await readFile(join(folder, 'log'), 'utf8')).trimEnd().split('\n');
    expect(JSON.parse(file.at(-1) ?? '')).toMatchObject(told);
  });

  it('refuses a syslog URL that is none', () => {
    expect(() => createLogger({ role: 'test', console: 'none', syslog: { url: 'http://logs.test' } })).toThrow(
      'expected the URL of a syslog server',
    );
  });

  it('goes on while the syslog server is away, tells so elsewhere, and ends in time', async () => {
    let dropped = 0;
    const stderr = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const { sink, logger } = open({
      syslog: { url: 'tcp://127.0.0.1:1', buffer: 20_000 },
      onDrop: (count) => (dropped += count),
    });
    for (let index = 0; index < 1_000; index += 1) logger.info(`line ${index}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
    const began = performance.now();
    await logger.close();
    expect(performance.now() - began).toBeLessThan(15_000);
    stderr.mockRestore();
    expect(sink.records.filter(({ message }) => String(message).startsWith('line'))).toHaveLength(1_000);
    expect(sink.records).toContainEqual(
      expect.objectContaining({ message: 'syslog server lost, lines wait', server: 'tcp://127.0.0.1:1' }),
    );
    expect(dropped).toBeGreaterThanOrEqual(1_000);
  });

  it('says nothing after its end and ends only once', async () => {
    const { sink, logger } = open();
    logger.info('last');
    await Promise.all([logger.close(), logger.close()]);
    logger.child({}).info('too late');
    expect(sink.records).toHaveLength(1);
  });
});
