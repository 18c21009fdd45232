/** What a key press in the composer means. The Enter that ends a Hangul syllable belongs to the keyboard, not to us. */

export interface Press {
  readonly key: string;
  readonly keyCode: number;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly isComposing: boolean;
}

export const MAX_LENGTH = 2000;

/** `composing`: a composition began and has not ended (Safari ends it before the key press, hence keyCode 229 too). */
export function meansSend(press: Press, composing: boolean): boolean {
  if (press.key !== "Enter" || press.shiftKey || press.altKey) return false;
  return !composing && !press.isComposing && press.keyCode !== 229;
}

/** The text as it is sent, or null when there is nothing to send. */
export function sendable(text: string): string | null {
  const trimmed = text.replace(/^\s*\n|\s+$/g, "").trim();
  return trimmed === "" ? null : [...trimmed].slice(0, MAX_LENGTH).join("");
}
