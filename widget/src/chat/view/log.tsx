/** The transcript: days, bubbles, cards, buttons. Only finished messages are announced; hints are drawn outside the log. */
import { Component, Fragment, h } from "preact";
import { answer, marks, options, toggle } from "../choice";
import type { Desk, View } from "../desk";
import { counted, wordsOf, type Language } from "../strings";
import { pieces } from "../text";
import { openMessage, type Outgoing } from "../thread";
import { day, time } from "../time";
import type { Card, Message } from "../wire";
import { Icon } from "./icons";

function Text({ text, opensNew }: { text: string; opensNew: string }) {
  return (
    <p class="text">
      {pieces(text).map((piece) =>
        typeof piece === "string" ? (
          piece
        ) : piece.whole !== undefined ? (
          <span class="whole">{piece.whole}</span>
        ) : (
          <a href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.label}
            <span class="sr"> ({opensNew})</span>
          </a>
        ),
      )}
    </p>
  );
}

function CardBody({ card }: { card: Card }) {
  return (
    <>
      {card.image && (
        <img
          class="card-image"
          src={card.image}
          alt=""
          loading="lazy"
          referrerpolicy="no-referrer"
          onError={(e) => (e.currentTarget.hidden = true)}
        />
      )}
      <span class="card-text">
        <span class="card-title">{card.title}</span>
        {card.subtitle && <span class="card-sub">{card.subtitle}</span>}
        {card.lines.map((line) => (
          <span class="card-line">{line}</span>
        ))}
      </span>
    </>
  );
}

class Answers extends Component<{ desk: Desk; m: Message; language: Language }, { chosen: readonly string[] }> {
  override state = { chosen: [] as readonly string[] };
  override render() {
    const { desk, m, language } = this.props;
    const { chosen } = this.state;
    const words = wordsOf(language);
    const choices = options(m);
    const ready = answer(m, chosen);
    const scores = marks(m);
    const plain = m.replies.filter((r) => !scores.includes(r) && !choices.some((o) => o.action === r.action));
    return (
      <div class="answers" role="group" aria-label={words.choices}>
        {choices.length > 0 && (
          <div class="ticks">
            {choices.map((o) => {
              const card = m.cards.find((c) => c.action === o.action);
              return (
                <button
                  type="button"
                  class={card ? "card tick" : "tick chip"}
                  role="checkbox"
                  aria-checked={chosen.includes(o.id)}
                  data-testid={card ? "card" : "quick-reply"}
                  onClick={() => this.setState({ chosen: toggle(chosen, o.id, m.multi?.max ?? 1) })}
                >
                  <span class="box">
                    <Icon name="check" />
                  </span>
                  {card ? <CardBody card={card} /> : o.label}
                </button>
              );
            })}
          </div>
        )}
        {scores.length > 0 && (
          <>
            <div class="chips scores">
              {scores.map((r) => (
                <button
                  type="button"
                  class="chip"
                  data-testid="quick-reply"
                  aria-label={r.label}
                  onClick={() => desk.press(m, r.label, r.action)}
                >
                  {String(r.action?.score)}
                </button>
              ))}
            </div>
            <div class="score-ends" aria-hidden="true">
              <span>{words.scoreLow}</span>
              <span>{words.scoreHigh}</span>
            </div>
          </>
        )}
        {plain.length > 0 && (
          <div class="chips">
            {plain.map((r) => (
              <button
                type="button"
                class={r.primary ? "chip primary" : "chip"}
                data-testid="quick-reply"
                onClick={() => desk.press(m, r.label, r.action)}
              >
                {r.label}
              </button>
            ))}
          </div>
        )}
        {choices.length > 0 && (
          <button
            type="button"
            class="chip primary wide"
            data-testid="multi-confirm"
            disabled={!ready}
            onClick={() => ready && desk.press(m, ready.label, ready.action)}
          >
            {chosen.length ? counted(words.confirm, chosen.length) : words.pick}
          </button>
        )}
      </div>
    );
  }
}

