// The model service of the benchmarks: answers OpenAI chat completions at once with fixed bytes. The model's name says how:
// `json` (whole), `sse-N-G` (N events, written G at a time; pause by --interval ms), `anthropic-N-G` under /v1/messages.
import { createServer } from 'node:http';

const interval = Number(process.argv[2] ?? 0);
const usage = { prompt_tokens: 12, completion_tokens: 100, total_tokens: 112 };
const whole = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_760_000_000,
    model: 'bench',
    choices: [{ index: 0, message: { role: 'assistant', content: 'word '.repeat(100) }, finish_reason: 'stop' }],
    usage,
  }),
);
const chunk = (delta, finish = null) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1_760_000_000, model: 'bench', system_fingerprint: 'fp_bench', choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] })}\n\n`;

function openAiEvents(count) {
  const events = [chunk({ role: 'assistant', content: '' })];
  for (let index = 0; index < count; index += 1) events.push(chunk({ content: ` token${index}` }));
  events.push(chunk({}, 'stop'));
  events.push(
    `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1_760_000_000, model: 'bench', choices: [], usage })}\n\n`,
  );
  events.push('data: [DONE]\n\n');
  return events;
}

function anthropicEvents(count) {
  const event = (name, data) => `event: ${name}\ndata: ${JSON.stringify({ type: name, ...data })}\n\n`;
  return [
    event('message_start', {
      message: {
        id: 'msg_bench',
        type: 'message',
        role: 'assistant',
        model: 'bench',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 12, output_tokens: 1 },
      },
    }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...Array.from({ length: count }, (_, index) =>
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: ` token${index}` } }),
    ),
    event('content_block_stop', { index: 0 }),
    event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 100 } }),
    event('message_stop', {}),
  ];
}

const batches = new Map();
/** The events of one stream, joined `group` at a time. */
function batchesOf(model) {
  let found = batches.get(model);
  if (found === undefined) {
    const [kind, count, group] = model.split('-');
    const events = kind === 'anthropic' ? anthropicEvents(Number(count)) : openAiEvents(Number(count));
    found = [];
    for (let at = 0; at < events.length; at += Number(group))
      found.push(Buffer.from(events.slice(at, at + Number(group)).join('')));
    batches.set(model, found);
  }
  return found;
}

const server = createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const body = Buffer.concat(pieces);
    const model =
      /"model":\s*"([^"]+)"/.exec(body.subarray(-200).toString() + body.subarray(0, 200).toString())?.[1] ?? 'json';
    if (model === 'json') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': whole.length });
      response.end(whole);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const all = batchesOf(model);
    let at = 0;
    const next = () => {
      if (response.destroyed) return;
      response.write(all[at]);
      at += 1;
      if (at === all.length) response.end();
      else if (interval > 0) setTimeout(next, interval);
      else setImmediate(next);
    };
    next();
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit());
