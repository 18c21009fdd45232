/** Frames of the socket and of the long poll. A frame that is not understood becomes null and is ignored, never an error. */

export type Action = { readonly type: string } & Readonly<Record<string, unknown>>;
export type Role = "shopper" | "bot" | "operator" | "system";
export type Speaker = "bot" | "operator" | "nobody";

export interface QuickReply {
  readonly label: string;
  readonly action: Action | null;
  readonly primary: boolean;
}

export interface Card {
  readonly id: string;
  readonly title: string;
  readonly subtitle: string;
  readonly lines: readonly string[];
  readonly image: string | null;
  readonly url: string | null;
  readonly action: Action | null;
}

export interface Message {
  readonly seq: number;
  readonly role: Role;
  readonly text: string;
  readonly kind: string;
  readonly name: string | null;
  readonly clientId: string | null;
  /** Milliseconds since 1970, or null where the frame did not say. */
  readonly at: number | null;
  readonly replies: readonly QuickReply[];
  readonly cards: readonly Card[];
  readonly citations: readonly { readonly n: number; readonly title: string }[];
  readonly multi: { readonly min: number; readonly max: number } | null;
}

export type Frame =
  | {
      readonly type: "joined";
      readonly session: string;
      readonly epoch: number;
      readonly speaker: Speaker;
      readonly status: string;
      readonly language: string | null;
    }
  | { readonly type: "ack"; readonly clientId: string; readonly seq: number }
  | { readonly type: "message"; readonly message: Message }
  | { readonly type: "progress"; readonly text: string }
  | { readonly type: "typing"; readonly who: "bot" | "operator" }
  | { readonly type: "state"; readonly speaker: Speaker; readonly status: string }
  | { readonly type: "reset"; readonly epoch: number; readonly first: number }
  | { readonly type: "draining"; readonly wait: number }
  | {
      readonly type: "error";
      readonly code: string;
      readonly text: string;
      readonly clientId: string | null;
      readonly retryable: boolean;
    }
  | { readonly type: "pong" };

export type Json = Readonly<Record<string, unknown>>;

const roles: Readonly<Record<string, Role>> = {
  assistant_message: "bot",
  operator_message: "operator",
  user_message: "shopper",
  system_message: "system",
};

export const isObject = (x: unknown): x is Json => typeof x === "object" && x !== null && !Array.isArray(x);
export const str = (x: unknown): string => (typeof x === "string" ? x : "");
export const num = (x: unknown, other: number): number => (typeof x === "number" && Number.isFinite(x) ? x : other);
const list = (x: unknown): readonly Json[] => (Array.isArray(x) ? x.filter(isObject) : []);
const action = (x: unknown): Action | null => (isObject(x) && typeof x.type === "string" ? (x as Action) : null);
export const asSpeaker = (x: unknown): Speaker | null => (x === "bot" || x === "operator" || x === "nobody" ? x : null);
const speaker = (x: unknown): Speaker => asSpeaker(x) ?? "bot";

/** The address if it is an https one without credentials in it, else null. */
export function https(x: unknown): string | null {
  try {
    const url = new URL(x as string);
    return url.protocol === "https:" && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}

/** An address of our own origin, which may be plain http on a developer's machine, or any https one. */
export function page(x: unknown): string | null {
  return typeof x === "string" && x.startsWith(`${location.origin}/`) ? x : https(x);
}

function picture(x: unknown): string | null {
  return typeof x === "string" && /^\/(?!\/)/.test(x) ? x : https(x);
}

/** Also the shape our own message takes when its number has come up. */
export function readMessage(f: Json, role: Role): Message | null {
  const seq = num(f.seq, 0);
  if (!Number.isInteger(seq) || seq < 1) return null;
  const at = Date.parse(str(f.created_at));
  const replies = list(f.quick_replies)
    .filter((q) => str(q.label) !== "")
    .map((q) => ({ label: str(q.label), action: action(q.action), primary: q.style === "primary" }));
  const cards = list(f.cards).map((c) => ({
    id: String(c.id ?? ""),
    title: str(c.title),
    subtitle: str(c.subtitle),
    lines: Array.isArray(c.lines) ? c.lines.filter((line): line is string => typeof line === "string") : [],
    image: picture(c.image_url),
    url: https(c.url),
    action: action(c.action),
  }));
  const max = replies.length + cards.length;
  return {
    seq,
    role,
    text: str(f.text),
    kind: str(f.kind) || "text",
    name: str(f.name) || null,
    clientId: str(f.client_id) || null,
    at: Number.isNaN(at) ? null : at,
    replies,
    cards,
    citations: list(f.citations).map((c, i) => ({ n: num(c.n, i + 1), title: str(c.title) })),
    multi: f.choice_mode === "multi" ? { min: num(f.min, 1), max: num(f.max, max) } : null,
  };
}

export function readFrame(f: unknown): Frame | null {
  if (!isObject(f)) return null;
  const type = str(f.type);
  const role = roles[type];
  if (role) {
    const read = readMessage(f, role);
    return read && { type: "message", message: read };
  }
  switch (type) {
    case "joined":
      return {
        type,
        session: str(f.session_id),
        epoch: num(f.epoch, 1),
        speaker: speaker(f.speaker),
        status: str(f.status),
        language: str(f.language) || null,
      };
    case "ack":
      return { type, clientId: str(f.client_id), seq: num(f.seq, 0) };
    case "progress":
      return { type, text: str(f.text) };
    case "typing":
      return { type, who: f.who === "operator" ? "operator" : "bot" };
    case "state":
      return { type, speaker: speaker(f.speaker), status: str(f.status) };
    case "reset":
      return { type, epoch: num(f.epoch, 1), first: num(f.first_seq, 1) };
    case "draining":
      return { type, wait: num(f.reconnect_in_ms, 800) };
    case "error":
      return {
        type,
        code: str(f.code),
        text: str(f.message_user),
        clientId: str(f.client_id) || null,
        retryable: f.retryable === true,
      };
    case "pong":
      return { type };
    default:
      return null;
  }
}

export function parseFrame(text: unknown): Frame | null {
  try {
    return readFrame(JSON.parse(text as string));
  } catch {
    return null;
  }
}
