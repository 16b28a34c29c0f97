/** A member knows its place. */
export interface Slotted {
  slot?: number | undefined;
}

/**
 * What many join and leave. Not a Set: as members come and go V8 builds it a new table again and again; once one has reached the
 * old generation, each keeps the next alive, and whoever was in it, until a full collection (a third of the CPU of a request).
 */
export class SlotList<Member extends Slotted> {
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: Member): void {
    if (this.#holds(member)) return;
    member.slot = this.#members.length;
    this.#members.push(member);
  }

  delete(member: Member): void {
    if (!this.#holds(member)) return;
    const last = this.#members.pop();
    const { slot } = member;
    member.slot = undefined;
    if (last === undefined || last === member || slot === undefined) return;
    this.#members[slot] = last;
    last.slot = slot;
  }

  /** Those that are in it now; they may leave meanwhile. */
  all(): readonly Member[] {
    return this.#members.slice();
  }

  #holds(member: Member): boolean {
    return member.slot !== undefined && this.#members[member.slot] === member;
  }
}
