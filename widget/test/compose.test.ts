import { describe, expect, it } from "vitest";
import { MAX_LENGTH, meansSend, sendable, type Press } from "../src/chat/compose";

const enter: Press = {
  key: "Enter",
  keyCode: 13,
  shiftKey: false,
  altKey: false,
  ctrlKey: false,
  metaKey: false,
  isComposing: false,
};

describe("Enter", () => {
  it("sends", () => expect(meansSend(enter, false)).toBe(true));
  it("breaks the line with Shift", () => expect(meansSend({ ...enter, shiftKey: true }, false)).toBe(false));
  it("only ends the syllable while Hangul is composed", () => {
    expect(meansSend({ ...enter, isComposing: true }, false)).toBe(false);
    expect(meansSend(enter, true)).toBe(false);
  });
  it("only ends the syllable where the browser ends the composition first", () => {
    expect(meansSend({ ...enter, keyCode: 229 }, false)).toBe(false);
  });
  it("is the only key that sends", () => {
    for (const key of ["a", "Process", "Unidentified", "Tab", " "])
      expect(meansSend({ ...enter, key }, false)).toBe(false);
  });
});

describe("text to send", () => {
  it("is nothing when there are only spaces", () => {
    for (const text of ["", " ", "\n\n", " \n\t"]) expect(sendable(text)).toBeNull();
  });
  it("keeps line breaks inside and drops those around", () => {
    expect(sendable("\n 첫 줄\n둘째 줄 \n\n")).toBe("첫 줄\n둘째 줄");
  });
  it("is at most as long as the server takes, and never half a character", () => {
    expect(sendable("가".repeat(MAX_LENGTH))).toHaveLength(MAX_LENGTH);
    expect(sendable("가".repeat(MAX_LENGTH + 1))).toHaveLength(MAX_LENGTH);
    expect([...(sendable("𠮷".repeat(MAX_LENGTH + 1)) ?? "")].every((c) => c === "𠮷")).toBe(true);
  });
});
