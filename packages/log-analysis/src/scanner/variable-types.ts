/** What a variable's value is. */
export const VARIABLE_TYPES = [
  'word',
  'number',
  'hex',
  'ip',
  'mac',
  'uuid',
  'timestamp',
  'path',
  'url',
  'size',
  'duration',
  'host',
  'identifier',
  'constant',
] as const;

export type VariableType = (typeof VARIABLE_TYPES)[number];

const code = (type: VariableType): number => VARIABLE_TYPES.indexOf(type);

/** A variable's type as the scanner's arrays hold it. */
export const TYPE = {
  word: code('word'),
  number: code('number'),
  hex: code('hex'),
  ip: code('ip'),
  mac: code('mac'),
  uuid: code('uuid'),
  timestamp: code('timestamp'),
  path: code('path'),
  url: code('url'),
  size: code('size'),
  duration: code('duration'),
  host: code('host'),
  identifier: code('identifier'),
  /** `true`, `false`, `null` and the accounts every system has (`root`, `admin`). */
  constant: code('constant'),
} as const;

/** Stands for a variable in a masked message. Control bytes of the message itself count as white space. */
export const VARIABLE_BYTE = 1;
export const PLACEHOLDER = '<*>';