function Cards({ desk, m, active }: { desk: Desk; m: Message; active: boolean }) {
  return (
    <div class="cards">
      {m.cards.map((card) => {
        if (card.url)
          return (
            <a class="card" href={card.url} target="_blank" rel="noopener noreferrer nofollow" data-testid="card">
              <CardBody card={card} />
              <Icon name="go" />
            </a>
          );
        if (!card.action || !active)
          return (
            <div class="card" data-testid="card">
              <CardBody card={card} />
            </div>
          );
        return (
          <button type="button" class="card" data-testid="card" onClick={() => desk.press(m, card.title, card.action)}>
            <CardBody card={card} />
            <Icon name="go" />
          </button>
        );
      })}
    </div>
  );
}

interface RowProps {
  readonly desk: Desk;
  readonly m: Message;
  readonly language: Language;
  readonly head: boolean;
  readonly stamp: boolean;
  readonly active: boolean;
}

function Row({ desk, m, language, head, stamp, active }: RowProps) {
  const words = wordsOf(language);
  if (m.role === "system")
    return (
      <div class="notice" data-testid="message" data-role="system" data-seq={m.seq}>
        {m.text}
      </div>
    );
  const who = m.role === "shopper" ? words.you : m.role === "bot" ? words.ai : (m.name ?? words.person);
  const choosing = active && m.multi !== null && options(m).length > 0;
  return (
    <div class={`row ${m.role}${head ? " head" : ""}`} data-testid="message" data-role={m.role} data-seq={m.seq}>
      {head && m.role === "operator" ? <div class="who">{who}</div> : <span class="sr">{who}: </span>}
      {m.text && (
        <div class="line">
          <div class="bubble">
            <Text text={m.text} opensNew={words.opensNew} />
            {m.citations.length > 0 && (
              <div class="sources">
                <span>{words.sources}</span>
                {m.citations.map((c) => (
                  <span class="source" data-testid="citation">
                    {c.title}
                  </span>
                ))}
              </div>
            )}
          </div>
        </div>
      )}
      {m.cards.length > 0 && !choosing && <Cards desk={desk} m={m} active={active} />}
      {stamp && m.at !== null && (
        <time class="stamp" dateTime={new Date(m.at).toISOString()}>
          {time(m.at, language)}
        </time>
      )}
      {active && (m.replies.length > 0 || choosing) && <Answers desk={desk} m={m} language={language} />}
    </div>
  );
}

function Pending({ desk, o, language }: { desk: Desk; o: Outgoing; language: Language }) {
  const words = wordsOf(language);
  return (
    <div class="row shopper head" data-testid="message" data-role="shopper" data-pending={o.seq === null}>
      <span class="sr">{words.you}: </span>
      <div class="line">
        <div class={o.failed ? "bubble failed" : "bubble"}>
          <Text text={o.text} opensNew={words.opensNew} />
        </div>
      </div>
      {o.failed ? (
        <div class="stamp trouble" role="alert">
          {o.failed === "!" ? words.failed : o.failed}{" "}
          <button type="button" class="text-button" onClick={() => desk.retry(o.clientId)}>
            {words.resend}
          </button>
          <button type="button" class="text-button" onClick={() => desk.discard(o.clientId)}>
            {words.discard}
          </button>
        </div>
      ) : (
        <div class="stamp">{o.seq === null ? words.sending : time(o.at, language)}</div>
      )}
    </div>
  );
}

/** One speaker's messages of the same minute stand together. */
function together(a: Message | undefined, b: Message | undefined, language: Language): boolean {
  if (!a || !b || a.role !== b.role || a.name !== b.name) return false;
  return (
    a.at === null || b.at === null || (time(a.at, language) === time(b.at, language) && Math.abs(a.at - b.at) < 60_000)
  );
}

interface LogProps {
  readonly desk: Desk;
  readonly view: View;
}

export class Log extends Component<LogProps, { behind: boolean }> {
  override state = { behind: false };
  #box: HTMLElement | null = null;
  #end = true;
  /** The keyboard, a growing composer or a late picture must not push the newest line out of sight. */
  readonly #watch = new ResizeObserver(() => this.#end && this.#toEnd(false));

