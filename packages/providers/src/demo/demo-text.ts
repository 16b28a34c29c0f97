import { toTokens } from './tokens.js';

/** Longest answer, in tokens, whatever is asked for. */
const MAX_TOKENS = 20_000;
/** Longest part of a question that is repeated, in characters. */
const ECHO_LENGTH = 60;

interface Language {
  readonly asked: (echo: string) => string;
  readonly nothingAsked: string;
  readonly sentences: readonly string[];
  /** Sentence number `number` of an answer that must be longer than there is something to say. */
  readonly filler: (number: number) => string;
}

const ENGLISH: Language = {
  asked: (echo) => `[SIMULATED] You asked: “${echo}”`,
  nothingAsked: '[SIMULATED] You sent a message without text.',
  sentences: [
    ' No language model wrote this: it comes from the demo that is built into MoltBot, which works without a key and without a network so that you can see every part at work.',
    '\n\nMoltBot is a self-hosted server that puts many language models behind one address and keeps answering when one of them fails.',
    ' It asks the models of your chain in their order, waits when a provider asks for patience, leaves out what is broken, and lets the next model finish an answer that broke off in the middle.',
    '\n\nTo talk to a real model: add the key of a provider to ~/.moltbot/auth.json, name the model as models.primary in ~/.moltbot/config.yml, and ask again; no restart is needed.',
    ' The command "moltbot models list" shows what is configured, "moltbot models test" calls it, and docs/configuration.md shows every setting by example.',
    '\n\nUntil then you can watch a failure on purpose: ask the model "demo:status=503" or "demo:cut=40" in a chain, and see who answers in its place.',
  ],
  filler: (number) => ` This is sentence ${number} of a simulated answer, written only to be as long as you asked for.`,
};

const CHINESE: Language = {
  asked: (echo) => `[SIMULATED] 这是模拟回答。你问的是：“${echo}”`,
  nothingAsked: '[SIMULATED] 这是模拟回答。你发来的消息没有文字。',
  sentences: [
    '。下面的话不是语言模型写的，而是 MoltBot 自带的演示模型给出的：不需要密钥，也不需要网络，让你看到每个部分怎样工作。',
    '\n\nMoltBot 是一个自托管的服务器，把许多语言模型放在同一个地址后面；其中一个出了故障，它仍然会继续回答。',
    '它按顺序调用你配置的模型，服务商要求等待时就等待，跳过不可用的模型，回答中途断开时由下一个模型接着写完。',
    '\n\n想使用真正的模型：把服务商的密钥写进 ~/.moltbot/auth.json，在 ~/.moltbot/config.yml 里把模型写成 models.primary，然后再问一次，不用重启。',
    '命令 "moltbot models list" 列出已配置的模型，"moltbot models test" 会试着调用它们，docs/configuration.md 用例子说明每一项设置。',
    '\n\n在此之前，你可以故意制造一次故障：在模型链里加入 "demo:status=503" 或 "demo:cut=40"，看看由谁接替回答。',
  ],
  filler: (number) => `这是模拟回答的第 ${number} 句，只是为了达到你要求的长度。`,
};

/**
 * The demo's answer to a question as tokens: a function of the question alone, so that a continuation can be checked position
 * by position. `length` cuts it or makes it longer; the beginning stays the same.
 */
export function demoTokens(question: string, length?: number): readonly string[] {
  const language = /\p{Script=Han}/u.test(question) ? CHINESE : ENGLISH;
  const echo = shorten(question);
  const opening = echo === '' ? language.nothingAsked : language.asked(echo);
  const tokens = [...toTokens(opening), ...language.sentences.flatMap(toTokens)];
  if (length === undefined) return tokens;
  const wanted = Math.min(length, MAX_TOKENS);
  for (let number = language.sentences.length + 2; tokens.length < wanted; number += 1) {
    tokens.push(...toTokens(language.filler(number)));
  }
  return tokens.slice(0, wanted);
}

function shorten(question: string): string {
  const line = question.replaceAll(/\s+/g, ' ').trim();
  if (line.length <= ECHO_LENGTH) return line;
  // Never between the two halves of a character beyond the basic plane.
  const end = /[\uD800-\uDBFF]/.test(line.charAt(ECHO_LENGTH - 1)) ? ECHO_LENGTH - 1 : ECHO_LENGTH;
  return `${line.slice(0, end)}…`;
}
