/** Finds links in plain text, and what must not be broken over two lines. Only https becomes a link; everything stays text nodes. */
import { https } from "./wire";

export type Piece =
  | string
  | { readonly href: string; readonly label: string; readonly whole?: never }
  | { readonly whole: string };

const address = /https:\/\/[^\s<>"'`\u1100-\u11ff\u3000-\u318f\uac00-\ud7a3]+/g;

/** Without the punctuation that belongs to the sentence; a closing bracket stays where the address has an opening one. */
const bare = (url: string): string => url.replace(url.includes("(") ? /[.,!?;:~*…]+$/ : /[.,!?;:~*…)\]]+$/, "");

/** Phone and order numbers, and a date with its day of the week: a browser would break them at the sign within. */
const together = /[\d*]{2,8}(?:-[\d*]{2,8}){1,2}|\d{1,2}월 \d{1,2}일\([일월화수목금토]\)/g;

function* unbroken(text: string): Generator<Piece> {
  let from = 0;
  for (const found of text.matchAll(together)) {
    if (found.index > from) yield text.slice(from, found.index);
    yield { whole: found[0] };
    from = found.index + found[0].length;
  }
  if (from < text.length) yield text.slice(from);
}

export function pieces(text: string): readonly Piece[] {
  const out: Piece[] = [];
  let from = 0;
  for (const found of text.matchAll(address)) {
    const label = bare(found[0]);
    const href = https(label);
    if (!href) continue;
    if (found.index > from) out.push(...unbroken(text.slice(from, found.index)));
    out.push({ href, label });
    from = found.index + label.length;
  }
  if (from < text.length) out.push(...unbroken(text.slice(from)));
  return out;
}
