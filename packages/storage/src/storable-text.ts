/** PostgreSQL takes no NUL and no half surrogate: one text of that kind must not spoil a batch of others. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}
