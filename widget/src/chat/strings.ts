/** The words the window says by itself. They come with the page (`data-words`), so that a script of code holds only code. */
import type written from "../words.json";

export type Language = keyof typeof written;
export type Words = (typeof written)["ko"];

let words: Readonly<Record<Language, Words>>;

export function learn(json: string): void {
  words = JSON.parse(json);
}

export const wordsOf = (language: Language): Words => words[language];
export const asLanguage = (x: unknown): Language | null => (x === "ko" || x === "en" ? x : null);
export const counted = (template: string, n: number | string): string => template.replace("{n}", String(n));
