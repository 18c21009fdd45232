/** Plain frames for the tests, as the server writes them. */
import { readFrame, type Frame } from "../src/chat/wire";

export function frame(written: Record<string, unknown>): Frame {
  const read = readFrame(written);
  if (!read) throw new Error(`not a frame: ${JSON.stringify(written)}`);
  return read;
}

export const bot = (seq: number, more: Record<string, unknown> = {}): Frame =>
  frame({ type: "assistant_message", role: "bot", seq, text: `답 ${seq}`, ...more });
export const echo = (seq: number, clientId: string): Frame =>
  frame({ type: "user_message", role: "shopper", seq, text: "말", client_id: clientId });
export const ack = (seq: number, clientId: string): Frame =>
  frame({ type: "ack", client_id: clientId, seq, duplicate: false });
export const joined = (session = "s1", epoch = 1): Frame =>
  frame({ type: "joined", session_id: session, epoch, last_seq: 0, speaker: "bot", language: "ko" });
