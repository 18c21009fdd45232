/** Dates and times as the shop's customers read them: Korean time, whatever the device says. */
import type { Language } from "./strings";

const zone = "Asia/Seoul";
const locale = { ko: "ko-KR", en: "en-GB" } as const;
const cache = new Map<string, Intl.DateTimeFormat>();

function format(kind: "day" | "time", language: Language): Intl.DateTimeFormat {
  const key = kind + language;
  let made = cache.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(
      locale[language],
      kind === "day"
        ? { timeZone: zone, year: "numeric", month: "long", day: "numeric", weekday: "long" }
        : { timeZone: zone, hour: "numeric", minute: "2-digit", hour12: language === "ko" },
    );
    cache.set(key, made);
  }
  return made;
}

export const day = (at: number, language: Language): string => format("day", language).format(at);
export const time = (at: number, language: Language): string => format("time", language).format(at);
