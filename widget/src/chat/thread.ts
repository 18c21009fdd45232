/**
 * The conversation as the shopper sees it: what the server numbered, and what is still on its way there. Pure.
 * An ack is not a place in the log: our own message is shown at its number only once everything before it is here.
 */
import { readMessage, type Action, type Frame, type Message, type Speaker } from "./wire";

/** No ack after this many milliseconds: the message is sent again, with the same client_id. */
export const RESEND_AFTER = 5000;
/** Waited on top after the server said "too fast". */
const RATE_PENALTY = 3000;

export interface Outgoing {
  readonly clientId: string;
  readonly text: string;
  readonly action: Action | null;
  readonly at: number;
  readonly sentAt: number | null;
  readonly seq: number | null;
  /** Why the server refused it for good, in the shopper's words. */
  readonly failed: string | null;
}

export interface Thread {
  readonly session: string | null;
  readonly epoch: number;
  /** Highest number shown; everything below it is here. */
  readonly last: number;
  /** True from a join to its first numbered frame, which may start above `last + 1` (older content is erased). */
  readonly fresh: boolean;
  /** A number was skipped: join again. */
  readonly gap: boolean;
  /** Earlier conversations of this window. */
  readonly past: readonly Message[];
  readonly messages: readonly Message[];
  readonly outbox: readonly Outgoing[];
  readonly speaker: Speaker;
  readonly status: string;
  readonly typing: { readonly who: "bot" | "operator"; readonly text: string } | null;
}

export type ThreadEvent =
  | { readonly type: "session"; readonly id: string; readonly epoch: number }
  | { readonly type: "frame"; readonly frame: Frame; readonly now: number }
  | {
      readonly type: "queue";
      readonly clientId: string;
      readonly text: string;
      readonly action: Action | null;
      readonly now: number;
    }
  | { readonly type: "sent"; readonly clientIds: readonly string[]; readonly now: number }
  | { readonly type: "retry"; readonly clientId: string }
  | { readonly type: "drop"; readonly clientId: string }
  | { readonly type: "lost" }
  | { readonly type: "quiet" }
  | { readonly type: "clear" };

export const emptyThread: Thread = {
  session: null,
  epoch: 1,
  last: 0,
  fresh: true,
  gap: false,
  past: [],
  messages: [],
  outbox: [],
  speaker: "bot",
  status: "open",
  typing: null,
};

const without = (outbox: readonly Outgoing[], clientId: string | null): readonly Outgoing[] =>
  clientId === null ? outbox : outbox.filter((o) => o.clientId !== clientId);

const change = (t: Thread, clientId: string | null, to: Partial<Outgoing>): Thread => ({
  ...t,
  outbox: t.outbox.map((o) => (o.clientId === clientId ? { ...o, ...to } : o)),
});

/** Own messages whose number has come up move from the outbox into the log. */
function settle(t: Thread): Thread {
  for (;;) {
    const next = t.outbox.find((o) => o.seq === t.last + 1);
    if (!next) {
      const outbox = t.outbox.filter((o) => o.seq === null || o.seq > t.last);
      return outbox.length === t.outbox.length ? t : { ...t, outbox };
    }
    const own = readMessage({ seq: next.seq, text: next.text, client_id: next.clientId }, "shopper") as Message;
    t = {
      ...t,
      last: t.last + 1,
      messages: [...t.messages, { ...own, at: next.at }],
      outbox: without(t.outbox, next.clientId),
    };
  }
}

function place(t: Thread, m: Message): Thread {
  if (m.seq <= t.last) return { ...t, fresh: false, outbox: without(t.outbox, m.clientId) };
  if (m.seq > t.last + 1 && !t.fresh) return { ...t, gap: true };
  const own = t.outbox.find((o) => o.clientId === m.clientId);
  return settle({
    ...t,
    last: m.seq,
    fresh: false,
    messages: [...t.messages, own && m.at === null ? { ...m, at: own.at } : m],
    outbox: without(t.outbox, m.clientId),
    typing: m.role === "bot" || m.role === "operator" ? null : t.typing,
  });
}

