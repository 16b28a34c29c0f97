/** A setting's place, outermost first. */
export type SettingPath = readonly string[];

/** `models.chains.fast.primary`; a part that holds a dot, a space or a quote is put in double quotes. */
export function formatKey(path: SettingPath): string {
  return path.map((part) => (/^[^\s."\\]+$/.test(part) ? part : JSON.stringify(part))).join('.');
}

/** The parts of a key as a person writes it. @returns `undefined` where a part is empty or a quote is left open */
export function splitKey(key: string): SettingPath | undefined {
  const parts: string[] = [];
  const pattern = /"(?:[^"\\]|\\.)*"|[^."]+/y;
  for (;;) {
    const part = pattern.exec(key)?.[0];
    if (part === undefined) return undefined;
    const plain = part.startsWith('"') ? unquote(part) : part;
    if (plain === undefined || plain === '') return undefined;
    parts.push(plain);
    if (pattern.lastIndex === key.length) return parts;
    if (key[pattern.lastIndex] !== '.') return undefined;
    pattern.lastIndex += 1;
  }
}

function unquote(part: string): string | undefined {
  try {
    return JSON.parse(part) as string;
  } catch {
    return undefined;
  }
}
