/** The window: header, status line, log, composer. */
import { Component, Fragment, h } from "preact";
import type { Desk, View } from "../desk";
import type { Keeper } from "../keep";
import { wordsOf, type Words } from "../strings";
import { Composer } from "./composer";
import { Icon } from "./icons";
import { Avatar, Log } from "./log";

/** The line under the header, or nothing when all is well. */
function status(desk: Desk, view: View, words: Words) {
  const { thread, link, slow, settled } = view;
  if (link === "elsewhere" || link === "refused")
    return (
      <>
        {link === "elsewhere" ? words.elsewhere : view.reason || words.refused}{" "}
        <button type="button" class="text-button" onClick={desk.reconnect}>
          {link === "elsewhere" ? words.here : words.again}
        </button>
      </>
    );
  if (link === "connecting" && (slow || !settled))
    return (
      <>
        <span class="spinner" aria-hidden="true" />
        {!navigator.onLine ? words.offline : settled ? `${words.connecting} ${words.reconnecting}` : words.connecting}
      </>
    );
  if (thread.speaker === "operator") return words.withPerson;
  return thread.status === "waiting_person" ? words.waiting : thread.status === "closed" ? words.closed : null;
}

interface AppProps {
  readonly desk: Desk;
  readonly keep: Keeper;
  readonly onClose: (() => void) | null;
}

export class App extends Component<AppProps, { over: "menu" | "clear" | null }> {
  override state = { over: null as "menu" | "clear" | null };
  #root: HTMLElement | null = null;

  #find(selector: string): HTMLElement | null {
    return this.#root?.querySelector(selector) ?? null;
  }

  readonly #show = (over: "menu" | "clear" | null): void => {
    this.setState({ over }, () =>
      this.#find(over === "clear" ? "dialog button" : over ? ".menu button" : ".more")?.focus(),
    );
  };

  override componentDidMount(): void {
    this.props.desk.listen(() => this.setState({}));
    document.addEventListener("pointerdown", (event) => {
      if (this.state.over === "menu" && !(event.target as Element).closest(".menu-area")) this.setState({ over: null });
    });
    this.componentDidUpdate();
  }

  override componentDidUpdate(): void {
    const { view } = this.props.desk;
    const words = wordsOf(view.language);
    document.documentElement.lang = view.language;
    document.title = `${view.title} ${words.title}`.trim();
    // A button that answers disappears with its question; the focus must not fall out of the window with it.
    if (document.activeElement === document.body && view.open && view.thread.outbox.length)
      this.#find(matchMedia("(pointer: fine)").matches ? "textarea" : ".scroll")?.focus({ preventScroll: true });
  }

  override render() {
    const { desk, keep, onClose } = this.props;
    const { over } = this.state;
    const { view } = desk;
    const words = wordsOf(view.language);
    const line = status(desk, view, words);
    const person = view.thread.speaker === "operator";
    const other = view.language === "ko" ? "en" : "ko";
    return (
      <div
        class={view.settled ? "app settled" : "app"}
        ref={(el: HTMLElement | null) => void (this.#root = el)}
        tabIndex={-1}
        data-testid="chat"
        onKeyDown={(event) => {
          if (event.key !== "Escape" || event.isComposing) return;
          if (over) this.#show(null);
          else onClose?.();
        }}
      >
        <header class="head-bar">
          <Avatar view={view} />
          <div class="head-text">
            <h1>{view.title || words.title}</h1>
            <span class={person ? "tag live" : "tag"} data-testid="speaker">
              {person ? words.person : words.ai}
            </span>
          </div>
          {!person && (
            <button
              type="button"
              class="person"
              aria-label={words.callPerson}
              data-testid="call-person"
              onClick={() => desk.say(words.callPersonText)}
            >
              <Icon name="person" />
              <span>{words.person}</span>
            </button>
          )}
          <div class="menu-area">
            <button
              type="button"
              class="icon-button more"
              aria-label={words.more}
              aria-expanded={over === "menu"}
              data-testid="menu"
              onClick={() => this.#show(over ? null : "menu")}
            >
              <Icon name="more" />
            </button>
            {over === "menu" && (
              <div class="menu">
                <button
                  type="button"
                  lang={other}
                  onClick={() => {
                    this.#show(null);
                    desk.speak(other);
                  }}
                >
                  {words.switchLanguage}
                </button>
                {view.privacy && (
                  <a href={view.privacy} target="_blank" rel="noopener noreferrer">
                    {words.privacy}
                  </a>
                )}
                <button type="button" class="danger" data-testid="clear" onClick={() => this.#show("clear")}>
                  {words.clear}
                </button>
              </div>
            )}
          </div>
          {onClose && (
            <button type="button" class="icon-button" aria-label={words.close} data-testid="close" onClick={onClose}>
              <Icon name="close" />
            </button>
          )}
        </header>
        <div class={line ? "status" : "status none"} role="status" data-testid="status">
          {line}
        </div>
        <Log desk={desk} view={view} />
        <Composer key={view.cleared} desk={desk} keep={keep} words={words} />
        {over === "clear" && (
          <div class="veil">
            <dialog open aria-modal="true" aria-labelledby="ask" aria-describedby="note">
              <h2 id="ask">{words.clearAsk}</h2>
              <p id="note">{words.clearNote}</p>
              <div class="chips">
                <button type="button" class="chip" onClick={() => this.#show(null)}>
                  {words.keep}
                </button>
                <button
                  type="button"
                  class="chip danger"
                  data-testid="clear-confirm"
                  onClick={() => {
                    desk.clear();
                    this.#show(null);
                  }}
                >
                  {words.discard}
                </button>
              </div>
            </dialog>
          </div>
        )}
      </div>
    );
  }
}