/** The log is emptied; what was acknowledged is in the transcript that follows, the rest is sent again. */
function restart(t: Thread, epoch: number, first: number): Thread {
  const outbox = t.outbox.filter((o) => o.seq === null);
  return { ...t, epoch, last: first - 1, fresh: true, gap: false, past: [], messages: [], outbox, typing: null };
}

/** Another conversation. A button of the old one means nothing in the new one, so its words are said instead. */
function move(t: Thread, id: string, epoch: number): Thread {
  if (t.session === id) return t;
  if (t.session === null) return { ...t, session: id, epoch };
  return {
    ...emptyThread,
    session: id,
    epoch,
    past: [...t.past, ...t.messages],
    outbox: t.outbox.filter((o) => o.seq === null).map((o) => ({ ...o, action: null, sentAt: null, failed: null })),
  };
}

function frame(t: Thread, f: Frame, now: number): Thread {
  switch (f.type) {
    case "joined": {
      const moved = f.session ? move(t, f.session, f.epoch) : t;
      const here = moved.epoch === f.epoch ? moved : restart(moved, f.epoch, 1);
      return { ...here, fresh: true, gap: false, speaker: f.speaker, status: f.status || here.status };
    }
    case "ack": {
      if (f.seq <= t.last) return { ...t, outbox: without(t.outbox, f.clientId) };
      return settle(change(t, f.clientId, { seq: f.seq, failed: null }));
    }
    case "message":
      return place(t, f.message);
    case "progress":
      return { ...t, typing: { who: "bot", text: f.text } };
    case "typing":
      return { ...t, typing: { who: f.who, text: t.typing?.who === f.who ? t.typing.text : "" } };
    case "state":
      return { ...t, speaker: f.speaker, status: f.status || t.status, typing: null };
    case "reset":
      return restart(t, f.epoch, f.first);
    case "error":
      if (f.code === "RATE_LIMIT") return change(t, f.clientId, { sentAt: now + RATE_PENALTY });
      return f.retryable || f.code === "CONVERSATION_CLOSED" || f.code === "NOT_JOINED"
        ? t
        : change(t, f.clientId, { failed: f.text || "!" });
    default:
      return t;
  }
}

export function step(t: Thread, e: ThreadEvent): Thread {
  switch (e.type) {
    case "session":
      return move(t, e.id, e.epoch);
    case "frame":
      return frame(t, e.frame, e.now);
    case "queue": {
      const { clientId, text, action, now } = e;
      return {
        ...t,
        outbox: [...t.outbox, { clientId, text, action, at: now, sentAt: null, seq: null, failed: null }],
      };
    }
    case "sent":
      return {
        ...t,
        outbox: t.outbox.map((o) => (e.clientIds.includes(o.clientId) ? { ...o, sentAt: e.now } : o)),
      };
    case "retry":
      return change(t, e.clientId, { failed: null, sentAt: null });
    case "drop":
      return { ...t, outbox: without(t.outbox, e.clientId) };
    case "lost":
      return { ...t, typing: null, outbox: t.outbox.map((o) => (o.seq === null ? { ...o, sentAt: null } : o)) };
    case "quiet":
      return t.typing ? { ...t, typing: null } : t;
    case "clear":
      return emptyThread;
  }
}

/** What has to go out now, oldest first. */
export function due(t: Thread, now: number): readonly Outgoing[] {
  return t.outbox.filter(
    (o) => o.seq === null && o.failed === null && (o.sentAt === null || now - o.sentAt >= RESEND_AFTER),
  );
}

/** The bot's message whose buttons may still be pressed: the last one, while nothing was answered and it may speak. */
export function openMessage(t: Thread): Message | null {
  if (t.speaker === "operator" || t.outbox.some((o) => o.failed === null)) return null;
  for (let i = t.messages.length - 1; i >= 0; i--) {
    const m = t.messages[i];
    if (m?.role === "bot") return m;
    if (m?.role === "shopper") return null;
  }
  return null;
}

export function unread(t: Thread, seen: number): number {
  return t.messages.filter((m) => m.seq > seen && (m.role === "bot" || m.role === "operator")).length;
}
