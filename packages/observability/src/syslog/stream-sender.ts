import type { Socket } from 'node:net';
import type { Frame } from './frame-queue.js';
import { FrameQueue } from './frame-queue.js';
import { type LinkEnd, SyslogLink } from './syslog-link.js';

export interface SenderOptions {
  /** Bytes kept: waiting, and sent without a receipt. */
  readonly maxBytes: number;
  readonly onDrop: (count: number) => void;
  /** Something was taken. */
  readonly onTook: () => void;
  /** First failure of a series. */
  readonly onLost: (error: Error) => void;
  /** A connection stands again after `onLost`. */
  readonly onBack: () => void;
}

export interface StreamSenderOptions extends SenderOptions {
  /** Begins a connection; may fail (a file of certificates that can't be read). */
  readonly connect: () => Promise<{ readonly socket: Socket; readonly readyEvent: 'connect' | 'secureConnect' }>;
  readonly timing?: Partial<StreamTiming> | undefined;
  /** 0 to 1, for waits. */
  readonly random?: (() => number) | undefined;
}

/** All in ms. */
export interface StreamTiming {
  readonly connectWithin: number;
  readonly stall: number;
  readonly confirmWithin: number;
  /** New lines wait this long for the receipt of those before, so that their order stays. */
  readonly orderedFor: number;
  /** A connection is ended for a receipt after this long without a line, … */
  readonly idle: number;
  /** … and this long after its first. */
  readonly receiptEvery: number;
  readonly firstBackoff: number;
  readonly maxBackoff: number;
}

const TIMING: StreamTiming = {
  connectWithin: 10_000,
  stall: 60_000,
  confirmWithin: 30_000,
  orderedFor: 1_000,
  idle: 10_000,
  receiptEvery: 60_000,
  firstBackoff: 100,
  maxBackoff: 30_000,
};

const BATCH = 64 * 1024;
/** A part of what may be kept that is sent at most without asking for a receipt. */
const RECEIPT_AT = 1 / 4;

/**
 * Sends frames over TCP, TLS or a Unix stream socket, one connection at a time. A frame is kept until the receiver has read
 * it, and sent again over a new connection when that is not known: what comes twice carries the same sequence id.
 */
export class StreamSender {
  readonly #options: StreamSenderOptions;
  readonly #timing: StreamTiming;
  readonly #random: () => number;
  readonly #waiting = new FrameQueue();
  #link: SyslogLink | undefined;
  /** Ended by us, receipt not yet there. */
  readonly #finishing = new Set<SyslogLink>();
  #connecting = false;
  #pumping: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  #receipt: NodeJS.Timeout | undefined;
  #receiptDueBy = 0;
  #failures = 0;
  #hasConfirmed = false;
  /** What goes over this connection was lost on one before: a receipt soon spares sending it a third time. */
  #isRepeating = false;
  #isLost = false;
  #closed = false;
  #destroyed = false;
  #idle: (() => void) | undefined;

  constructor(options: StreamSenderOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#random = options.random ?? Math.random;
  }

  send(frame: Frame): void {
    const { maxBytes, onDrop } = this.#options;
    if (this.#closed) {
      onDrop(1);
      return;
    }
    if (this.#waiting.bytes + frame.bytes > maxBytes) {
      onDrop(1);
      return;
    }
    // Those without a receipt have most probably arrived; what waits has certainly not.
    for (let over = this.#bytes() + frame.bytes - maxBytes; over > 0; ) over -= this.#forgetOldest();
    this.#waiting.push(frame);
    this.#schedule();
  }

  /** Resolves when the receiver has read everything. Bound it in time, then `destroy`. */
  async flush(): Promise<void> {
    this.#closed = true;
    // Whoever closes has no time to wait for the next try.
    clearTimeout(this.#retry);
    this.#retry = undefined;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      this.#pump();
    });
  }

  /** @returns how many frames never left */
  destroy(): number {
    this.#closed = true;
    this.#destroyed = true;
    const left = this.#waiting.length;
    this.#waiting.takeAll();
    clearTimeout(this.#retry);
    clearTimeout(this.#receipt);
    clearImmediate(this.#pumping);
    this.#link?.destroy();
    for (const link of this.#finishing) link.destroy();
    return left;
  }

  #bytes(): number {
    let bytes = this.#waiting.bytes + (this.#link?.sent.bytes ?? 0);
    for (const link of this.#finishing) bytes += link.sent.bytes;
    return bytes;
  }

  /** @returns bytes that became free; infinite where nothing is left to forget */
  #forgetOldest(): number {
    for (const link of this.#finishing) {
      const frame = link.sent.shift();
      if (frame !== undefined) return frame.bytes;
    }
    return this.#link?.sent.shift()?.bytes ?? Number.POSITIVE_INFINITY;
  }

  /** Frames of one turn of the event loop leave together. */
  #schedule(): void {
    this.#pumping ??= setImmediate(() => {
      this.#pumping = undefined;
      this.#pump();
    });
  }

