import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import type { Frame } from './frame-queue.js';
import type { SenderOptions } from './stream-sender.js';

export interface DatagramSenderOptions extends SenderOptions {
  readonly host: string;
  readonly port: number;
}

const REOPEN_AFTER_MS = 1_000;
const BACK_AFTER_MS = 30_000;
const KEEPS_SOCKET = new Set<string | undefined>(['ECONNREFUSED', 'EMSGSIZE']);

/**
 * Sends each frame as one datagram (RFC 5426). Nobody learns whether it arrives; what this machine itself could not send is
 * counted. The address is looked up again whenever the socket is opened again.
 */
export class DatagramSender {
  readonly #options: DatagramSenderOptions;
  #socket: Socket | undefined;
  #ready = false;
  #opening = false;
  #waiting: Frame[] = [];
  #waitingBytes = 0;
  #sendingBytes = 0;
  #sending = 0;
  #reopen: NodeJS.Timeout | undefined;
  #isLost = false;
  #failedAt = 0;
  #closed = false;
  #destroyed = false;
  #idle: (() => void) | undefined;

  constructor(options: DatagramSenderOptions) {
    this.#options = options;
  }

  send(frame: Frame): void {
    if (this.#closed || this.#waitingBytes + this.#sendingBytes + frame.bytes > this.#options.maxBytes) {
      this.#options.onDrop(1);
      return;
    }
    if (this.#ready) {
      this.#sendNow(frame);
      return;
    }
    this.#waiting.push(frame);
    this.#waitingBytes += frame.bytes;
    this.#open();
  }

  async flush(): Promise<void> {
    this.#closed = true;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      this.#tellIdle();
    });
  }

  /** @returns how many frames never left */
  destroy(): number {
    this.#closed = true;
    this.#destroyed = true;
    clearTimeout(this.#reopen);
    const left = this.#waiting.length + this.#sending;
    this.#waiting = [];
    this.#close();
    return left;
  }

  #open(): void {
    if (this.#opening || this.#socket !== undefined || this.#reopen !== undefined) return;
    this.#opening = true;
    void this.#look();
  }

  async #look(): Promise<void> {
    const { host, port } = this.#options;
    try {
      const { address, family } = await lookup(host);
      if (this.#destroyed) return;
      const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
      this.#socket = socket;
      socket.unref();
      // A port without a listener is told by the next error (ICMP), not by the send that it belongs to.
      socket.on('error', (error) => {
        this.#failed(error);
      });
      socket.once('connect', () => {
        this.#ready = true;
        const waiting = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        for (const frame of waiting) this.#sendNow(frame);
        this.#tellIdle();
      });
      socket.connect(port, address);
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#opening = false;
    }
  }

  #sendNow(frame: Frame): void {
    this.#sendingBytes += frame.bytes;
    this.#sending += 1;
    this.#socket?.send(frame.text, (error) => {
      this.#sendingBytes -= frame.bytes;
      this.#sending -= 1;
      if (error === null) this.#sent();
      else {
        this.#options.onDrop(1);
        this.#failed(error);
      }
      this.#tellIdle();
    });
  }

  #sent(): void {
    this.#options.onTook();
    // A datagram that was sent has not arrived: only a time without an error means something.
    if (!this.#isLost || performance.now() - this.#failedAt < BACK_AFTER_MS) return;
    this.#isLost = false;
    this.#options.onBack();
  }

  /** A datagram that is refused or too long is lost, the socket stays. Anything else opens it again, with a new look-up of the name. */
  #failed(error: Error): void {
    if (this.#destroyed) return;
    this.#failedAt = performance.now();
    if (!this.#isLost) this.#options.onLost(error);
    this.#isLost = true;
    if (KEEPS_SOCKET.has((error as NodeJS.ErrnoException).code)) return;
    this.#close();
    this.#reopen ??= setTimeout(() => {
      this.#reopen = undefined;
      if (this.#waiting.length > 0) this.#open();
    }, REOPEN_AFTER_MS).unref();
  }

  #close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#ready = false;
    if (socket === undefined) return;
    try {
      socket.close();
    } catch {
      // It was closed already.
    }
  }

  #tellIdle(): void {
    if (this.#waiting.length === 0 && this.#sending === 0) this.#idle?.();
  }
}
