import type { Socket } from 'node:net';
import { type Frame, FrameQueue } from './frame-queue.js';

/** How a connection ended: the receiver has read all (`confirmed`), nobody knows (`unknown`), or it broke (`lost`). */
export type LinkEnd =
  | { readonly type: 'confirmed' }
  | { readonly type: 'unknown' }
  | { readonly type: 'lost'; readonly error: Error };

export interface LinkOptions {
  readonly socket: Socket;
  /** Name of the event that says the connection stands (TLS: after its handshake). */
  readonly readyEvent: 'connect' | 'secureConnect';
  readonly connectWithinMs: number;
  /** A receiver that takes nothing for this long is taken for lost. */
  readonly stallMs: number;
  /** How long the receiver may take to read everything and close, once it is asked to. */
  readonly confirmWithinMs: number;
  readonly onReady: () => void;
  /** There is room again. */
  readonly onRoom: () => void;
  /** Once, with what was handed to the socket. */
  readonly onEnd: (end: LinkEnd, sent: readonly Frame[]) => void;
}

/**
 * One connection to a syslog server. Syslog knows no receipts: what the kernel took may still be lost with the receiver.
 * But a receiver that closes after our end of the stream has read all of it, so that is the receipt (`finish`).
 */
export class SyslogLink {
  readonly sent = new FrameQueue();
  readonly #options: LinkOptions;
  readonly #socket: Socket;
  #timer: NodeJS.Timeout | undefined;
  #state: 'connecting' | 'open' | 'finishing' | 'ended' = 'connecting';
  #hasRoom = false;
  #error: Error | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { socket, readyEvent } = options;
    this.#socket = socket;
    // A log connection keeps no process alive.
    socket.unref();
    socket.once(readyEvent, this.#onReady);
    socket.on('drain', this.#onDrain);
    socket.on('error', this.#onError);
    socket.once('end', this.#onPeerEnd);
    socket.once('close', this.#onClose);
    // Whatever a server says is read and forgotten; unread, its end would never be seen.
    socket.resume();
    this.#expect(options.connectWithinMs, 'the syslog server did not answer in time');
  }

  /** Whether frames may be written now. */
  get hasRoom(): boolean {
    return this.#state === 'open' && this.#hasRoom;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  write(frames: readonly Frame[]): void {
    let text = '';
    for (const frame of frames) {
      text += frame.text;
      this.sent.push(frame);
    }
    this.#hasRoom = this.#socket.write(text);
    if (!this.#hasRoom) this.#expect(this.#options.stallMs, 'the syslog server takes nothing');
  }

  /** Ends our side. What follows is `confirmed`, or what else became of it. */
  finish(): void {
    if (this.#state !== 'open') return;
    this.#state = 'finishing';
    this.#socket.end();
    this.#expect(this.#options.confirmWithinMs, undefined);
  }

  destroy(): void {
    this.#end({ type: 'unknown' });
  }

  readonly #onReady = (): void => {
    this.#state = 'open';
    this.#hasRoom = true;
    this.#clearTimer();
    this.#options.onReady();
  };

  readonly #onDrain = (): void => {
    this.#hasRoom = true;
    if (this.#state !== 'open') return;
    this.#clearTimer();
    this.#options.onRoom();
  };

  readonly #onError = (error: Error): void => {
    this.#error = error;
  };

  readonly #onPeerEnd = (): void => {
    // Before our own end it tells nothing about what was read.
    if (this.#state === 'finishing') this.#end({ type: 'confirmed' });
    else this.#end({ type: 'lost', error: new Error('the syslog server closed the connection') });
  };

  readonly #onClose = (): void => {
    this.#end({ type: 'lost', error: this.#error ?? new Error('the connection to the syslog server broke') });
  };

  #expect(withinMs: number, failure: string | undefined): void {
    this.#clearTimer();
    this.#timer = setTimeout(() => {
      this.#end(failure === undefined ? { type: 'unknown' } : { type: 'lost', error: new Error(failure) });
    }, withinMs);
    this.#timer.unref();
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #end(end: LinkEnd): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#clearTimer();
    this.#socket.off(this.#options.readyEvent, this.#onReady);
    this.#socket.off('drain', this.#onDrain);
    this.#socket.off('end', this.#onPeerEnd);
    this.#socket.off('close', this.#onClose);
    // Errors of a socket that is given up are nobody's business, but must have a listener.
    this.#socket.destroy();
    this.#options.onEnd(end, this.sent.takeAll());
  }
}
