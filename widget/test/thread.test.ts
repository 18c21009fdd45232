import { describe, expect, it } from "vitest";
import {
  due,
  emptyThread,
  openMessage,
  RESEND_AFTER,
  step,
  unread,
  type Thread,
  type ThreadEvent,
} from "../src/chat/thread";
import type { Frame } from "../src/chat/wire";
import { ack, bot, echo, frame, joined } from "./frames";

const seqs = (t: Thread): number[] => t.messages.map((m) => m.seq);
const run = (t: Thread, ...events: (ThreadEvent | Frame)[]): Thread =>
  events.reduce<Thread>((at, e) => {
    const known = ["session", "queue", "sent", "retry", "drop", "lost", "quiet", "clear", "frame"].includes(e.type);
    return step(at, known ? (e as ThreadEvent) : { type: "frame", frame: e as Frame, now: 1000 });
  }, t);
const say = (clientId: string, text = "말", action: { type: string } | null = null): ThreadEvent => ({
  type: "queue",
  clientId,
  text,
  action,
  now: 1000,
});
const start = run(emptyThread, { type: "session", id: "s1", epoch: 1 }, joined());

/** Every interleaving of the same frames that a server may produce must end in the same log. */
function shuffles<T>(items: readonly T[], seed: number): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    const j = seed % (i + 1);
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}

describe("order", () => {
  it("shows numbered messages in their order", () => {
    expect(seqs(run(start, bot(1), bot(2), bot(3)))).toEqual([1, 2, 3]);
  });

  it("shows a repeated message once", () => {
    expect(seqs(run(start, bot(1), bot(1), bot(2), bot(1)))).toEqual([1, 2]);
  });

  it("stops at a gap and asks for a new join", () => {
    const t = run(start, bot(1), bot(3));
    expect([seqs(t), t.gap, t.last]).toEqual([[1], true, 1]);
  });

  it("continues after the join that follows a gap", () => {
    const t = run(start, bot(1), bot(3), { type: "lost" }, joined(), bot(2), bot(3));
    expect([seqs(t), t.gap]).toEqual([[1, 2, 3], false]);
  });

  it("accepts that the first frame after a join starts higher, because older content is gone", () => {
    const t = run(start, bot(5), bot(6));
    expect([seqs(t), t.gap]).toEqual([[5, 6], false]);
  });

  it("ends in the same log however often frames are repeated or cut off between joins", () => {
    const all = [bot(1), echo(2, "c-1"), bot(3), bot(4), echo(5, "c-2"), bot(6)];
    for (let seed = 1; seed <= 200; seed++) {
      let t = run(start, say("c-1"), say("c-2"));
      for (const f of shuffles([...all, ...all], seed)) {
        t = run(t, f);
        if (t.gap) t = run(t, { type: "lost" }, joined());
      }
      t = run(t, { type: "lost" }, joined());
      const rest = all.filter((f) => f.type === "message" && f.message.seq > t.last);
      t = run(t, ...rest);
      expect(seqs(t)).toEqual([...seqs(t)].sort((a, b) => a - b));
      expect(new Set(seqs(t)).size).toBe(seqs(t).length);
      expect(t.last).toBe(6);
    }
  });
});

describe("own messages", () => {
  it("are shown at once and kept until the server has them", () => {
    const t = run(start, bot(1), say("c-1"));
    expect([seqs(t), t.outbox.map((o) => o.clientId)]).toEqual([[1], ["c-1"]]);
  });

  it("take their place when the ack names the next number", () => {
    const t = run(start, bot(1), say("c-1"), ack(2, "c-1"));
    expect([seqs(t), t.outbox, t.messages[1]?.clientId, t.messages[1]?.at]).toEqual([[1, 2], [], "c-1", 1000]);
  });

  it("wait for what came before them although they are acknowledged", () => {
    const early = run(start, bot(1), say("c-1"), ack(3, "c-1"));
    expect([seqs(early), early.outbox.length, early.gap]).toEqual([[1], 1, false]);
    const late = run(early, bot(2));
    expect([seqs(late), late.outbox]).toEqual([[1, 2, 3], []]);
  });

  it("appear once when ack and echo both come, in either order", () => {
    expect(seqs(run(start, say("c-1"), ack(1, "c-1"), echo(1, "c-1")))).toEqual([1]);
    const t = run(start, say("c-1"), echo(1, "c-1"), ack(1, "c-1"));
    expect([seqs(t), t.outbox]).toEqual([[1], []]);
  });

  it("leave the outbox when a duplicate ack comes for a message that is already in the log", () => {
    const t = run(start, bot(1), bot(2), say("c-1"), ack(2, "c-1"));
    expect([seqs(t), t.outbox]).toEqual([[1, 2], []]);
  });

  it("are due at once, then again after five seconds without ack, and never after the ack", () => {
    const queued = run(start, say("c-1"));
    expect(due(queued, 1000)).toHaveLength(1);
    const sent = run(queued, { type: "sent", clientIds: ["c-1"], now: 1000 });
    expect(due(sent, 1000 + RESEND_AFTER - 1)).toHaveLength(0);
    expect(due(sent, 1000 + RESEND_AFTER)).toHaveLength(1);
    expect(due(run(sent, ack(1, "c-1")), 100_000)).toHaveLength(0);
  });

  it("are due again as soon as a new connection is there", () => {
    const t = run(start, say("c-1"), { type: "sent", clientIds: ["c-1"], now: 1000 }, { type: "lost" });
    expect(due(t, 1001)).toHaveLength(1);
  });

  it("are slowed down, not dropped, by a rate limit", () => {
    const error = frame({
      type: "error",
      code: "RATE_LIMIT",
      client_id: "c-1",
      message_user: "천천히",
      retryable: true,
    });
    const t = run(start, say("c-1"), { type: "sent", clientIds: ["c-1"], now: 1000 }, error);
    expect(due(t, 1000 + RESEND_AFTER)).toHaveLength(0);
    expect(due(t, 1000 + RESEND_AFTER + 3000)).toHaveLength(1);
  });

  it("stay visible with the reason when they are refused for good, and go again on request", () => {
    const error = frame({
      type: "error",
      code: "TOO_LONG",
      client_id: "c-1",
      message_user: "너무 길어요.",
      retryable: false,
    });
    const t = run(start, say("c-1"), error);
    expect([t.outbox[0]?.failed, due(t, 99_999).length]).toEqual(["너무 길어요.", 0]);
    expect(due(run(t, { type: "retry", clientId: "c-1" }), 1000)).toHaveLength(1);
    expect(run(t, { type: "drop", clientId: "c-1" }).outbox).toEqual([]);
  });
});

