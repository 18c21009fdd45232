/**
 * The way to the server: ticket, socket, long poll when no socket gets through. It owns time and the network; what was
 * said is the thread's. A message leaves here again and again until its ack has come, over whichever way is open.
 */
import type { Context } from "../bridge";
import type { Keeper } from "./keep";
import { afterClose, backoff } from "./retry";
import type { Language } from "./strings";
import type { Outgoing, Thread } from "./thread";
import { asSpeaker, isObject, num, parseFrame, readFrame, str, type Frame, type Json } from "./wire";

export type LinkState = "idle" | "connecting" | "online" | "elsewhere" | "refused";

export interface Ticket {
  readonly ticket: string;
  readonly expires: number;
  readonly session: string;
  readonly epoch: number;
  readonly socket: string;
  readonly config: Json;
}

export interface Place {
  readonly publicKey: string;
  readonly pageUrl: () => string;
  readonly language: () => Language | null;
  readonly context: () => Context | null;
}

/** What the link needs from the conversation. */
export interface Ends {
  readonly ticket: (ticket: Ticket) => void;
  readonly frame: (frame: Frame) => void;
  readonly lost: () => void;
  readonly state: (state: LinkState, reason?: string) => void;
  readonly at: () => Pick<Thread, "last" | "epoch" | "gap" | "speaker">;
  readonly due: () => readonly Outgoing[];
  readonly sent: (clientIds: readonly string[]) => void;
}

const OPEN_WITHIN = 8000;
const ANSWER_WITHIN = 10_000;
const PING_EVERY = 25_000;
const SILENT_FOR = 60_000;
const SOCKET_AGAIN_AFTER = 60_000;
const POLL_WAIT_S = 25;
const TICKET_MARGIN = 15_000;

