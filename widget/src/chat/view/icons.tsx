/** Icons are symbols in the page; see icons.svg. */
import { h } from "preact";

export function Icon({ name }: { name: "send" | "close" | "more" | "down" | "go" | "check" | "person" }) {
  return (
    <svg class={`icon icon-${name}`} aria-hidden="true">
      <use href={`#i-${name}`} />
    </svg>
  );
}
