import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { continuePrompt } from './continue-prompt.js';

describe('continuePrompt', () => {
  it.each([
    ['The gateway is the part of the system that', /^Your last message/],
    ['Das Gateway ist der Teil des Systems, der die Anfragen und', /^Deine letzte Antwort/],
    ['La passerelle est la partie du système qui reçoit les requêtes et', /^Ta dernière réponse/],
    ['La pasarela es la parte del sistema que recibe los mensajes y', /^Tu última respuesta/],
    ['Il gateway è la parte del sistema che riceve gli ordini e non', /^La tua ultima risposta/],
    ['O gateway é a parte do sistema que não recebe os pedidos e', /^A tua última resposta/],
    ['Шлюз — это часть системы, которая', /^Твой последний/],
    ['网关是系统的一部分', /^你上一条回答/],
    ['ゲートウェイは東京にある', /^直前の/],
    ['게이트웨이는 시스템의', /^방금/],
    ['البوابة هي جزء من النظام', /^انقطعت/],
    ['The word 你好 is a greeting that you hear in the south of China', /^Your last message/],
    ['const x = 1;', /^Your last message/],
    ['', /^Your last message/],
  ])('asks in the language of %j', (text, ask) => {
    expect(continuePrompt(text)).toMatch(ask);
  });

  it('asks in the language of the user where the answer says too little', () => {
    expect(continuePrompt('x = 42', 'Schreib mir bitte eine Funktion, die das und das nicht')).toMatch(/^Deine/);
    expect(continuePrompt('42', '请给我一个数字')).toMatch(/^你/);
    expect(continuePrompt('Das ist nicht der Fall und', '请给我一个数字')).toMatch(/^Deine/);
  });

  it('takes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, hint) => {
        expect(continuePrompt(text, hint)).not.toBe('');
      }),
    );
  });
});
