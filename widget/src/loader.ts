/**
 * The script a shop page includes. It puts a launcher and the chat's frame into a shadow root and passes messages.
 * The launcher appears only after the frame has reported itself: an unknown key or a foreign origin renders nothing.
 */
import type { Context, Theme, ToFrame, ToPage } from "./bridge";

interface Face {
  open(context?: Context): void;
  close(): void;
  context(context: Context): void;
  theme(theme: Theme): void;
}

declare global {
  interface Window {
    sangdam?: Face;
  }
}

const READY_WITHIN = 30_000;
const words = {
  ko: { open: "상담 열기", close: "상담창 닫기", frame: "상담창", unread: "읽지 않은 메시지" },
  en: { open: "Open chat", close: "Close chat", frame: "Chat", unread: "unread messages" },
};

const css = `
:host{all:initial}
*{box-sizing:border-box}
.launcher{position:fixed;z-index:2147483001;inset:auto max(20px,env(safe-area-inset-right)) calc(20px + env(safe-area-inset-bottom)) auto;width:60px;height:60px;padding:0;border:0;border-radius:50%;background:#3c48b5;color:#fff;cursor:pointer;box-shadow:0 1px 2px rgba(16,20,40,.16),0 8px 24px rgba(16,20,40,.22);transition:transform .18s ease,box-shadow .18s ease;-webkit-tap-highlight-color:transparent}
@supports (color:oklch(from red l c h)){.launcher{background:oklch(from var(--brand,#3c48b5) min(l,.53 + max(0,l - .62)*1000) c h);color:oklch(from var(--brand,#3c48b5) clamp(0,(.62 - l)*1000,1) 0 0)}}
.launcher:hover{transform:translateY(-2px);box-shadow:0 2px 4px rgba(16,20,40,.18),0 12px 30px rgba(16,20,40,.28)}
.launcher:focus-visible{outline:3px solid #fff;outline-offset:0;box-shadow:0 0 0 6px #1b2250}
svg{position:absolute;inset:0;margin:auto;width:28px;height:28px;fill:none;stroke:currentColor;stroke-width:1.9;stroke-linecap:round;stroke-linejoin:round;transition:opacity .15s,transform .18s}
.x{opacity:0;transform:rotate(-45deg)}
.on .x{opacity:1;transform:none}
.on .b{opacity:0;transform:rotate(45deg)}
.badge{position:absolute;top:-4px;right:-4px;min-width:22px;height:22px;padding:0 6px;border-radius:11px;border:2px solid #fff;background:#d3263a;color:#fff;font:700 12px/18px system-ui,sans-serif;text-align:center}
.badge:empty{display:none}
.panel{position:fixed;z-index:2147483000;right:max(20px,env(safe-area-inset-right));bottom:calc(96px + env(safe-area-inset-bottom));width:400px;max-width:calc(100vw - 40px);height:min(700px,calc(100vh - 120px));border-radius:20px;overflow:hidden;background:Canvas;color-scheme:light dark;box-shadow:0 0 0 1px rgba(16,20,40,.08),0 16px 56px rgba(16,20,40,.26);opacity:0;visibility:hidden;transform:translateY(14px) scale(.985);transform-origin:100% 100%;transition:opacity .18s ease,transform .22s cubic-bezier(.2,.8,.2,1),visibility 0s .22s}
.panel.on{opacity:1;visibility:visible;transform:none;transition-delay:0s}
iframe{display:block;width:100%;height:100%;border:0}
@media (max-width:480px){.panel{inset:var(--top,0) 0 auto;width:100%;max-width:none;height:var(--height,100dvh);bottom:auto;border-radius:0;transform:translateY(24px)}.launcher.on{display:none}}
@media (max-height:480px){.panel{bottom:0;height:100vh;border-radius:0}.launcher.on{display:none}}
@media (prefers-reduced-motion:reduce){*{transition:none!important}}
@media print{.panel,.launcher{display:none}}
`;

function icon(kind: string, d: string): string {
  return `<svg class="${kind}" viewBox="0 0 24 24" aria-hidden="true"><path d="${d}"/></svg>`;
}

