import { describe, expect, it } from "vitest";
import { answer, marks, options, toggle } from "../src/chat/choice";
import { pieces } from "../src/chat/text";
import { day, time } from "../src/chat/time";
import { https, parseFrame, readFrame, type Message } from "../src/chat/wire";
import words from "../src/words.json";
import { bot } from "./frames";

const messageOf = (more: Record<string, unknown>): Message => {
  const read = bot(1, more);
  if (read.type !== "message") throw new Error("no message");
  return read.message;
};

describe("frames", () => {
  it("that are not understood are ignored", () => {
    for (const text of ["", "nonsense", "[]", "null", "1", '{"type":"later"}', '{"type":"assistant_message"}'])
      expect(parseFrame(text)).toBeNull();
    for (const seq of [0, -1, 1.5, "1", null])
      expect(readFrame({ type: "assistant_message", seq, text: "x" })).toBeNull();
  });

  it("may lack everything optional", () => {
    const m = messageOf({ text: undefined, quick_replies: null, cards: "no", citations: [3] });
    expect([m.text, m.replies, m.cards, m.citations, m.at, m.multi]).toEqual(["", [], [], [], null, null]);
  });

  it("give links and pictures only by https or from this origin", () => {
    const card = (image_url: unknown, url: unknown = null) =>
      messageOf({ cards: [{ id: 1, title: "t", image_url, url }] }).cards[0];
    expect(card("https://mall.example/a.jpg")?.image).toBe("https://mall.example/a.jpg");
    expect(card("/static/a.svg")?.image).toBe("/static/a.svg");
    for (const bad of [
      "http://mall.example/a.jpg",
      "//mall.example/a",
      "javascript:alert(1)",
      "data:image/png;base64,x",
      5,
    ])
      expect(card(bad, bad)).toMatchObject({ image: null, url: null });
  });
});

describe("links in text", () => {
  it("are https only, without the punctuation around them", () => {
    expect(pieces("보세요: https://a.example/x?y=1, 그리고 (https://b.example/z).")).toEqual([
      "보세요: ",
      { href: "https://a.example/x?y=1", label: "https://a.example/x?y=1" },
      ", 그리고 (",
      { href: "https://b.example/z", label: "https://b.example/z" },
      ").",
    ]);
  });

  it("end where Korean begins", () => {
    expect(pieces("https://a.example/x에서 봐요")[0]).toMatchObject({ label: "https://a.example/x" });
  });

  it("are not made of http, scripts or addresses that pretend to be another", () => {
    for (const text of [
      "http://a.example",
      "javascript:alert(1)",
      "https://shop.example@evil.example/",
      "a https:// b",
    ])
      expect(pieces(text)).toEqual([text]);
    expect(https("https://user:pw@evil.example")).toBeNull();
  });

  it("keep every character of the text", () => {
    const text = "가 https://a.example/b(c). 나\nhttps://d.example! 다 010-****-1234, 11월 22일(일)";
    expect(
      pieces(text)
        .map((p) => (typeof p === "string" ? p : (p.whole ?? p.label)))
        .join(""),
    ).toBe(text);
  });

  it("leave numbers and dates in one piece, but nothing longer", () => {
    expect(pieces("010-****-1234로, 20260314-0000127은 3월 14일(토)")).toEqual([
      { whole: "010-****-1234" },
      "로, ",
      { whole: "20260314-0000127" },
      "은 ",
      { whole: "3월 14일(토)" },
    ]);
    expect(pieces("2~5일, 3-4개, 12-3-45")).toEqual(["2~5일, 3-4개, 12-3-45"]);
  });
});

describe("several choices", () => {
  const item = (id: string, label: string) => ({ label, action: { type: "choose", list: "items", id } });
  const all = { label: "전부", action: { type: "choose_many", list: "items", all: true } };
  const asked = messageOf({
    choice_mode: "multi",
    min: 1,
    max: 2,
    quick_replies: [item("1", "셔츠"), item("2", "바지"), item("3", "컵"), all],
  });

  it("are the entries of the list; other buttons are not ticked", () => {
    expect(options(asked).map((o) => o.label)).toEqual(["셔츠", "바지", "컵"]);
    expect(options(messageOf({ quick_replies: [item("1", "셔츠")] }))).toEqual([]);
  });

  it("leave the button that names none of the entries alone", () => {
    const none = { label: "여기 없어요", action: { type: "choose", id: null } };
    expect(options(messageOf({ choice_mode: "multi", quick_replies: [item("1", "셔츠"), none] }))).toHaveLength(1);
  });

  it("keep to the limits on both sides", () => {
    expect(answer(asked, [])).toBeNull();
    expect(answer(asked, ["1"])).not.toBeNull();
    expect(answer(asked, ["1", "2"])).not.toBeNull();
    expect(answer(asked, ["1", "2", "3"])).toBeNull();
    expect(toggle(["1", "2"], "3", 2)).toEqual(["1", "2"]);
    expect(toggle(["1"], "1", 2)).toEqual([]);
    expect(toggle(["1"], "2", 1)).toEqual(["2"]);
  });

  it("are sent in the order shown", () => {
    const sent = answer(asked, ["2", "1"]);
    expect(sent?.label).toBe("셔츠, 바지");
    expect(JSON.parse(JSON.stringify(sent?.action))).toEqual({ type: "choose_many", list: "items", ids: ["1", "2"] });
  });
});

describe("a rating", () => {
  const rate = (n: number) => ({ label: `${n}점`, action: { type: "rate", score: n } });

  it("runs from low to high in whatever order it came, beside other buttons", () => {
    const asked = messageOf({ quick_replies: [5, 4, 3, 2, 1].map(rate).concat([{ label: "건너뛰기" } as never]) });
    expect(marks(asked).map((r) => r.label)).toEqual(["1점", "2점", "3점", "4점", "5점"]);
  });

  it("is not made of other buttons", () => {
    expect(marks(messageOf({ quick_replies: [1, 2, 3].map(rate) }))).toEqual([]);
    expect(marks(messageOf({ quick_replies: [{ label: "1점" }] }))).toEqual([]);
  });
});

describe("words and times", () => {
  it("exist in both languages for every key", () => {
    expect(Object.keys(words.en).sort()).toEqual(Object.keys(words.ko).sort());
    for (const text of [...Object.values(words.ko), ...Object.values(words.en)]) expect(text).not.toBe("");
  });

  it("are Korean time on any device", () => {
    const at = Date.parse("2026-03-14T23:30:00Z");
    expect(day(at, "ko")).toBe("2026년 3월 15일 일요일");
    expect(time(at, "ko")).toBe("오전 8:30");
    expect(time(at, "en")).toBe("08:30");
    expect(time(Date.parse("2026-03-14T15:00:00Z"), "ko")).toBe("오전 12:00");
    expect(time(Date.parse("2026-03-14T03:05:00Z"), "ko")).toBe("오후 12:05");
  });
});
