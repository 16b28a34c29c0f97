import { writeFile } from 'node:fs/promises';

/** What the model says to a message that does not end with `?`; then it ends. */
export const TEST_MODEL_ANSWER =
  'This small model runs on your own machine: every word follows from one before, so its answers never change.';
/** What it says to a message that ends with `?`, over and over, without an end. */
export const TEST_MODEL_LOOP = 'round and about it goes;';

const FIRST_CHARACTER = 259;
const VOCABULARY = 512;
const EMBEDDING = 512;
const HEADS = 8;
const FEED_FORWARD = 64;
const ALIGNMENT = 32;
const END_OF_TEXT = 2;

const TYPE = { normal: 1, unknown: 2, control: 3, unused: 5, byte: 6 } as const;

interface Token {
  readonly text: string;
  readonly type: number;
  readonly score: number;
}

export interface TestGgufOptions {
  /** `llama` unless given; llama.cpp refuses names that it doesn't know. */
  readonly architecture?: string;
  /** Tokens the model was "trained" for. */
  readonly contextLength?: number;
}

/**
 * A GGUF file (version 3, about 5 MB) that llama.cpp really loads: one layer whose attention and feed-forward add nothing,
 * one-hot embeddings, and an output matrix that scores each next token by the one before alone.
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function testGguf({ architecture = 'llama', contextLength = 2_048 }: TestGgufOptions = {}): Buffer {
  const { tokens, next } = vocabulary();
  const metadata = [
    text('general.architecture', architecture),
    text('general.name', 'moltbot test model'),
    u32(`${architecture}.context_length`, contextLength),
    u32(`${architecture}.embedding_length`, EMBEDDING),
    u32(`${architecture}.block_count`, 1),
    u32(`${architecture}.feed_forward_length`, FEED_FORWARD),
    u32(`${architecture}.attention.head_count`, HEADS),
    u32(`${architecture}.attention.head_count_kv`, 1),
    u32(`${architecture}.rope.dimension_count`, EMBEDDING / HEADS),
    f32(`${architecture}.attention.layer_norm_rms_epsilon`, 1e-5),
    u32(`${architecture}.vocab_size`, VOCABULARY),
    text('tokenizer.ggml.model', 'llama'),
    array(
      'tokenizer.ggml.tokens',
      8,
      tokens.map(({ text }) => stringBytes(text)),
    ),
    array(
      'tokenizer.ggml.scores',
      6,
      tokens.map(({ score }) => float(score)),
    ),
    array(
      'tokenizer.ggml.token_type',
      5,
      tokens.map(({ type }) => integer(type)),
    ),
    u32('tokenizer.ggml.bos_token_id', 1),
    u32('tokenizer.ggml.eos_token_id', END_OF_TEXT),
    u32('tokenizer.ggml.unknown_token_id', 0),
    flag('tokenizer.ggml.add_space_prefix', false),
    text('tokenizer.chat_template', '{% for message in messages %}{{ message.content }}{% endfor %}'),
  ];
  return assemble(metadata, tensors(next));
}

export async function writeTestGguf(file: string, options?: TestGgufOptions): Promise<void> {
  await writeFile(file, testGguf(options));
}

function vocabulary(): { readonly tokens: readonly Token[]; readonly next: ReadonlyMap<number, number> } {
  const tokens: Token[] = [
    { text: '<unk>', type: TYPE.unknown, score: 0 },
    { text: '<s>', type: TYPE.control, score: 0 },
    { text: '</s>', type: TYPE.control, score: 0 },
  ];
  for (let byte = 0; byte < 256; byte += 1) {
    tokens.push({ text: `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, type: TYPE.byte, score: 0 });
  }
  for (let code = 32; code < 127; code += 1) {
    tokens.push({ text: code === 32 ? '▁' : String.fromCharCode(code), type: TYPE.normal, score: -1_000 });
  }
  const words = (pieces: readonly string[]): readonly number[] =>
    pieces.map((piece) => {
      tokens.push({ text: piece.replace(' ', '▁'), type: TYPE.normal, score: -2_000 });
      return tokens.length - 1;
    });
  const answer = words(TEST_MODEL_ANSWER.split(/(?= )/));
  // Each word with its space, so that the last can be followed by the first.
  const loop = words(TEST_MODEL_LOOP.split(' ').map((word) => ` ${word}`));
  const next = new Map<number, number>();
  for (let token = 0; token < tokens.length; token += 1) next.set(token, answer[0] ?? END_OF_TEXT);
  next.set(FIRST_CHARACTER + '?'.charCodeAt(0) - 32, loop[0] ?? END_OF_TEXT);
  answer.forEach((token, index) => next.set(token, answer[index + 1] ?? END_OF_TEXT));
  loop.forEach((token, index) => next.set(token, loop[(index + 1) % loop.length] ?? END_OF_TEXT));
  while (tokens.length < VOCABULARY) {
    tokens.push({ text: `<unused_${tokens.length}>`, type: TYPE.unused, score: -3_000 });
  }
  return { tokens, next };
}

interface Tensor {
  readonly name: string;
  /** The first is the one whose values lie side by side. */
  readonly dimensions: readonly number[];
  readonly values: Float32Array;
}

