import { expect, it } from '@jest/globals';
import { isContent } from '@moltbot/contracts';
import { ProviderError } from '../../failure.js';
import type { ChatWire } from '../../wire.js';
import type { Behaviour } from '../../scripted/behaviour.js';
import { DIALECT_TRAITS } from './dialect-traits.js';
import { ask, type Exchanges, readStream, textOf, turnOf } from './exchange.js';

const ANSWER = { reasoning: ['Hm ', '🤔'], text: ['Grüße', ' 世界', '\r\n', '🌍!'], usage: { inputTokens: 5 } };

/** How a wire reads streams that are cut anywhere, broken, late or unfinished. */
export function describeStreams(wire: ChatWire, { exchange }: Exchanges): void {
  const traits = DIALECT_TRAITS[wire.dialect];
  const stream = async (behaviour: Behaviour) => {
    const received = await exchange(behaviour, turnOf(ask('Hello'), { stream: true }));
    return { ...received, read: readStream(wire, received.chunks) };
  };

  it('reads the same parts and bytes wherever the chunks are cut', async () => {
    const toolCalls = [{ id: 'call_a1', name: 'weather', arguments: ['{"city":', '"Köln"}'] }];
    for (const answer of [ANSWER, { toolCalls }]) {
      const { body } = await stream({ type: 'answer', answer });
      const whole = readStream(wire, [body]);
      expect(whole.error).toBeUndefined();
      for (let at = 1; at < body.length; at += 1) {
        const cut = readStream(wire, [body.subarray(0, at), body.subarray(at)]);
        if (JSON.stringify(cut.parts) !== JSON.stringify(whole.parts) || !cut.bytes.equals(whole.bytes)) {
          expect({ at, parts: cut.parts, bytes: cut.bytes.toString() }).toEqual({
            at,
            parts: whole.parts,
            bytes: whole.bytes.toString(),
          });
        }
      }
      const bytewise = readStream(
        wire,
        Array.from(body, (_, at) => body.subarray(at, at + 1)),
      );
      expect(bytewise.parts).toEqual(whole.parts);
      expect(bytewise.bytes.equals(whole.bytes)).toBe(true);
    }
  });

  it('passes a chunk of whole events on without a copy', async () => {
    const { body } = await stream({ type: 'answer', answer: { text: 'Hi' } });
    const { bytes } = wire.createStreamReader({ keepUsage: true }).read(body);
    expect([bytes.buffer === body.buffer, bytes.byteOffset, bytes.length]).toEqual([
      true,
      body.byteOffset,
      body.length,
    ]);
  });

  it('reads events with CRLF line ends', async () => {
    const { body } = await stream({ type: 'answer', answer: { text: 'Hi there' } });
    const crlf = Buffer.from(body.toString('utf8').replaceAll('\n', '\r\n'));
    const { parts, reader } = readStream(wire, [crlf]);
    expect([textOf(parts, 'text-delta'), reader.finished]).toEqual(['Hi there', true]);
  });

  it('is not finished when the connection breaks after some tokens', async () => {
    const { broken, read } = await stream({ type: 'cut', after: 40 });
    expect(broken).toBe(true);
    expect(read.parts.filter(isContent)).toHaveLength(40);
    expect([read.reader.finished, read.error]).toEqual([false, undefined]);
  });

  it('is not finished when the stream ends without a finish reason', async () => {
    const { broken, read } = await stream({ type: 'no-finish', answer: ANSWER });
    expect(broken).toBe(false);
    expect(textOf(read.parts, 'text-delta')).toBe(ANSWER.text.join(''));
    expect([read.reader.finished, read.error]).toEqual([false, undefined]);
    expect(read.parts.some((part) => part.type === 'finish' || part.type === 'end')).toBe(false);
  });

  it('is not finished when an event is cut in the middle', async () => {
    const { body } = await stream({ type: 'answer', answer: { text: 'Hi there' } });
    const { reader } = readStream(wire, [body.subarray(0, body.indexOf(' there') + 3)]);
    expect(reader.finished).toBe(false);
  });

  if (traits.endMarker === 'own event') {
    it('is finished without its end marker, with usage', async () => {
      const { body } = await stream({ type: 'answer', answer: ANSWER });
      const marker = body.lastIndexOf(wire.dialect === 'openai-chat' ? 'data: [DONE]' : 'event: message_stop');
      const { parts, reader } = readStream(wire, [body.subarray(0, marker)]);
      expect(reader.finished).toBe(true);
      expect(parts.some((part) => part.type === 'end')).toBe(false);
      expect(parts.findLast((part) => part.type === 'usage')?.usage.inputTokens).toBe(5);
    });
  }

  it('throws at a malformed event and keeps the good ones before it', async () => {
    const { read } = await stream({ type: 'malformed', after: 3 });
    expect(read.error).toBeInstanceOf(ProviderError);
    expect((read.error as ProviderError).kind).toBe('stream-malformed');
    expect(textOf(read.parts, 'text-delta')).toBe('word1 word2 word3');
    expect(read.reader.finished).toBe(false);
    expect(read.reader.takePending()).toMatchObject({ parts: [] });
  });

  it('keeps the good events of a chunk that also holds the malformed one', async () => {
    const { body } = await stream({ type: 'malformed', after: 3 });
    const { bytes, parts } = readStream(wire, [body]);
    expect(textOf(parts, 'text-delta')).toBe('word1 word2 word3');
    expect(body.subarray(0, bytes.length).equals(bytes)).toBe(true);
    expect(bytes.includes('word3')).toBe(true);
    expect(bytes.includes('broken')).toBe(false);
  });

  it.each(['[]', '7', '"text"', 'null', '{"choices":7,"candidates":7,"type":7}'])(
    'takes the event %s for no content',
    async (data) => {
      const { body } = await stream({ type: 'answer', answer: { text: 'Hi' } });
      const odd = Buffer.from(`data: ${data}\n\n`);
      const { error, parts } = readStream(wire, [odd, body]);
      if (error === undefined) expect(textOf(parts, 'text-delta')).toBe('Hi');
      else expect(error).toMatchObject({ name: 'ProviderError', kind: 'stream-malformed' });
      expect(parts.filter(isContent).every((part) => part.type === 'text-delta')).toBe(true);
    },
  );

  it.each([0, 5])('throws at an error event after %i tokens', async (after) => {
    const { read } = await stream({ type: 'error-event', after });
    expect(read.error).toBeInstanceOf(ProviderError);
    const error = read.error as ProviderError;
    expect(['stream-error', 'server-error']).toContain(error.kind);
    expect(error.message).not.toContain('Scripted');
    expect(error.callerMessage).toBeUndefined();
    expect(read.parts.filter(isContent)).toHaveLength(after);
    expect(read.reader.finished).toBe(false);
  });

  const { overloaded } = traits;
  if (overloaded !== undefined) {
    it('knows an error event that says overloaded', async () => {
      const { read } = await stream({ type: 'error-event', after: 0, error: overloaded });
      expect(read.error).toMatchObject({ kind: 'overloaded' });
    });
  }

  if (wire.dialect === 'openai-responses') {
    it('knows a response that failed', async () => {
      const { read } = await stream({ type: 'error-event', after: 2, error: { type: 'response.failed' } });
      expect(read.error).toBeInstanceOf(ProviderError);
      expect(read.parts.filter(isContent)).toHaveLength(2);
    });
  }

  it('bounds an event without an end', () => {
    const reader = wire.createStreamReader({ keepUsage: true });
    const piece = Buffer.alloc(1_048_576, 'x');
    let error: unknown;
    reader.read(Buffer.from('data: "'));
    for (let round = 0; round < 16 && error === undefined; round += 1) {
      try {
        reader.read(piece);
      } catch (thrown) {
        error = thrown;
      }
    }
    expect(error).toMatchObject({ name: 'ProviderError', kind: 'stream-malformed' });
  });
}
