import { open } from 'node:fs/promises';
import { ByteReader, GgufFault } from './byte-reader.js';
import { TENSOR_TYPES } from './tensor-types.js';

/** What the beginning of a GGUF file says. */
export interface GgufHeader {
  readonly version: number;
  /** `llama`, `qwen3`, … */
  readonly architecture: string;
  /** Bytes of the whole file. */
  readonly fileSize: number;
  readonly tensors: number;
  /** Numbers and short texts by key; arrays and long texts are passed over. */
  readonly metadata: ReadonlyMap<string, number | string | boolean>;
}

/** A vocabulary of a million tokens with its merges takes some 40 MB. */
const MAX_HEADER = 268_435_456;
const MAX_ENTRIES = 65_536;
const MAX_TENSORS = 262_144;
const MAX_ARRAY = 16_777_216;
const MAX_KEY = 65_535;
const KEPT_TEXT = 1_024;
const MAX_DIMENSIONS = 4;
const DEFAULT_ALIGNMENT = 32;

const TEXT = 8;
const ARRAY = 9;
/** Bytes of a value by its type: u8 i8 u16 i16 u32 i32 f32 bool, then (10–12) u64 i64 f64. */
const WIDTHS: readonly (number | undefined)[] = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];

/**
 * Reads the header of a model file and checks it against the file's length, without loading anything.
 * @throws GgufFault what is wrong with it; errors of the file system
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export async function readGgufHeader(path: string): Promise<GgufHeader> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    return await readHeader(new ByteReader({ file, size, limit: MAX_HEADER }), size);
  } finally {
    await file.close();
  }
}

async function readHeader(reader: ByteReader, fileSize: number): Promise<GgufHeader> {
  if (fileSize < 24) throw new GgufFault(`it is no GGUF file: it has ${fileSize} bytes`);
  const magic = await reader.bytes(4);
  if (magic.toString('latin1') !== 'GGUF') throw new GgufFault('it is no GGUF file: it does not begin with GGUF');
  const version = await reader.u32();
  if (version !== 2 && version !== 3) {
    throw new GgufFault(`it says version ${version} of GGUF; 2 and 3 are known, in little-endian order`);
  }
  const tensors = await reader.u64();
  const entries = await reader.u64();
  if (tensors > MAX_TENSORS) throw new GgufFault(`it claims to have ${tensors} tensors`);
  if (entries > MAX_ENTRIES) throw new GgufFault(`it claims to have ${entries} entries of metadata`);
  const metadata = await readMetadata(reader, entries);
  const architecture = metadata.get('general.architecture');
  if (typeof architecture !== 'string' || architecture === '') throw new GgufFault('it names no architecture');
  // The first of several parts may have none.
  if (tensors === 0 && partsOf(metadata) === 1) throw new GgufFault('it has no tensors');
  await checkTensors(reader, { tensors, fileSize, alignment: alignmentOf(metadata) });
  return { version, architecture, fileSize, tensors, metadata };
}

async function readMetadata(reader: ByteReader, entries: number): Promise<Map<string, number | string | boolean>> {
  const metadata = new Map<string, number | string | boolean>();
  for (let index = 0; index < entries; index += 1) {
    const key = await reader.text(MAX_KEY);
    const type = await reader.u32();
    if (type === TEXT) {
      const length = await reader.u64();
      if (length <= KEPT_TEXT) metadata.set(key, (await reader.bytes(length)).toString('utf8'));
      else reader.skip(length);
    } else if (type === ARRAY) await skipArray(reader);
    else metadata.set(key, await readNumber(reader, type));
  }
  return metadata;
}

async function skipArray(reader: ByteReader): Promise<void> {
  const type = await reader.u32();
  const length = await reader.u64();
  if (length > MAX_ARRAY) throw new GgufFault(`a list in its header has ${length} entries`);
  if (type !== TEXT) return reader.skip(widthOf(type) * length);
  for (let index = 0; index < length; index += 1) reader.skip(await reader.u64());
}

function widthOf(type: number): number {
  const width = WIDTHS[type];
  if (width === undefined) throw new GgufFault(`its header has a value of the unknown type ${type}`);
  return width;
}

async function readNumber(reader: ByteReader, type: number): Promise<number | boolean> {
  const bytes = await reader.bytes(widthOf(type));
  switch (type) {
    case 0:
      return bytes.readUInt8();
    case 1:
      return bytes.readInt8();
    case 2:
      return bytes.readUInt16LE();
    case 3:
      return bytes.readInt16LE();
    case 4:
      return bytes.readUInt32LE();
    case 5:
      return bytes.readInt32LE();
    case 6:
      return bytes.readFloatLE();
    case 7:
      return bytes.readUInt8() !== 0;
    case 10:
      return Number(bytes.readBigUInt64LE());
    case 11:
      return Number(bytes.readBigInt64LE());
    default:
      return bytes.readDoubleLE();
  }
}

/** Files that the model is split into. */
export function partsOf(metadata: ReadonlyMap<string, unknown>): number {
  const parts = metadata.get('split.count');
  return typeof parts === 'number' && parts > 1 ? parts : 1;
}

function alignmentOf(metadata: ReadonlyMap<string, unknown>): number {
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  const fits = typeof alignment === 'number' && alignment >= 1 && alignment <= 1_048_576;
  if (!fits || !Number.isInteger(Math.log2(alignment))) throw new GgufFault('its alignment is no power of two');
  return alignment;
}

async function checkTensors(
  reader: ByteReader,
  file: { readonly tensors: number; readonly fileSize: number; readonly alignment: number },
): Promise<void> {
  let end = 0;
  for (let index = 0; index < file.tensors; index += 1) {
    const name = await reader.text(MAX_KEY);
    const dimensions = await reader.u32();
    if (dimensions > MAX_DIMENSIONS) throw new GgufFault(`a tensor has ${dimensions} dimensions`);
    let values = 1;
    for (let dimension = 0; dimension < dimensions; dimension += 1) values *= await reader.u64();
    const type = await reader.u32();
    const offset = await reader.u64();
    if (offset % file.alignment !== 0) throw new GgufFault(`the tensor ${short(name)} is not aligned`);
    end = Math.max(end, offset + bytesOf(values, type));
  }
  const needed = Math.ceil(reader.position / file.alignment) * file.alignment + end;
  if (!(needed <= file.fileSize)) {
    throw new GgufFault(`it is truncated: it has ${file.fileSize} bytes of ${needed}`);
  }
}

/** Types that came after this table was made count with the least: the engine itself knows better. */
function bytesOf(values: number, type: number): number {
  const row = TENSOR_TYPES.get(type);
  return row === undefined ? 0 : Math.ceil(values / row.values) * row.bytes;
}

function short(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}
