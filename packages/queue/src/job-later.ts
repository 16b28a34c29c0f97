/**
 * Thrown by a processor whose job has to wait for something outside: the job is put off and begun again then, as the same job.
 * That is no failure, and does not count as an attempt.
 */
export class JobLater extends Error {
  override readonly name = 'JobLater';
  /** From now. */
  readonly delayMs: number;

  constructor(delayMs: number) {
    super(`again in ${delayMs} ms`);
    this.delayMs = delayMs;
  }
}
