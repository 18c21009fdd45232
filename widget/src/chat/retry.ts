/** When to come back after a lost connection, by close code. Pure: randomness is given. */

export type Next =
  | { readonly kind: "again"; readonly wait: number }
  | { readonly kind: "ticket"; readonly wait: number }
  | { readonly kind: "conversation"; readonly wait: number }
  | { readonly kind: "elsewhere" }
  | { readonly kind: "refused" };

/** 0.2–2 s at first; from the fourth failure in a row the window doubles up to 8 s. */
export function backoff(failures: number, random: number): number {
  const top = failures < 4 ? 2000 : Math.min(8000, 2000 * 2 ** (failures - 3));
  return Math.round(200 + random * (top - 200));
}

/** Restarts and drains: everybody comes back, so still spread, but soon. */
const soon = (random: number): number => Math.round(200 + random * 1800);

export function afterClose(code: number, failures: number, random: number): Next {
  switch (code) {
    case 4401:
      return { kind: "ticket", wait: failures < 2 ? 0 : backoff(failures, random) };
    case 4403:
      return { kind: "refused" };
    case 4404:
      return { kind: "conversation", wait: failures < 2 ? 0 : backoff(failures, random) };
    case 4409:
      return { kind: "elsewhere" };
    case 4400:
    case 4413:
    case 4429:
      return { kind: "again", wait: 5000 + backoff(failures, random) };
    case 1000:
    case 1001:
    case 1012:
    case 4408:
      return { kind: "again", wait: failures < 4 ? soon(random) : backoff(failures, random) };
    default:
      return { kind: "again", wait: backoff(failures, random) };
  }
}