/** Why the server gave no answer; status 0 when it was not reached. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly text: string;
  readonly wait: number | null;
  readonly retryable: boolean;
}

type Answer = { readonly got: Json; readonly no?: never } | { readonly no: Refusal; readonly got?: never };

async function call(path: string, bearer: string | null, json: Json | null, limit: number): Promise<Answer> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), limit);
  let status = 0;
  let body: unknown = null;
  try {
    const response = await fetch(path, {
      method: json ? "POST" : "GET",
      headers: {
        ...(json && { "content-type": "application/json" }),
        ...(bearer && { authorization: `Bearer ${bearer}` }),
      },
      body: json && JSON.stringify(json),
      signal: stop.signal,
      cache: "no-store",
      credentials: "omit",
    });
    body = await response.json();
    if (response.ok && isObject(body)) return { got: body };
    status = response.status;
  } catch {
    // Not reached, cut off, or not JSON: all the same to us.
  } finally {
    clearTimeout(timer);
  }
  const error = isObject(body) && isObject(body.error) ? body.error : {};
  const wait = num(error.retry_after, status === 429 ? 5 : 0) * 1000 || null;
  return {
    no: { status, code: str(error.code), text: str(error.message_user), wait, retryable: error.retryable === true },
  };
}

export function link(place: Place, keep: Keeper, ends: Ends) {
  let ticket: Ticket | null = null;
  let asking: Promise<Ticket | Refusal> | null = null;
  let socket: WebSocket | null = null;
  let joined = false;
  /** The poll that is running: another one, or none, tells it to end. */
  let polling: object | null = null;
  let running = false;
  let failures = 0;
  let blocked = 0;
  let rejoins = 0;
  /** The conversation that takes no more messages: a ticket for it again is not good enough. */
  let closed: string | null = null;
  let waiting: number | undefined;
  let heard = 0;
  let pinged = 0;
  let received = 0;

  const later = (wait: number): void => {
    clearTimeout(waiting);
    if (running) waiting = window.setTimeout(() => void connect(), wait);
  };

  function stop(state: LinkState, reason?: string): void {
    running = false;
    polling = null;
    ends.state(state, reason);
  }

  /** The conversation is over or unknown: the next ticket is for another one. */
  function leaveConversation(): void {
    closed = ticket?.session ?? null;
    ticket = null;
    // A poll that is under way still asks about the old one.
    if (polling) void poll((polling = {}));
  }

  function forgetConversation(): void {
    keep.resume(null);
    ticket = null;
  }

  async function newTicket(): Promise<Ticket | Refusal> {
    const ask = async (): Promise<Ticket | Refusal> => {
      const { got, no } = await call(
        "/api/widget/ticket",
        null,
        {
          public_key: place.publicKey,
          page_url: place.pageUrl(),
          visitor_id: keep.visitor(),
          resume_token: keep.resume() ?? undefined,
          language: place.language() ?? undefined,
        },
        ANSWER_WITHIN,
      );
      if (no) return no;
      keep.resume(str(got.resume_token) || null);
      // The device's clock may be wrong: never longer than the five minutes a ticket lives, never less than a join.
      const left = Math.min(Math.max((Date.parse(str(got.ticket_expires_at)) || 0) - Date.now(), 60_000), 300_000);
      return {
        ticket: str(got.ticket),
        expires: Date.now() + left,
        session: str(got.session_id),
        epoch: num(got.epoch, 1),
        socket: str(got.ws_url),
        config: isObject(got.config) ? got.config : {},
      };
    };
    // The resume token rotates: two tabs that spend the same one would become two conversations. A browser that keeps
    // frames of other sites from storage refuses the lock too; then there is no token to share either.
    const made = await (navigator.locks?.request(`sangdam.${place.publicKey}`, ask).catch(ask) ?? ask());
    if ("status" in made) {
      if (made.status === 401) keep.resume(null);
      return made;
    }
    if (made.session === closed && keep.resume()) {
      keep.resume(null);
      return newTicket();
    }
    closed = null;
    ticket = made;
    ends.ticket(made);
    return made;
  }

  async function fetchTicket(): Promise<Ticket | Refusal> {
    if (ticket && ticket.expires - Date.now() > TICKET_MARGIN) return ticket;
    asking ??= newTicket().finally(() => (asking = null));
    return asking;
  }

  async function connect(): Promise<void> {
    clearTimeout(waiting);
    if (!running || socket) return;
    if (!polling) ends.state("connecting");
    const held = await fetchTicket();
    if (!running || socket) return;
    if (!("status" in held)) return open(held);
    if (held.status === 403 || held.status === 404) return stop("refused", held.text);
    later(held.wait ?? backoff(failures++, Math.random()));
  }

  function open(held: Ticket): void {
    let reached = false;
    let here: WebSocket;
    try {
      here = new WebSocket(held.socket);
    } catch {
      return over(1006, false);
    }
    socket = here;
    const patience = setTimeout(() => drop(1006), OPEN_WITHIN);
    const drop = (code: number): void => {
      clearTimeout(patience);
      if (socket !== here) return;
      socket = here.onopen = here.onmessage = here.onclose = null;
      here.close();
      over(code, reached);
    };
    here.onopen = () => {
      reached = true;
      const { last, epoch } = ends.at();
      say({ type: "join", ticket: held.ticket, last_seq: last, epoch, protocol: 1 });
    };
    here.onclose = ({ code }) => drop(code);
    here.onmessage = ({ data: text }: MessageEvent<unknown>) => {
      heard = Date.now();
      const frame = parseFrame(text);
      if (!frame) return;
      if (frame.type === "draining") {
        setTimeout(() => drop(1012), frame.wait + Math.random() * 400);
        return;
      }
      if (frame.type === "joined") {
        clearTimeout(patience);
        joined = true;
        failures = blocked = 0;
        received = ends.at().last;
        polling = null;
        ends.state("online");
      }
      ends.frame(frame);
      if (frame.type === "joined") flush();
      if (frame.type === "message") rejoins = 0;
      if (frame.type === "error" && frame.code === "CONVERSATION_CLOSED") {
        leaveConversation();
        drop(4401);
      } else if (frame.type === "error" && frame.code === "NOT_JOINED") drop(4401);
      else if (ends.at().gap) drop(++rejoins > 3 ? 4429 : 1012);
    };
  }

  function over(code: number, reached: boolean): void {
    joined = false;
    ends.lost();
    if (!running) return;
    const next = afterClose(code, failures++, Math.random());
    if (next.kind === "refused" || next.kind === "elsewhere") return stop(next.kind);
    if (next.kind === "ticket") ticket = null;
    if (next.kind === "conversation") forgetConversation();
    if (!polling) ends.state("connecting");
    if (code === 1006 && !reached && ++blocked > 1 && navigator.onLine) {
      if (!polling) void poll((polling = {}));
      return later(SOCKET_AGAIN_AFTER);
    }
    later(next.wait);
  }

  async function poll(mine: object): Promise<void> {
    let misses = 0;
    for (let wait = 0; polling === mine;) {
      const held = await fetchTicket();
      const { last, epoch, speaker } = ends.at();
      const { got, no } =
        "status" in held
          ? { no: held }
          : await call(
              `/api/widget/messages?after=${last}&wait=${wait}`,
              held.ticket,
              null,
              wait * 1000 + ANSWER_WITHIN,
            );
      if (polling !== mine) return;
      if (got) {
        misses = failures = 0;
        wait = POLL_WAIT_S;
        ends.frame({
          type: "joined",
          session: ticket?.session ?? "",
          epoch: num(got.epoch, epoch),
          speaker: asSpeaker(got.speaker) ?? speaker,
          status: str(got.status),
          language: null,
        });
        for (const item of Array.isArray(got.items) ? got.items : []) {
          const frame = readFrame(item);
          if (frame) ends.frame(frame);
        }
        ends.state("online");
        flush();
        continue;
      }
      if (no.status === 403) return stop("refused", no.text);
      if (no.status === 401) ticket = null;
      if (no.status === 404) forgetConversation();
      if (no.status === 0 && misses > 0) {
        // Nothing gets through, so it is not the socket alone: back to trying the socket first.
        polling = null;
        blocked = 0;
        ends.lost();
        ends.state("connecting");
        return later(backoff(misses, Math.random()));
      }
      const pause = no.wait ?? backoff(misses++, Math.random());
      await new Promise((go) => setTimeout(go, pause));
    }
  }

  const body = (o: Outgoing): Json => ({
    client_id: o.clientId,
    ...(o.action ? { action: o.action, label: o.text } : { text: o.text }),
  });

  async function post(o: Outgoing): Promise<void> {
    const held = await fetchTicket();
    if ("status" in held) return;
    const { got, no } = await call("/api/widget/messages", held.ticket, body(o), ANSWER_WITHIN);
    if (got) return ends.frame({ type: "ack", clientId: o.clientId, seq: num(got.seq, 0) });
    if (no.status === 401) ticket = null;
    if (no.code === "CONVERSATION_CLOSED") return leaveConversation();
    const retryable = no.retryable || no.status < 400 || no.status > 499 || [401, 404, 408].includes(no.status);
    const code = no.status === 429 ? "RATE_LIMIT" : no.code;
    ends.frame({ type: "error", code, text: no.text, clientId: o.clientId, retryable });
  }

  /** Sends what is due. Called on every change and every second. */
  function flush(): void {
    const out = joined || polling ? ends.due() : [];
    if (!out.length) return;
    ends.sent(out.map((o) => o.clientId));
    const context = place.context() ?? undefined;
    if (joined) for (const o of out) say({ type: "user_message", ...body(o), context });
    else void out.reduce((before, o) => before.then(() => post(o)), Promise.resolve());
  }

  function say(frame: Json): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  }

  setInterval(() => {
    flush();
    if (!joined || !socket) return;
    const now = Date.now();
    if (now - heard > SILENT_FOR) socket.onclose?.(new CloseEvent("close", { code: 4408 }));
    else if (now - pinged >= PING_EVERY) say({ type: "ping", ts: (pinged = now) });
    const { last } = ends.at();
    if (last > received) say({ type: "received", seq: (received = last) });
  }, 1000);

  const wake = (): void => {
    if (running && !socket && document.visibilityState === "visible") later(0);
  };
  window.addEventListener("online", wake);
  window.addEventListener("pageshow", wake);
  document.addEventListener("visibilitychange", wake);

  return {
    start(): void {
      if (running) return;
      running = true;
      failures = 0;
      void connect();
    },
    flush,
    typing: (): void => say({ type: "typing" }),
    /** Ends the conversation on this device: said to the server when it can be heard, then everything is dropped. */
    leave(): void {
      say({ type: "leave" });
      stop("idle");
      clearTimeout(waiting);
      ticket = closed = null;
      socket?.onclose?.(new CloseEvent("close", { code: 1000 }));
    },
  };
}

export type Link = ReturnType<typeof link>;
