import type { CallerRequest } from '../../caller-request.js';
import type { JsonObject } from '../../json-object.js';
import { nestsWithin, parseJson, readList, readObject, readText } from '../../read-json.js';
import { parseExact } from '../anthropic-messages/exact-json.js';

/**
 * Ids of reasoning items that we wrote begin like this. OpenAI looks reasoning up by its id and refuses a conversation with one
 * that it does not know: so these items are known by their ids when a caller brings them back, and don't go there.
 */
export const OUR_REASONING = 'rs_moltbot_';
const MARK = `${OUR_REASONING}seal:`;
/** Deeper input is passed as it is. */
const DEEPEST_JSON = 256;

/** Another vendor’s seal as `encrypted_content` carries it to the caller and back. */
export interface CarriedSeal {
  readonly signature?: string | undefined;
  readonly redacted?: string | undefined;
  /** It belongs to the call that follows (Gemini), and the item that carries it is no reasoning. */
  readonly call?: boolean | undefined;
}

export function carrySeal(seal: CarriedSeal): string {
  return MARK + Buffer.from(JSON.stringify(seal)).toString('base64url');
}

/** @returns undefined for encrypted reasoning that is no seal of ours */
export function readCarriedSeal(encryptedContent: string): CarriedSeal | undefined {
  if (!encryptedContent.startsWith(MARK)) return undefined;
  const seal = readObject(parseJson(Buffer.from(encryptedContent.slice(MARK.length), 'base64url').toString('utf8')));
  return {
    signature: readText(seal?.['signature']),
    redacted: readText(seal?.['redacted']),
    call: seal?.['call'] === true,
  };
}

/** The `input` of a caller’s body, as JSON text, without reasoning that we wrote; undefined where there is none. */
export function withoutOurReasoning(call: CallerRequest): string | undefined {
  if (!(call.scanned?.body ?? call.bytes).includes(OUR_REASONING)) return undefined;
  const given = readList(readObject(parseExact(call.bytes.toString('utf8')))?.['input']);
  if (!nestsWithin(given, DEEPEST_JSON)) return undefined;
  const kept = given.filter((item) => !isOurs(readObject(item)));
  return kept.length === given.length || kept.length === 0 ? undefined : JSON.stringify(kept);
}

function isOurs(item: JsonObject | undefined): boolean {
  if (item?.['type'] !== 'reasoning') return false;
  return [item['id'], item['encrypted_content']].some((text) => readText(text)?.startsWith(OUR_REASONING) === true);
}