  #pump(): void {
    const link = this.#link;
    if (link === undefined) {
      if (this.#waiting.length > 0) this.#connect();
      else if (this.#finishing.size === 0 && !this.#connecting) this.#idle?.();
      return;
    }
    while (link.hasRoom && this.#waiting.length > 0) {
      link.write(this.#batch());
      this.#options.onTook();
    }
    if (!link.isOpen || this.#waiting.length > 0) return;
    if (this.#closed || this.#isRepeating || link.sent.bytes > this.#options.maxBytes * RECEIPT_AT)
      this.#askForReceipt(link);
    else this.#askLater(link);
  }

  #batch(): readonly Frame[] {
    const frames: Frame[] = [];
    let bytes = 0;
    while (bytes < BATCH) {
      const frame = this.#waiting.shift();
      if (frame === undefined) break;
      frames.push(frame);
      bytes += frame.bytes;
    }
    return frames;
  }

  #connect(): void {
    if (this.#connecting || this.#retry !== undefined) return;
    this.#connecting = true;
    void this.#open();
  }

  async #open(): Promise<void> {
    try {
      const { socket, readyEvent } = await this.#options.connect();
      if (this.#destroyed) {
        socket.destroy();
        return;
      }
      const link: SyslogLink = new SyslogLink({
        socket,
        readyEvent,
        connectWithinMs: this.#timing.connectWithin,
        stallMs: this.#timing.stall,
        confirmWithinMs: this.#timing.confirmWithin,
        onReady: () => {
          if (this.#isLost) this.#options.onBack();
          this.#isLost = false;
          this.#pump();
        },
        onRoom: () => {
          this.#pump();
        },
        onEnd: (end, sent) => {
          this.#ended(link, end, sent);
        },
      });
      this.#connecting = false;
      this.#link = link;
    } catch (error) {
      this.#connecting = false;
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #askLater(link: SyslogLink): void {
    const now = performance.now();
    if (this.#receipt === undefined) this.#receiptDueBy = now + this.#timing.receiptEvery;
    else clearTimeout(this.#receipt);
    const wait = Math.max(0, Math.min(this.#timing.idle, this.#receiptDueBy - now));
    this.#receipt = setTimeout(() => {
      if (this.#link === link) this.#askForReceipt(link);
    }, wait);
    this.#receipt.unref();
  }

  #askForReceipt(link: SyslogLink): void {
    this.#isRepeating = false;
    clearTimeout(this.#receipt);
    this.#receipt = undefined;
    this.#finishing.add(link);
    link.finish();
    // The next connection waits a moment for this one's end: lines keep their order where the receiver is well.
    const timer = setTimeout(() => {
      this.#release(link);
    }, this.#timing.orderedFor);
    timer.unref();
  }

  #release(link: SyslogLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#pump();
  }

  #ended(link: SyslogLink, end: LinkEnd, sent: readonly Frame[]): void {
    const wasCurrent = this.#link === link;
    this.#finishing.delete(link);
    if (wasCurrent) {
      this.#link = undefined;
      clearTimeout(this.#receipt);
      this.#receipt = undefined;
    }
    if (end.type === 'confirmed') {
      this.#hasConfirmed = true;
      this.#failures = 0;
    } else if (end.type === 'lost' || (this.#hasConfirmed && !this.#closed)) {
      // A receiver that never closes after us would get everything twice: it is believed to have read what it took.
      this.#waiting.putBack(sent);
      this.#isRepeating = true;
    }
    if (end.type === 'lost' && wasCurrent) this.#failed(end.error);
    else this.#pump();
  }

  #failed(error: Error): void {
    if (this.#destroyed) return;
    this.#failures += 1;
    if (!this.#isLost) this.#options.onLost(error);
    this.#isLost = true;
    const { firstBackoff, maxBackoff } = this.#timing;
    const bound = Math.min(maxBackoff, firstBackoff * 2 ** Math.min(this.#failures - 1, 20));
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined;
        this.#pump();
      },
      bound * (0.5 + this.#random() / 2),
    );
    this.#retry.unref();
  }
}
