import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { parseAuthFile, parseSettings } from '@moltbot/config';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cleanEnvironment, ROOT, type RunningMoltbot, startMoltbot, temporaryHome } from './moltbot.js';

const PAGES = [
  'README.md',
  'docs/api.md',
  'docs/responses.md',
  'docs/failover.md',
  'docs/demo.md',
  'docs/cli.md',
  'docs/access.md',
  'docs/credentials.md',
  'docs/doctor.md',
  'docs/local-models.md',
  'docs/jobs.md',
  'docs/batches.md',
  'docs/fine-tuning.md',
  'docs/log-analysis.md',
];

/** What starts servers, installs, or runs the tests themselves is proved elsewhere. Everything that is not here runs. */
const NOT_RUN: ReadonlySet<string> = new Set([
  'npx -y pnpm@12 start',
  'npx -y pnpm@12 test',
  './moltbot start --host 0.0.0.0',
  // Needs a provider and a person: auth.e2e.test.ts signs in.
  './moltbot auth login anthropic',
  // Ask hosts of the internet; their own tests have them here.
  './moltbot auth status',
  './moltbot doctor',
  './moltbot doctor --lint --json',
]);

interface Example {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

function examplesOf(page: string): readonly Example[] {
  const text = read(page);
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1] ?? '',
    text: match[2] ?? '',
  }));
}

/** Where a reader would stand: with the command, and the files that the examples name. */
const place = mkdtempSync(join(tmpdir(), 'moltbot-docs-'));
const home = temporaryHome({
  logs: { file: join(place, 'moltbot.log') },
  // A reader has half a minute.
  worker: { metrics_port: 0, training: { poll_interval: '1s' } },
});
/** Inside the checkout, so that `import 'openai'` finds the packages of the root. */
const modules = mkdtempSync(join(ROOT, 'apps/cli/dist/examples-'));
let server: RunningMoltbot;

const REQUEST =
  '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"messages":[{"role":"user","content":"Hi"}]}}';
const CONVERSATIONS = Array.from({ length: 12 }, (_, index) => {
  const messages = [
    { role: 'user', content: `Question ${index}` },
    { role: 'assistant', content: 'Yes.' },
  ];
  return `${JSON.stringify({ rating: 5, messages })}\n`;
}).join('');
const LINES = Array.from(
  { length: 50 },
  (_, index) => `2026-01-02T08:00:${index + 10}Z INFO served ${index} requests\n`,
);

beforeAll(async () => {
  symlinkSync(join(ROOT, 'moltbot'), join(place, 'moltbot'));
  const [young, old] = [LINES.join(''), LINES.join('').replaceAll('2026-01-02', '2026-01-01')];
  for (const [name, content] of [
    ['app.log', young],
    ['today.log', young],
    ['app.log.1.gz', gzipSync(old)],
    ['yesterday.log.zst', zstdCompressSync(old)],
    ['requests.jsonl', `${REQUEST}\n`],
    ['examples.jsonl', CONVERSATIONS],
    ['rated.jsonl', CONVERSATIONS],
  ] as const) {
    writeFileSync(join(place, name), content);
  }
  server = await startMoltbot({ home: home.path });
});
afterAll(async () => {
  await server.end();
  home.remove();
  rmSync(modules, { recursive: true, force: true });
  rmSync(place, { recursive: true, force: true });
});

async function runProgram(program: string, args: readonly string[]) {
  const env = cleanEnvironment({ home: home.path });
  const child = spawn(program, args, { cwd: place, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  child.stderr.on('data', (text: Buffer) => (output += text.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

/** As a reader would, but at this test's port. @returns what it printed */
async function runExample({ page, language, text }: Example): Promise<string> {
  const here = text.replaceAll('http://127.0.0.1:8080', server.url);
  switch (language) {
    case 'sh': {
      // A comment, and what the list above names, is not run; the rest of the block is.
      const lines = here.split('\n').filter((line) => !NOT_RUN.has(line.replace(/#.*$/, '').trim()));
      const { code, output } = await runProgram('sh', ['-eu', '-c', lines.join('\n')]);
      expect({ code, output }).toEqual({ code: 0, output });
      return output;
    }
    case 'js': {
      const file = join(modules, 'example.mjs');
      writeFileSync(file, here);
      const { code, output } = await runProgram(process.execPath, [file]);
      expect({ code, output }).toEqual({ code: 0, output });
      return output;
    }
    case 'json':
      // The only file of ours that is JSON.
      expect(parseAuthFile({ text: here, file: 'auth.json' })).not.toEqual([]);
      return here;
    case 'jsonl':
      // Requests of a batch, or conversations to learn from.
      for (const line of here.trim().split('\n')) {
        const request = { custom_id: expect.any(String), method: 'POST', body: {} };
        expect(JSON.parse(line)).toMatchObject(
          page === 'docs/fine-tuning.md' ? { messages: expect.any(Array) } : request,
        );
      }
      return here;
    case 'yaml':
      expect(parseSettings({ text: here, file: 'config.yml' }).settings.models.primary).not.toBe('');
      return here;
    default:
      throw new Error(`no way to prove an example in \`${language}\``);
  }
}

const examples = PAGES.flatMap(examplesOf);

describe('every example of the documentation', () => {
  it.each(examples.map((example) => [`${example.page}:${example.line}`, example] as const))(
    '%s does what it shows',
    async (_place, example) => {
      const output = await runExample(example);
      // A job that has none says `null`, a log counts its levels.
      expect(output).not.toMatch(/"error":\s*[{"]/);
      // Who asks the demo hears that it is one.
      const runs = example.language === 'sh' || example.language === 'js';
      if (runs && /chat "|chat\/completions|chat\.completions|messages\.create/.test(example.text)) {
        expect(output).toContain('[SIMULATED]');
      }
    },
  );

  it('runs, unless it is named here: no name is left over', () => {
    const lines = new Set(
      examples.flatMap(({ text }) => text.split('\n').map((line) => line.replace(/#.*$/, '').trim())),
    );
    expect([...NOT_RUN].filter((line) => !lines.has(line))).toEqual([]);
  });

  it('is found: there are examples of each kind', () => {
    expect(new Set(examples.map(({ language }) => language))).toEqual(new Set(['sh', 'js', 'json', 'jsonl', 'yaml']));
    expect(examples.some(({ text }) => text.includes('curl'))).toBe(true);
  });
});

describe('the Chinese README', () => {
  const withoutComments = (text: string): string => text.replace(/\s+#.*$/gm, '');
  const headings = (page: string): readonly number[] =>
    [
      ...read(page)
        .replace(/^```[\s\S]*?^```$/gm, '')
        .matchAll(/^(#+) /gm),
    ].map(([, marks]) => marks?.length ?? 0);

  it('has the same examples as the English one', () => {
    const blocks = (page: string) =>
      examplesOf(page).map(({ language, text }) => ({ language, text: withoutComments(text) }));
    expect(blocks('README.zh-CN.md')).toEqual(blocks('README.md'));
  });

  it('has the same headings', () => {
    expect(headings('README.zh-CN.md')).toEqual(headings('README.md'));
  });
});
