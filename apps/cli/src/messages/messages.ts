import type { Locale } from '@moltbot/config';
import { english } from './en.js';
import { chinese } from './zh.js';

/** Everything that people read: the same keys in every language, the compiler demands it. */
export type Messages = ReturnType<typeof english>;
export type CommandKey = keyof Messages['commands'];
export type OptionKey = keyof Messages['options'];

/** @param options.command how to call us, for what people are told to type */
export function messagesFor({ locale, command }: { readonly locale: Locale; readonly command: string }): Messages {
  return locale === 'zh' ? chinese(command) : english(command);
}