  #toEnd(smooth: boolean): void {
    this.#box?.scrollTo({
      top: this.#box.scrollHeight,
      behavior: smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches ? "smooth" : "instant",
    });
  }

  override componentDidMount(): void {
    if (!this.#box) return;
    this.#watch.observe(this.#box);
    if (this.#box.firstElementChild) this.#watch.observe(this.#box.firstElementChild);
  }

  override componentDidUpdate({ view: before }: LogProps): void {
    const { thread, settled } = this.props.view;
    if (thread.outbox.length > before.thread.outbox.length) this.#end = true;
    const news = thread.messages !== before.thread.messages;
    if (this.#end) this.#toEnd(settled && news);
    else if (news && thread.messages.at(-1)?.role !== "shopper") this.setState({ behind: true });
  }

  override render() {
    const { desk, view } = this.props;
    const { thread, language } = view;
    const words = wordsOf(language);
    const active = openMessage(thread);

    const rows = [];
    let shownDay = "";
    const all = [...thread.past, ...thread.messages];
    for (const [i, m] of all.entries()) {
      if (i === thread.past.length && i > 0)
        rows.push(
          <div class="divider" key={`new-${thread.session}`}>
            <span>{words.newConversation}</span>
          </div>,
        );
      const date = m.at === null ? shownDay : day(m.at, language);
      if (date !== shownDay)
        rows.push(
          <div class="divider" key={`${date}-${i}`}>
            <span>{date}</span>
          </div>,
        );
      const sameDay = date === shownDay;
      shownDay = date;
      rows.push(
        <Row
          key={
            m.clientId ?? `${i < thread.past.length ? "past" : thread.session}-${i < thread.past.length ? i : m.seq}`
          }
          desk={desk}
          m={m}
          language={language}
          head={!sameDay || i === thread.past.length || !together(all[i - 1], m, language)}
          stamp={!together(m, all[i + 1], language)}
          active={m === active}
        />,
      );
    }

    return (
      <div class="log-area">
        <div
          class="scroll"
          ref={(el: HTMLElement | null) => void (this.#box = el)}
          tabIndex={0}
          aria-label={words.log}
          role="region"
          onScroll={({ currentTarget: el }) => {
            this.#end = el.scrollHeight - el.scrollTop - el.clientHeight < 60;
            if (this.#end && this.state.behind) this.setState({ behind: false });
          }}
        >
          <div class="content">
            <div class="intro">
              <Avatar view={view} />
              <strong>{view.title || words.title}</strong>
              <p data-testid="disclosure">{view.disclosure || words.disclosure}</p>
              {view.privacy && (
                <a href={view.privacy} target="_blank" rel="noopener noreferrer">
                  {words.privacy}
                </a>
              )}
            </div>
            <div
              class="log"
              role="log"
              aria-live={view.settled ? "polite" : "off"}
              aria-relevant="additions"
              aria-label={words.log}
              data-testid="log"
            >
              {all.length === 0 && view.greeting && view.settled && (
                <div class="row bot head" key="greeting">
                  <div class="line">
                    <div class="bubble">
                      <Text text={view.greeting} opensNew={words.opensNew} />
                    </div>
                  </div>
                </div>
              )}
              {rows}
              {thread.outbox.map((o) => (
                <Pending key={o.clientId} desk={desk} o={o} language={language} />
              ))}
            </div>
            {thread.typing && (
              <div class="row bot head typing" data-testid="typing">
                <div class="line">
                  <div class="bubble">
                    <span class="dots" aria-hidden="true">
                      <i />
                      <i />
                      <i />
                    </span>
                    <span class={thread.typing.text ? "progress" : "sr"}>{thread.typing.text || words.typing}</span>
                  </div>
                </div>
              </div>
            )}
          </div>
        </div>
        {this.state.behind && (
          <button
            type="button"
            class="jump"
            data-testid="new-message"
            onClick={() => {
              this.setState({ behind: false });
              this.#toEnd(true);
            }}
          >
            <Icon name="down" />
            {words.newMessage}
          </button>
        )}
      </div>
    );
  }
}

export function Avatar({ view }: { view: View }) {
  return (
    <span class="avatar" aria-hidden="true">
      {[...(view.title || "상")][0]}
    </span>
  );
}
