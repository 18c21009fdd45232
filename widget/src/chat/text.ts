/** Finds links in plain text. Only https becomes a link; everything stays text nodes. */
import { https } from "./wire";

export type Piece = string | { readonly href: string; readonly label: string };

const address = /https:\/\/[^\s<>"'`\u1100-\u11ff\u3000-\u318f\uac00-\ud7a3]+/g;

/** Without the punctuation that belongs to the sentence; a closing bracket stays where the address has an opening one. */
const bare = (url: string): string => url.replace(url.includes("(") ? /[.,!?;:~*…]+$/ : /[.,!?;:~*…)\]]+$/, "");

export function pieces(text: string): readonly Piece[] {
  const out: Piece[] = [];
  let from = 0;
  for (const found of text.matchAll(address)) {
    const label = bare(found[0]);
    const href = https(label);
    if (!href) continue;
    if (found.index > from) out.push(text.slice(from, found.index));
    out.push({ href, label });
    from = found.index + label.length;
  }
  if (from < text.length) out.push(text.slice(from));
  return out;
}
