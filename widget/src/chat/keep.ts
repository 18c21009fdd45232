/**
 * What the frame's origin remembers. localStorage: visitor id and resume token, nothing else. sessionStorage: this
 * tab's unsent words and how far it has read. A browser that forbids storage loses only the memory across reloads.
 */
import type { Outgoing } from "./thread";

type Area = "localStorage" | "sessionStorage";

/** Unguessable and made here, so that no cookie is needed. */
export const freshId = (prefix: string): string =>
  prefix + Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(36)).join("");

export function keeper(publicKey: string) {
  const memory = new Map<string, string>();
  /** Reads, or writes when a value is given; null forgets. */
  function slot(area: Area, what: string, value?: string | null): string | null {
    const name = `sangdam.${publicKey}.${what}`;
    if (value) memory.set(name, value);
    else if (value !== undefined) memory.delete(name);
    try {
      if (value) window[area].setItem(name, value);
      else if (value !== undefined) window[area].removeItem(name);
      else return window[area].getItem(name);
    } catch {
      // Storage is forbidden here: this page's own memory has to do.
    }
    return memory.get(name) ?? null;
  }
  return {
    visitor: (): string =>
      slot("localStorage", "visitor_id") ?? slot("localStorage", "visitor_id", freshId("v-")) ?? "",
    /** Read anew each time: another tab may have rotated it. */
    resume: (value?: string | null): string | null => slot("localStorage", "resume_token", value),
    tab: (what: "draft" | "open" | "accent" | "seen", value?: string | null): string | null =>
      slot("sessionStorage", what, value),
    outbox(value?: readonly Outgoing[]): readonly Outgoing[] {
      const kept = slot("sessionStorage", "outbox", value && (value.length ? JSON.stringify(value) : null));
      try {
        const read = JSON.parse(kept ?? "[]") as readonly Outgoing[];
        return read.map((o) => ({ ...o, sentAt: null, seq: null, failed: null }));
      } catch {
        return [];
      }
    },
    forget(): void {
      for (const what of ["visitor_id", "resume_token"]) slot("localStorage", what, null);
      for (const what of ["draft", "outbox", "seen", "open"]) slot("sessionStorage", what, null);
    },
  };
}

export type Keeper = ReturnType<typeof keeper>;