describe("reset and new conversations", () => {
  it("shows the whole remaining transcript after a reset, and sends what had no ack", () => {
    const before = run(start, bot(1), bot(2), say("c-1"), say("c-2"), ack(9, "c-2"));
    const t = run(before, frame({ type: "reset", reason: "history_expired", epoch: 2, first_seq: 3 }), bot(3), bot(4));
    expect([seqs(t), t.epoch, t.outbox.map((o) => o.clientId)]).toEqual([[3, 4], 2, ["c-1"]]);
  });

  it("starts over when the join tells of another epoch", () => {
    const t = run(start, bot(1), bot(2), joined("s1", 2), bot(1));
    expect([seqs(t), t.epoch]).toEqual([[1], 2]);
  });

  it("keeps the log on a join of the same conversation", () => {
    expect(seqs(run(start, bot(1), bot(2), { type: "lost" }, joined(), bot(3)))).toEqual([1, 2, 3]);
  });

  it("moves the old conversation aside and turns an unsent button into its words", () => {
    const before = run(start, bot(1), say("c-1", "네, 바꿔 주세요", { type: "affirm" }));
    const t = run(before, { type: "session", id: "s2", epoch: 1 }, joined("s2"), bot(1));
    expect([t.past.length, seqs(t), t.outbox[0]?.text, t.outbox[0]?.action]).toEqual([1, [1], "네, 바꿔 주세요", null]);
    expect(due(t, 1000)).toHaveLength(1);
  });

  it("keeps words typed before the first ticket", () => {
    const t = run(emptyThread, say("c-1"), { type: "session", id: "s1", epoch: 1 }, joined());
    expect(due(t, 1000)).toHaveLength(1);
  });

  it("forgets everything when the shopper clears it", () => {
    expect(run(start, bot(1), say("c-1"), { type: "clear" })).toEqual(emptyThread);
  });
});

describe("buttons", () => {
  const asked = run(start, bot(1, { quick_replies: [{ label: "네" }] }));

  it("can be pressed under the last bot message only", () => {
    expect(openMessage(asked)?.seq).toBe(1);
    expect(openMessage(run(asked, bot(2)))?.seq).toBe(2);
  });

  it("are gone the moment one is pressed, so that a second click sends nothing", () => {
    expect(openMessage(run(asked, say("c-1")))).toBeNull();
    expect(openMessage(run(asked, say("c-1"), ack(2, "c-1")))).toBeNull();
  });

  it("stay under a notice but not while a person speaks", () => {
    const noticed = run(asked, frame({ type: "system_message", role: "system", seq: 2, text: "알림" }));
    expect(openMessage(noticed)?.seq).toBe(1);
    expect(openMessage(run(asked, frame({ type: "state", speaker: "operator", status: "with_person" })))).toBeNull();
  });
});

describe("hints", () => {
  it("end with the answer they announced", () => {
    const busy = run(start, frame({ type: "progress", turn_id: "t", stage: "checking", text: "확인하고 있어요" }));
    expect(busy.typing?.text).toBe("확인하고 있어요");
    expect(run(busy, frame({ type: "typing", who: "bot" })).typing?.text).toBe("확인하고 있어요");
    expect(run(busy, bot(1)).typing).toBeNull();
    expect(run(busy, { type: "lost" }).typing).toBeNull();
  });

  it("count what a bot or a person said since the shopper looked", () => {
    const t = run(start, bot(1), echo(2, "c-9"), frame({ type: "operator_message", seq: 3, text: "네" }), bot(4));
    expect([unread(t, 0), unread(t, 1), unread(t, 4)]).toEqual([3, 2, 0]);
  });
});
