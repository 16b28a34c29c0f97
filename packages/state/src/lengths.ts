/** @throws RangeError for a length of time that is none */
export function checkLength(ms: number, name: string): void {
  if (!(ms > 0 && ms < Number.POSITIVE_INFINITY)) throw new RangeError(`${name} must be above 0 and finite`);
}

/** @throws RangeError */
export function checkAmount(amount: number): void {
  if (!Number.isFinite(amount)) throw new RangeError('amount must be a finite number');
}
