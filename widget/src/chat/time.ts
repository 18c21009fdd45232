/** Dates and times as the shop's customers read them: Korean time, whatever the device says. */
import type { Language } from "./strings";

const zone = "Asia/Seoul";
const full = { timeZone: zone, year: "numeric", month: "long", day: "numeric", weekday: "long" } as const;
const days = { ko: new Intl.DateTimeFormat("ko-KR", full), en: new Intl.DateTimeFormat("en-GB", full) };
const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });

export const day = (at: number, language: Language): string => days[language].format(at);

/** Browsers disagree on whether Korean says 오전 or AM, so it is said here. */
export function time(at: number, language: Language): string {
  const text = clock.format(at);
  const hour = Number(text.slice(0, 2));
  return language === "en" ? text : `${hour < 12 ? "오전" : "오후"} ${hour % 12 || 12}${text.slice(2)}`;
}
