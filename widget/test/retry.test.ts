import { describe, expect, it } from "vitest";
import { afterClose, backoff } from "../src/chat/retry";

const randoms = [0, 0.01, 0.5, 0.99, 0.999999];

describe("backoff", () => {
  it("stays between 0.2 and 2 seconds for the first failures", () => {
    for (const failures of [0, 1, 2, 3])
      for (const r of randoms) {
        expect(backoff(failures, r)).toBeGreaterThanOrEqual(200);
        expect(backoff(failures, r)).toBeLessThanOrEqual(2000);
      }
  });

  it("grows afterwards and never beyond eight seconds", () => {
    expect(backoff(4, 1)).toBe(4000);
    expect(backoff(5, 1)).toBe(8000);
    for (const failures of [6, 7, 50, 5000]) expect(backoff(failures, 1)).toBe(8000);
  });
});

describe("after a close", () => {
  it("comes back with jitter within two seconds of a restart", () => {
    for (const code of [1000, 1001, 1012, 4408])
      for (const r of randoms) {
        const next = afterClose(code, 0, r);
        expect(next.kind).toBe("again");
        expect("wait" in next && next.wait >= 200 && next.wait <= 2000).toBe(true);
      }
  });

  it("asks for a new ticket on 4401 and for another conversation on 4404", () => {
    expect(afterClose(4401, 0, 0.5)).toEqual({ kind: "ticket", wait: 0 });
    expect(afterClose(4404, 0, 0.5)).toEqual({ kind: "conversation", wait: 0 });
  });

  it("does not hammer when a new ticket does not help", () => {
    const next = afterClose(4401, 8, 0.5);
    expect("wait" in next && next.wait > 4000).toBe(true);
  });

  it("waits for the shopper when another window took over, and stops when it is not wanted here", () => {
    expect(afterClose(4409, 0, 0.5)).toEqual({ kind: "elsewhere" });
    expect(afterClose(4403, 0, 0.5)).toEqual({ kind: "refused" });
  });

  it("is slower after rate, size and format errors", () => {
    for (const code of [4400, 4413, 4429]) {
      const next = afterClose(code, 0, 0);
      expect("wait" in next && next.wait >= 5000).toBe(true);
    }
  });

  it("treats a lost network and an unknown code alike", () => {
    for (const code of [1006, 4500, 4999]) expect(afterClose(code, 0, 0)).toEqual({ kind: "again", wait: 200 });
  });
});
