/**
 * The one place that changes: thread, link state, theme, language, read position. Views read `desk.view` and call its verbs.
 * Verbs act at once, so a second click of the same button finds the question already answered.
 */
import type { Context, Theme } from "../bridge";
import { freshId, type Keeper } from "./keep";
import { link, type LinkState, type Place } from "./link";
import { asLanguage, wordsOf, type Language } from "./strings";
import { due, emptyThread, openMessage, step, unread, type Thread, type ThreadEvent } from "./thread";
import { sendable } from "./compose";
import { isObject, page, str, type Action, type Message } from "./wire";

const HINT_FOR = 25_000;
const SLOW_AFTER = 900;

export interface View {
  readonly thread: Thread;
  readonly link: LinkState;
  readonly reason: string;
  readonly language: Language;
  readonly title: string;
  readonly greeting: string;
  readonly disclosure: string;
  readonly privacy: string | null;
  /** Connecting for so long that it is worth saying. */
  readonly slow: boolean;
  /** How often the conversation was cleared: the composer starts anew with it. */
  readonly cleared: number;
  readonly open: boolean;
  /** The transcript up to now is here: what follows is news. */
  readonly settled: boolean;
}

export interface Seat {
  readonly publicKey: string;
  readonly pageUrl: () => string;
  readonly language: Language | null;
  readonly onUnread: (count: number) => void;
  readonly onAccent: (accent: string) => void;
}

export function desk(at: Seat, keep: Keeper) {
  let view: View = {
    thread: { ...emptyThread, outbox: keep.outbox() },
    link: "idle",
    reason: "",
    language: at.language ?? (navigator.language.startsWith("ko") ? "ko" : "en"),
    title: "",
    greeting: "",
    disclosure: "",
    privacy: null,
    slow: false,
    cleared: 0,
    open: false,
    settled: false,
  };
  let context: Context | null = null;
  let wished: Language | null = at.language;
  let seen = 0;
  let count = 0;
  let hint: number | undefined;
  let calm: number | undefined;
  let late: number | undefined;
  const listeners = new Set<() => void>();

  function show(next: Partial<View>): void {
    const before = view;
    view = { ...view, ...next };
    if (before.thread.outbox !== view.thread.outbox) keep.outbox(view.thread.outbox);
    read();
    for (const listener of listeners) listener();
  }

  /** Moves the read position when the window is in sight, and tells the page how much is unread. */
  function read(): void {
    const { thread, open } = view;
    if (open && document.visibilityState === "visible" && thread.last > seen) {
      seen = thread.last;
      keep.tab("seen", `${thread.session} ${seen}`);
    }
    const now = unread(thread, seen);
    if (now === count) return;
    count = now;
    at.onUnread(count);
  }

  function tell(event: ThreadEvent): void {
    const next = step(view.thread, event);
    if (next === view.thread) return;
    if (next.session !== view.thread.session) {
      const [id, seq] = (keep.tab("seen") ?? "").split(" ");
      seen = id === next.session ? Number(seq) : 0;
    }
    if (next.last < view.thread.last && next.session === view.thread.session) seen = Math.min(seen, next.last);
    clearTimeout(hint);
    if (next.typing) hint = window.setTimeout(() => tell({ type: "quiet" }), HINT_FOR);
    show({ thread: next });
  }

  const place: Place = { publicKey: at.publicKey, pageUrl: at.pageUrl, language: () => wished, context: () => context };
  const line = link(place, keep, {
    ticket({ session, epoch, config }) {
      const theme = isObject(config.theme) ? config.theme : {};
      const accent = str(theme.accent) || str(theme.color) || str(theme.primary);
      if (accent) at.onAccent(accent);
      paint({ accent });
      show({
        title: str(config.title),
        greeting: str(config.greeting),
        disclosure: str(config.disclosure),
        privacy: page(config.privacy_url) ?? page(theme.privacy_url),
        language: wished ?? asLanguage(config.language) ?? view.language,
      });
      tell({ type: "session", id: session, epoch });
    },
    frame(frame) {
      if (frame.type === "joined") {
        const spoken = wished ?? asLanguage(frame.language);
        if (spoken && spoken !== view.language) show({ language: spoken });
      }
      if (!view.settled && (frame.type === "joined" || frame.type === "message")) {
        clearTimeout(calm);
        calm = window.setTimeout(() => show({ settled: true }), 700);
      }
      tell({ type: "frame", frame, now: Date.now() });
    },
    lost: () => tell({ type: "lost" }),
    state(state, reason = "") {
      if (state === view.link && reason === view.reason) return;
      show({ link: state, reason, slow: false });
      clearTimeout(late);
      if (state === "connecting") late = window.setTimeout(() => show({ slow: true }), SLOW_AFTER);
    },
    at: () => view.thread,
    due: () => due(view.thread, Date.now()),
    sent: (clientIds) => tell({ type: "sent", clientIds, now: Date.now() }),
  });

  function queue(text: string, action: Action | null): void {
    tell({ type: "queue", clientId: freshId("c-"), text, action, now: Date.now() });
    if (view.link === "idle") line.start();
    line.flush();
  }

  document.addEventListener("visibilitychange", read);
  if (view.thread.outbox.length || keep.tab("seen")) line.start();

  return {
    get view(): View {
      return view;
    },
    listen(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    open(open: boolean): void {
      keep.tab("open", open ? "1" : null);
      if (open && view.link === "idle") line.start();
      show({ open });
    },
    /** True when the text was taken; empty text is not. */
    say(text: string): boolean {
      const said = sendable(text);
      if (said === null) return false;
      queue(said, null);
      return true;
    },
    /** Presses a button of `m`; of an answered question nothing is sent. */
    press(m: Message, label: string, action: Action | null): void {
      if (openMessage(view.thread) === m) queue(label, action);
    },
    retry(clientId: string): void {
      tell({ type: "retry", clientId });
      line.flush();
    },
    discard: (clientId: string): void => tell({ type: "drop", clientId }),
    typing: line.typing,
    reconnect(): void {
      line.start();
    },
    context(given: Context): void {
      context = { ...context, ...given };
    },
    speak(language: Language): void {
      wished = language;
      show({ language });
      queue(wordsOf(language).speak, null);
    },
    clear(): void {
      line.leave();
      keep.forget();
      seen = 0;
      context = null;
      tell({ type: "clear" });
      show({ settled: false, link: "idle", reason: "", cleared: view.cleared + 1 });
      line.start();
    },
  };
}

export type Desk = ReturnType<typeof desk>;

/** The shop's colour goes in by the style object (the page's CSP allows no style attribute); chat.css makes it readable. */
export function paint({ accent, scheme }: Theme): void {
  const root = document.documentElement;
  if (scheme) root.dataset.scheme = scheme;
  if (accent) root.style.setProperty("--brand", accent);
}
