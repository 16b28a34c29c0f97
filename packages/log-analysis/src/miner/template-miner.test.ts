import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { MaskedMessage } from '../scanner/masked-message.js';
import { scanMessage } from '../scanner/scan-message.js';
import { renderTemplate, resolveTemplate, type Template } from './template.js';
import { type MinerEvents, type MinerLimits, TemplateMiner } from './template-miner.js';

const message = new MaskedMessage();

function mine(
  lines: readonly string[],
  options: { readonly limits?: MinerLimits; readonly events?: MinerEvents } = {},
) {
  const miner = new TemplateMiner(options);
  const found = lines.map((line) => {
    const bytes = Buffer.from(line);
    scanMessage(bytes, 0, bytes.length, message);
    return miner.add(message);
  });
  return { miner, found, texts: found.map((template) => renderTemplate(resolveTemplate(template))) };
}

describe('the template miner', () => {
  it('makes a position a variable once it has shown four words, and gives the earlier lines the same template', () => {
    const users = ['anna', 'bob', 'carla', 'dieter', 'emma'];
    const lines = users.map((user) => `session opened for user ${user} by (uid=0)`);
    expect(new Set(mine(lines.slice(0, 3)).texts).size).toBe(3);
    expect(new Set(mine(lines).texts)).toEqual(new Set(['session opened for user <*> by (uid=<*>)']));
  });

  it('keeps the id of the oldest member, and remembers those of the others', () => {
    const merges: [string, string][] = [];
    const lines = ['anna', 'bob', 'carla', 'dieter', 'emma'].map((user) => `invalid login of user ${user} today`);
    const { found } = mine(lines, { events: { onMerge: (from, into) => merges.push([from.id, into.id]) } });
    const [first, second] = found as [Template, Template];
    expect(resolveTemplate(second)).toBe(first);
    expect(merges.map(([, into]) => into)).toEqual(merges.map(() => first.id));
    expect(first.formerIds).toEqual(merges.map(([from]) => from));
    expect(first.count).toBe(5);
    expect(mine(lines).found[0]?.id).toBe(first.id);
    expect(first.id).toMatch(/^[0-9a-f]{12}$/);
  });

  it('keeps apart what differs in its only word, in its first, in its verb or in capitals', () => {
    const lines = [
      ...'running active blocked closing starting normal idle'.split(' '),
      ...['cupsd', 'hcid', 'klogd', 'portmap', 'sdpd'].map((name) => `${name} startup succeeded`),
      ...['Paused', 'Resumed', 'Started', 'Stopped', 'Deleted'].map((verb) => `instance VM ${verb} (Lifecycle Event)`),
      ...['NEW', 'INITED', 'SETUP', 'RUNNING', 'FAILED'].map((state) => `job Transitioned to state ${state}`),
    ];
    expect(mine(lines).texts).toEqual(lines);
  });

  it('joins messages of two or three varying words by the same evidence', () => {
    const names = ['Job', 'Task', 'Event', 'Speculator', 'Launcher', 'Committer'];
    const { texts } = mine(
      names.map((name) => `Registering class org.app.${name}Type for class org.app.${name}Handler`),
    );
    expect(new Set(texts)).toEqual(new Set(['Registering class org.app.<*> for class org.app.<*>']));
  });

  it('keeps what all words at a place begin with, as long as they do', () => {
    const line = (name: string) => `${name}: scheduler told me to run this job in a while, so I will`;
    const apple = ['com.apple.a.x', 'com.apple.b', 'com.apple.c', 'com.apple.d', 'com.apple.e'].map(line);
    expect(mine(apple).texts[0]).toBe('com.apple.<*>: scheduler told me to run this job in a while, so I will');
    expect(mine([...apple, line('org.other.f')]).texts[0]).toMatch(/^<\*>: scheduler/);
  });

  it('writes a unit that is always the same, and none where they differ', () => {
    expect(mine(['took 5 ms', 'took 7 ms']).texts[0]).toBe('took <*> ms');
    expect(new Set(mine(['free 5 KB', 'free 7 MB', 'free 1.5 GB']).texts)).toEqual(new Set(['free <*>']));
    expect(new Set(mine(['to 1.2.3.4:80', 'to 1.2.3.5:81']).texts)).toEqual(new Set(['to <*>:<*>']));
  });

  it('joins a template with the words and the numbers that came at the same place', () => {
    const lines = ['17', 'anna', 'bob', 'carla', 'dieter', '18'].map((user) => `opened for user ${user} by door`);
    expect(new Set(mine(lines).texts).size).toBe(1);
  });

  it('finds the templates that known logs were made of', () => {
    let seed = 3;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const user = () => ['root', 'anna', 'bob', 'carla', 'dieter', 'emma', 'franz'][random(7)];
    const ip = () => `10.${random(256)}.${random(256)}.${random(256)}`;
    const known: readonly (readonly [string, () => string])[] = [
      [
        'Accepted password for <*> from <*> port <*> ssh2',
        () => `Accepted password for ${user()} from ${ip()} port ${random(60_000)} ssh2`,
      ],
      [
        'Received disconnect from <*>: <*>: Bye Bye [preauth]',
        () => `Received disconnect from ${ip()}: 11: Bye Bye [preauth]`,
      ],
      ['check pass; user unknown', () => 'check pass; user unknown'],
      [
        'Receiving block <*> src: <*>:<*> dest: <*>:<*>',
        () => `Receiving block blk_-${random(1e9)} src: /${ip()}:${random(60_000)} dest: /${ip()}:50010`,
      ],
      ['Took <*> seconds to build instance.', () => `Took ${random(90)}.${random(90)} seconds to build instance.`],
      ['Times: total = <*>, boot = <*>', () => `Times: total = ${random(900)}, boot = ${random(900)}`],
      ['generating core.<*>', () => `generating core.${random(9_000)}`],
      ['Deleting file <*>', () => `Deleting file /data/x${random(99)}/blk_${random(1e6)}`],
    ];
    const lines: string[] = [];
    const truth: string[] = [];
    for (let index = 0; index < 4_000; index += 1) {
      const [template, make] = known[Math.min(random(8), random(8))] ?? ['', () => ''];
      lines.push(make());
      truth.push(template);
    }
    expect(mine(lines).texts).toEqual(truth);
  });

  it('is bounded: rare templates go first, what goes is counted, what stays keeps its id', () => {
    const word = (index: number) =>
      index
        .toString(26)
        .replace(/\d/g, (digit) => 'qrstuvwxyz'.charAt(Number(digit)))
        .padStart(5, 'q');
    const evicted: Template[] = [];
    const miner = new TemplateMiner({
      limits: { maxKeys: 400, maxTemplates: 200, maxRests: 4_096 },
      events: { onEvict: (template) => evicted.push(template) },
    });
    const add = (line: string) => {
      const bytes = Buffer.from(line);
      scanMessage(bytes, 0, bytes.length, message);
      return miner.add(message);
    };
    const steady = add('the steady one');
    const total = 5_000;
    for (let index = 0; index < total; index += 1) {
      add(`${word(index * 7)} ${word(index * 13 + 1)} ${word(index * 29 + 2)}`);
      if (index % 10 === 0) expect(add('the steady one')).toBe(steady);
    }
    const { counts } = miner;
    expect(counts.templates).toBeLessThanOrEqual(200);
    expect(counts.keys).toBeLessThanOrEqual(400);
    expect(counts.evictedTemplates).toBe(evicted.length);
    const kept = [...miner.templates].reduce((sum, { count }) => sum + count, 0);
    expect(kept + counts.evictedLines).toBe(total + total / 10 + 1);
    expect(steady.evicted).toBe(false);
  });

  it('finds a merged template again after its keys were forgotten', () => {
    const miner = new TemplateMiner({ limits: { maxKeys: 60, maxTemplates: 10_000, maxRests: 4_096 } });
    const add = (line: string) => {
      const bytes = Buffer.from(line);
      scanMessage(bytes, 0, bytes.length, message);
      return resolveTemplate(miner.add(message));
    };
    const names = Array.from({ length: 26 }, (_, index) => String.fromCharCode(97 + index).repeat(4));
    const merged = names.slice(0, 6).map((name) => add(`welcome back dear ${name} to us`));
    for (const a of names) for (const b of names.slice(0, 3)) add(`${a} ${b}`);
    expect(miner.counts.evictedKeys).toBeGreaterThan(0);
    for (const name of names.slice(10)) expect(add(`welcome back dear ${name} to us`)).toBe(merged[5]);
  });

  it('lets go of what it has evicted: no list of candidates holds it', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const evicted: WeakRef<Template>[] = [];
    const limits = { maxKeys: 1_000, maxTemplates: 400, maxRests: 131_072 };
    const miner = new TemplateMiner({
      limits,
      events: { onEvict: (template) => evicted.push(new WeakRef(template)) },
    });
    const word = (index: number): string => String(index).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '');
    for (let index = 0; index < 5_000; index += 1) {
      const [a, b, c] = [word(index), word(index * 7), word(index * 13)];
      const bytes = Buffer.from(`${a}x went ${b}y over ${c}z at last`);
      scanMessage(bytes, 0, bytes.length, message);
      miner.add(message);
    }
    expect(evicted.length).toBeGreaterThan(3_000);
    // Not within the task that made them.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    collect();
    expect(evicted.filter((each) => each.deref() !== undefined).length).toBeLessThan(100);
    // Still in use: it is not itself what was let go.
    expect(miner.templates.size).toBeLessThanOrEqual(400);
  });
});
