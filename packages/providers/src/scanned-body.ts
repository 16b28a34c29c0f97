import type { ByteRope } from './byte-rope.js';
import { type ScannedMember, scanJsonObject } from './json-scan/scan-json-object.js';
import { spliceTopLevel, type TopLevelEdits } from './json-splice.js';

/** A JSON object that was checked and whose top-level members were found, without building its values. */
export class ScannedBody {
  /** @returns undefined where only JSON.parse can tell what the bytes are */
  static of(body: ByteRope): ScannedBody | undefined {
    const members = scanJsonObject(body);
    return members === undefined ? undefined : new ScannedBody(body, members);
  }

  readonly body: ByteRope;
  readonly members: readonly ScannedMember[];

  private constructor(body: ByteRope, members: readonly ScannedMember[]) {
    this.body = body;
    this.members = members;
  }

  has(key: string): boolean {
    return this.members.some((member) => member.key === key);
  }

  /** The value of a member, parsed: undefined where it is missing, the last of several, as JSON.parse takes it. */
  read(key: string): unknown {
    const member = this.members.findLast((candidate) => candidate.key === key);
    return member === undefined ? undefined : (JSON.parse(this.body.text(member.valueStart, member.end)) as unknown);
  }

  splice(edits: TopLevelEdits): Buffer {
    return spliceTopLevel(this.body, edits, this.members);
  }
}
