/** A language the ask to go on is written in. */
type Language = 'en' | 'zh' | 'ja' | 'ko' | 'ru' | 'de' | 'fr' | 'es' | 'it' | 'pt' | 'ar';

const ASKS: Readonly<Record<Language, string>> = {
  en:
    'Your last message broke off. Go on from exactly where it stops, in the same language and form. ' +
    'Repeat nothing of it, and write nothing before the continuation.',
  zh: '你上一条回答中途断了。请从断开的地方原样接着写，不要重复已经写过的内容，也不要加任何开场白。',
  ja: '直前のあなたの返答は途中で切れました。切れたところからそのまま続けてください。すでに書いた部分は繰り返さず、前置きも書かないでください。',
  ko: '방금 답변이 중간에 끊겼습니다. 끊긴 바로 그 지점부터 이어서 쓰세요. 이미 쓴 내용은 반복하지 말고, 머리말도 쓰지 마세요.',
  ru: 'Твой последний ответ оборвался. Продолжи ровно с того места, где он обрывается, на том же языке. Не повторяй написанного и ничего не пиши перед продолжением.',
  de: 'Deine letzte Antwort ist abgebrochen. Schreib genau an der Stelle weiter, an der sie aufhört, in derselben Sprache und Form. Wiederhole nichts davon und schreib nichts vor die Fortsetzung.',
  fr: 'Ta dernière réponse a été coupée. Reprends exactement là où elle s’arrête, dans la même langue et la même forme. Ne répète rien et n’écris rien avant la suite.',
  es: 'Tu última respuesta se ha cortado. Continúa exactamente donde se detiene, en el mismo idioma y la misma forma. No repitas nada y no escribas nada antes de la continuación.',
  it: 'La tua ultima risposta si è interrotta. Continua esattamente da dove si ferma, nella stessa lingua e nella stessa forma. Non ripetere nulla e non scrivere nulla prima del seguito.',
  pt: 'A tua última resposta foi interrompida. Continua exatamente onde ela para, na mesma língua e na mesma forma. Não repitas nada e não escrevas nada antes da continuação.',
  ar: 'انقطعت إجابتك الأخيرة. تابع من الموضع الذي توقفت عنده تمامًا، باللغة نفسها وبالشكل نفسه. لا تكرر شيئًا منها ولا تكتب شيئًا قبل التكملة.',
};

/** First match wins: Japanese is written with Han characters too. */
const SCRIPTS: readonly (readonly [script: RegExp, language: Language])[] = [
  [/[\p{Script=Hiragana}\p{Script=Katakana}]/gu, 'ja'],
  [/\p{Script=Hangul}/gu, 'ko'],
  [/\p{Script=Han}/gu, 'zh'],
  [/\p{Script=Cyrillic}/gu, 'ru'],
  [/\p{Script=Arabic}/gu, 'ar'],
];

/** Frequent words that few of the other languages write the same. */
const WORDS: readonly (readonly [language: Language, words: ReadonlySet<string>])[] = [
  ['en', wordSet('the of and to is that it with for was are this be have from or by you not which')],
  ['de', wordSet('der die das und ist nicht ein eine mit für auf den dem zu sich von auch wird sind im ich')],
  ['fr', wordSet('le les des et est une pour dans que qui pas sur avec au ce il sont du être cette ou vous')],
  ['es', wordSet('el los las y es una por con que para del se no más como su lo pero está son al')],
  ['it', wordSet('il gli di e è che per non una della sono con nel più anche dei alla questo come ma')],
  ['pt', wordSet('o os as e é que não uma para com do da em mais dos ao são seu ou mas você')],
];

/** Read of a text at most, from its end. */
const LOOK_BACK = 2_000;
/** Of a script, characters that make a text one of that language; a name or two in English prose do not. */
const SCRIPT_SHARE = 0.1;

/**
 * What a user says to a model that is to go on exactly where `text` stops: in the language of `text`, where that says too
 * little in the language of `hint` (what the user wrote), else in English.
 */
export function continuePrompt(text: string, hint = ''): string {
  return ASKS[languageOf(text) ?? languageOf(hint) ?? 'en'];
}

function languageOf(text: string): Language | undefined {
  const tail = text.slice(-LOOK_BACK);
  const letters = tail.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return undefined;
  for (const [script, language] of SCRIPTS) {
    if ((tail.match(script)?.length ?? 0) >= letters * SCRIPT_SHARE) return language;
  }
  return languageOfWords(tail.toLowerCase().match(/\p{L}+/gu) ?? []);
}

/** The language with clearly the most frequent words, at least two. */
function languageOfWords(words: readonly string[]): Language | undefined {
  let best: Language | undefined;
  let most = 1;
  for (const [language, frequent] of WORDS) {
    const count = words.reduce((sum, word) => sum + (frequent.has(word) ? 1 : 0), 0);
    if (count === most) best = undefined;
    if (count > most) {
      best = language;
      most = count;
    }
  }
  return best;
}

function wordSet(words: string): ReadonlySet<string> {
  return new Set(words.split(' '));
}
