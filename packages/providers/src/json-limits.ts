import { MoltbotError } from '@moltbot/contracts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Far beyond any real request; JSON.parse takes seconds for millions of levels, and recursive walks overflow at thousands. */
const DEEPEST = 2_048;
/** Lists and objects; each costs JSON.parse about 0.3 µs and 60 bytes. */
const MOST_NESTED = 500_000;
const MOST_MEMBERS = 1_000_000;
/** Shorter bodies can hold nothing that takes long. */
const SHORTEST_CHECKED = 65_536;

/**
 * Refuses what would keep JSON.parse, and with it every other request, busy for seconds. About 1 ms per MB; says nothing
 * about validity.
 * @throws MoltbotError `invalid_request`
 */
export function checkJsonLimits(bytes: Buffer): void {
  if (bytes.length < SHORTEST_CHECKED) return;
  let depth = 0;
  let nested = 0;
  let members = 0;
  for (let position = 0; position < bytes.length; position += 1) {
    switch (bytes[position]) {
      case QUOTE:
        position = stringEnd(bytes, position + 1);
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1;
        nested += 1;
        if (depth > DEEPEST) throw refused(`nests deeper than ${DEEPEST} levels`);
        if (nested > MOST_NESTED) throw refused(`holds more than ${MOST_NESTED} lists and objects`);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth -= 1;
        break;
      case COLON:
        members += 1;
        if (members > MOST_MEMBERS) throw refused(`holds more than ${MOST_MEMBERS} members`);
        break;
      default:
    }
  }
}

/** The position of the quote that closes a string, or the end. */
function stringEnd(bytes: Buffer, from: number): number {
  let position = from;
  while (position < bytes.length) {
    const code = bytes[position];
    if (code === QUOTE) return position;
    position += code === BACKSLASH ? 2 : 1;
  }
  return position;
}

function refused(what: string): MoltbotError {
  return new MoltbotError('invalid_request', `The body ${what}.`);
}
