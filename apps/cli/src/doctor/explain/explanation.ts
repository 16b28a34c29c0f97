/** A long text about one code: for somebody who has it in front of them. */
export interface Explanation {
  /** What it means. */
  readonly what: string;
  /** How it comes about. */
  readonly why: string;
  /** What to do. */
  readonly remedy: string;
}
