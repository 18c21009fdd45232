/** Starts the chat on both its pages: /embed/{key} inside a shop's page, /call/{key} as a page of its own. */
import { h, render } from "preact";
import type { ToFrame, ToPage } from "../bridge";
import { desk, paint } from "./desk";
import { keeper } from "./keep";
import { asLanguage, learn } from "./strings";
import { isObject } from "./wire";
import { App } from "./view/app";

const [, page, publicKey = ""] = /^\/(embed|call)\/([\w-]+)/.exec(location.pathname) ?? [];
const given = new URLSearchParams(location.hash.slice(1));
const parentOrigin = page === "embed" && window.parent !== window ? given.get("origin") : null;
const keep = keeper(publicKey);
const root = document.getElementById("chat");
learn(root?.dataset.words ?? "{}");

function toPage(message: ToPage): void {
  if (parentOrigin) window.parent.postMessage(message, parentOrigin);
}

paint({ accent: keep.tab("accent") ?? "" });
const chat = desk(
  {
    publicKey,
    pageUrl: () => given.get("page") ?? location.origin + location.pathname,
    language: asLanguage(given.get("language") ?? new URLSearchParams(location.search).get("lang")),
    onUnread: (count) => toPage({ type: "sangdam:unread", count }),
    onAccent(accent) {
      keep.tab("accent", accent);
      toPage({ type: "sangdam:theme", theme: { accent } });
    },
  },
  keep,
);

function focusIn(touch: boolean): void {
  // On a touch screen the keyboard would cover half of what the shopper came to read.
  document.querySelector<HTMLElement>(touch ? ".app" : "textarea")?.focus({ preventScroll: true });
}

window.addEventListener("message", (event: MessageEvent<unknown>) => {
  if (event.source !== window.parent || event.origin !== parentOrigin || !isObject(event.data)) return;
  const message = event.data as unknown as ToFrame;
  switch (message.type) {
    case "sangdam:open":
      chat.open(true);
      return focusIn(message.touch);
    case "sangdam:close":
      return chat.open(false);
    case "sangdam:context":
      if (isObject(message.context)) chat.context(message.context);
      return;
    case "sangdam:theme":
      if (isObject(message.theme)) paint(message.theme);
  }
});

if (root && publicKey) {
  document.documentElement.dataset.page = page;
  const close = (): void => {
    chat.open(false);
    toPage({ type: "sangdam:close" });
  };
  render(<App desk={chat} keep={keep} onClose={parentOrigin ? close : null} />, root);
  if (parentOrigin) toPage({ type: "sangdam:ready", open: keep.tab("open") === "1", accent: keep.tab("accent") });
  else {
    chat.open(true);
    focusIn(!matchMedia("(pointer: fine)").matches);
  }
}

// As a page of its own: the part of the window that the on-screen keyboard leaves free. In a frame the loader does this.
const free = window.visualViewport;
if (free && window.parent === window) {
  const fit = (): void => {
    document.documentElement.style.setProperty("--height", `${free.height}px`);
    if (free.scale === 1) window.scrollTo(0, 0);
  };
  for (const event of ["resize", "scroll"]) free.addEventListener(event, fit);
  fit();
}
