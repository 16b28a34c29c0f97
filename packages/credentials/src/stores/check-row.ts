const MAX_ID_LENGTH = 512;
const MAX_VALUE_LENGTH = 1_048_576;

/** What every store can keep unchanged. @throws RangeError */
export function checkId(id: string): void {
  if (id === '' || id.length > MAX_ID_LENGTH || !isKeepable(id)) {
    throw new RangeError(`expected a credential id of 1 to ${MAX_ID_LENGTH} characters`);
  }
}

/** @throws RangeError */
export function checkWrite(options: { readonly id: string; readonly version: number; readonly value: string }): void {
  checkId(options.id);
  if (!Number.isSafeInteger(options.version) || options.version < 0) throw new RangeError('expected a version from 0');
  if (options.value.length > MAX_VALUE_LENGTH || !isKeepable(options.value)) {
    throw new RangeError(`expected a value of at most ${MAX_VALUE_LENGTH} characters of well-formed text`);
  }
}

/** PostgreSQL has no NUL in texts, and half a surrogate pair has no UTF-8. */
function isKeepable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
