import type { Language } from '../../../schemas/language.ts';
import type { CodePurpose } from '../codes.store.ts';
import { mailWords } from './words.ts';

/** A mail without its address. */
export interface MailText {
  subject: string;
  text: string;
  html: string;
}

/** The mail that brings a code. */
export function codeMail(language: Language, purpose: CodePurpose, code: string): MailText {
  const { code: purposes, life, notYou } = mailWords[language];
  const { subject, lead } = purposes[purpose];
  return {
    subject: subject.replace('{code}', code),
    text: [lead, code, life, notYou].join('\n\n').concat('\n'),
    html: page(language, [para(lead), `<p class="code">${escaped(code)}</p>`, para(life), para(notYou)]),
  };
}

/** What the owner of an address gets where somebody else has given it as his. */
export function takenMail(language: Language): MailText {
  const { subject, lead, advice } = mailWords[language].taken;
  return {
    subject,
    text: `${lead}\n\n${advice}\n`,
    html: page(language, [para(lead), para(advice)]),
  };
}

/** No pictures, no links: nothing that a reader would have to trust. */
const style =
  'body{font:16px/1.5 sans-serif;color:#1f2933;max-width:32em;margin:2em auto;padding:0 1em}' +
  '.code{font:bold 32px/1.2 monospace;letter-spacing:.2em}';

function page(language: Language, parts: readonly string[]): string {
  return `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><style>${style}</style></head><body>${parts.join('')}</body></html>\n`;
}

function para(text: string): string {
  return `<p>${escaped(text)}</p>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