function tensors(next: ReadonlyMap<number, number>): readonly Tensor[] {
  const embeddings = new Float32Array(EMBEDDING * VOCABULARY);
  const output = new Float32Array(EMBEDDING * VOCABULARY);
  for (let token = 0; token < VOCABULARY; token += 1) {
    embeddings[token * EMBEDDING + token] = 1;
    output[(next.get(token) ?? END_OF_TEXT) * EMBEDDING + token] = 1;
  }
  const silent = (name: string, ...dimensions: readonly number[]): Tensor => ({
    name,
    dimensions,
    values: new Float32Array(dimensions.reduce((product, size) => product * size, 1)),
  });
  const norm = (name: string): Tensor => ({
    name,
    dimensions: [EMBEDDING],
    values: new Float32Array(EMBEDDING).fill(1),
  });
  const perHead = EMBEDDING / HEADS;
  return [
    { name: 'token_embd.weight', dimensions: [EMBEDDING, VOCABULARY], values: embeddings },
    { name: 'output.weight', dimensions: [EMBEDDING, VOCABULARY], values: output },
    norm('output_norm.weight'),
    norm('blk.0.attn_norm.weight'),
    norm('blk.0.ffn_norm.weight'),
    silent('blk.0.attn_q.weight', EMBEDDING, EMBEDDING),
    silent('blk.0.attn_k.weight', EMBEDDING, perHead),
    silent('blk.0.attn_v.weight', EMBEDDING, perHead),
    silent('blk.0.attn_output.weight', EMBEDDING, EMBEDDING),
    silent('blk.0.ffn_gate.weight', EMBEDDING, FEED_FORWARD),
    silent('blk.0.ffn_up.weight', EMBEDDING, FEED_FORWARD),
    silent('blk.0.ffn_down.weight', FEED_FORWARD, EMBEDDING),
  ];
}

function assemble(metadata: readonly Buffer[], list: readonly Tensor[]): Buffer {
  const chunks: Buffer[] = [Buffer.from('GGUF'), integer(3), long(list.length), long(metadata.length), ...metadata];
  let offset = 0;
  for (const { name, dimensions, values } of list) {
    chunks.push(stringBytes(name), integer(dimensions.length), ...dimensions.map(long), integer(0), long(offset));
    offset = aligned(offset + values.byteLength);
  }
  const head = Buffer.concat(chunks);
  const body = list.flatMap(({ values }) => [
    Buffer.from(values.buffer),
    Buffer.alloc(aligned(values.byteLength) - values.byteLength),
  ]);
  return Buffer.concat([head, Buffer.alloc(aligned(head.length) - head.length), ...body]);
}

function aligned(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function stringBytes(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([long(bytes.length), bytes]);
}

function entry(key: string, type: number, value: Buffer): Buffer {
  return Buffer.concat([stringBytes(key), integer(type), value]);
}

const u32 = (key: string, value: number): Buffer => entry(key, 4, integer(value));
const f32 = (key: string, value: number): Buffer => entry(key, 6, float(value));
const flag = (key: string, value: boolean): Buffer => entry(key, 7, Buffer.from([value ? 1 : 0]));
const text = (key: string, value: string): Buffer => entry(key, 8, stringBytes(value));
const array = (key: string, type: number, values: readonly Buffer[]): Buffer =>
  entry(key, 9, Buffer.concat([integer(type), long(values.length), ...values]));