function begin(script: HTMLScriptElement): void {
  const key = script.dataset.key ?? "";
  if (window.sangdam || !/^[\w-]{4,80}$/.test(key)) return;
  const { origin } = new URL(script.src, location.href);
  const language = script.dataset.language === "en" ? "en" : script.dataset.language === "ko" ? "ko" : null;
  const text = words[language ?? (document.documentElement.lang.startsWith("en") ? "en" : "ko")];

  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  try {
    // A constructed sheet passes a shop page's CSP, a <style> element may not.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    root.append(Object.assign(document.createElement("style"), { textContent: css }));
  }
  const panel = document.createElement("div");
  panel.className = "panel";
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", text.frame);
  const launcher = document.createElement("button");
  launcher.type = "button";
  launcher.className = "launcher";
  launcher.dataset.testid = "sangdam-launcher";
  launcher.innerHTML =
    icon(
      "b",
      "M12 4c4.7 0 8.5 3.2 8.5 7.2s-3.8 7.2-8.5 7.2c-.9 0-1.8-.1-2.6-.35L5 20l.9-3.6C4.4 15.1 3.5 13.2 3.5 11.2 3.5 7.2 7.3 4 12 4zM8.5 11.2h.01M12 11.2h.01M15.5 11.2h.01",
    ) + icon("x", "M6 9.5l6 6 6-6");
  const badge = document.createElement("span");
  badge.className = "badge";
  badge.dataset.testid = "sangdam-badge";
  badge.setAttribute("aria-hidden", "true");
  launcher.append(badge);

  const frame = document.createElement("iframe");
  frame.title = text.frame;
  frame.dataset.testid = "sangdam-frame";
  frame.referrerPolicy = "no-referrer";
  // Worth nothing, and warned about, where the page is of the same origin anyway (the demo shop).
  if (origin !== location.origin)
    frame.setAttribute(
      "sandbox",
      "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox",
    );
  // Product pages say which product they show; the rest of the query may hold what is nobody's business.
  const product =
    new URLSearchParams(location.search).get("product_no") ??
    /\/product\/[^/]+\/(\d+)(?:\/|$)/.exec(location.pathname)?.[1];
  const page =
    location.origin + location.pathname + (product && /^\d{1,12}$/.test(product) ? `?product_no=${product}` : "");
  const hash = new URLSearchParams({ origin: location.origin, page, ...(language ? { language } : {}) });
  frame.src = `${origin}/embed/${key}#${hash}`;
  panel.append(frame);

  const phone = matchMedia("(max-width: 480px)");
  let ready = false;
  let opened = false;
  let wanted = false;
  let pending: Context = product ? { product_no: Number(product) } : {};
  let theme: Theme = script.dataset.color ? { accent: script.dataset.color } : {};
  let overflow = "";
  let count = 0;

  const toFrame = (message: ToFrame): void => frame.contentWindow?.postMessage(message, origin);

  function label(): void {
    badge.textContent = count === 0 || opened ? "" : count > 99 ? "99+" : String(count);
    launcher.setAttribute(
      "aria-label",
      opened ? text.close : count ? `${text.open}, ${text.unread} ${count}` : text.open,
    );
    launcher.setAttribute("aria-expanded", String(opened));
  }

  function paint(given: Theme): void {
    theme = { ...theme, ...given };
    if (!theme.accent || !/^#[0-9a-f]{6}$/i.test(theme.accent)) return;
    host.style.setProperty("--brand", theme.accent);
  }

  /** On a phone the sheet is exactly what the keyboard leaves free; the page under it stands still. */
  function fit(): void {
    const free = window.visualViewport;
    const sheet = opened && phone.matches && free;
    panel.style.setProperty("--height", sheet ? `${free.height}px` : "100dvh");
    panel.style.setProperty("--top", sheet ? `${free.offsetTop}px` : "0");
  }

  function still(stop: boolean): void {
    const { style } = document.documentElement;
    if (stop && phone.matches && style.overflow !== "hidden") {
      overflow = style.overflow || "visible";
      style.overflow = "hidden";
    } else if (!stop && overflow) {
      style.overflow = overflow === "visible" ? "" : overflow;
      overflow = "";
    }
  }

  function set(open: boolean, focus: boolean): void {
    wanted = open;
    if (!ready || open === opened) return;
    opened = open;
    panel.classList.toggle("on", open);
    launcher.classList.toggle("on", open);
    panel.setAttribute("aria-modal", String(open && phone.matches));
    still(open);
    fit();
    label();
    if (open) {
      toFrame({ type: "sangdam:open", touch: !matchMedia("(pointer: fine)").matches || !focus });
      if (focus) frame.focus();
    } else {
      toFrame({ type: "sangdam:close" });
      if (focus) launcher.focus();
    }
  }

  function hint(context: Context): void {
    pending = { ...pending, ...context };
    if (ready) toFrame({ type: "sangdam:context", context: pending });
  }

  window.addEventListener("message", (event: MessageEvent<ToPage | undefined>) => {
    if (event.source !== frame.contentWindow || event.origin !== origin || !event.data) return;
    const message = event.data;
    switch (message.type) {
      case "sangdam:ready":
        clearTimeout(patience);
        paint({ ...(message.accent ? { accent: message.accent } : {}), ...theme });
        // A frame that was loaded anew has forgotten that it is open.
        if (ready && opened) toFrame({ type: "sangdam:open", touch: true });
        if (!ready) root.prepend(launcher);
        ready = true;
        if (theme.accent || theme.scheme) toFrame({ type: "sangdam:theme", theme });
        hint({});
        label();
        if (wanted) set(true, true);
        else if (message.open && !phone.matches) set(true, false);
        return;
      case "sangdam:close":
        return set(false, true);
      case "sangdam:unread":
        count = Number(message.count) || 0;
        return label();
      case "sangdam:theme":
        if (!script.dataset.color) paint(message.theme);
    }
  });
  launcher.addEventListener("click", () => set(!opened, true));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && opened && !event.isComposing && !event.defaultPrevented) set(false, true);
  });
  document.addEventListener("click", (event) => {
    const asked = event.target instanceof Element && event.target.closest<HTMLElement>("[data-sangdam-open]");
    if (!asked) return;
    event.preventDefault();
    const { productNo } = asked.dataset;
    if (productNo && /^\d{1,12}$/.test(productNo)) hint({ product_no: Number(productNo) });
    set(true, true);
  });
  for (const name of ["resize", "scroll"]) window.visualViewport?.addEventListener(name, fit);
  phone.addEventListener("change", () => {
    still(false);
    if (opened) still(true);
    fit();
  });

  root.append(panel);
  const patience = setTimeout(() => host.remove(), READY_WITHIN);
  const insert = (): void => document.body.append(host);
  const idle = (): void =>
    void ("requestIdleCallback" in window ? requestIdleCallback(insert, { timeout: 2000 }) : setTimeout(insert, 200));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", idle, { once: true });
  else idle();

  window.sangdam = {
    open(context) {
      if (context) hint(context);
      set(true, true);
    },
    close: () => set(false, true),
    context: hint,
    theme(given) {
      paint(given);
      if (ready) toFrame({ type: "sangdam:theme", theme: given });
    },
  };
}

const script = document.currentScript ?? document.querySelector('script[data-key][src$="/widget.js"]');
if (script instanceof HTMLScriptElement) begin(script);
