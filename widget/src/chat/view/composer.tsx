/** The input. The text lives in the element itself: re-rendering a field under a Hangul composition breaks syllables. */
import { Component, h } from "preact";
import { MAX_LENGTH, meansSend } from "../compose";
import type { Desk } from "../desk";
import type { Keeper } from "../keep";
import type { Words } from "../strings";
import { Icon } from "./icons";

const COUNT_FROM = 1800;
const TYPING_EVERY = 3000;

interface ComposerProps {
  readonly desk: Desk;
  readonly keep: Keeper;
  readonly words: Words;
}

export class Composer extends Component<ComposerProps, { length: number }> {
  override state = { length: 0 };
  #field: HTMLTextAreaElement | null = null;
  #composing = false;
  #typedAt = 0;

  override componentDidMount(): void {
    this.#fill(this.props.keep.tab("draft") ?? "");
  }

  #fill(text: string): void {
    if (this.#field) this.#field.value = text;
    this.#changed();
  }

  readonly #changed = (): void => {
    const field = this.#field;
    if (!field) return;
    this.setState({ length: field.value.length });
    this.props.keep.tab("draft", field.value);
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 132)}px`;
  };

  readonly #send = (event: Event): void => {
    event.preventDefault();
    const field = this.#field;
    if (!field) return;
    if (this.#composing) {
      // A tap on the button does not end the composition: leaving the field does, and the last syllable is then in.
      field.blur();
      field.focus();
    }
    if (this.props.desk.say(field.value)) this.#fill("");
  };

  override render() {
    const { desk, words } = this.props;
    const { length } = this.state;
    return (
      <form class="composer" onSubmit={this.#send}>
        <div class="field">
          <textarea
            ref={(el: HTMLTextAreaElement | null) => void (this.#field = el)}
            rows={1}
            maxLength={MAX_LENGTH}
            placeholder={words.placeholder}
            aria-label={words.placeholder}
            enterkeyhint="send"
            autocomplete="off"
            data-testid="input"
            onCompositionStart={() => (this.#composing = true)}
            onCompositionEnd={() => (this.#composing = false)}
            onInput={() => {
              this.#changed();
              if (Date.now() - this.#typedAt < TYPING_EVERY) return;
              this.#typedAt = Date.now();
              desk.typing();
            }}
            onKeyDown={(event) => meansSend(event, this.#composing) && this.#send(event)}
          />
          {length >= COUNT_FROM && (
            <span class="count" role="status">
              {`${length} / ${MAX_LENGTH}`}
            </span>
          )}
          <button
            type="submit"
            class="send"
            aria-label={words.send}
            data-testid="send"
            disabled={length === 0}
            onPointerDown={(event) => event.preventDefault()}
          >
            <Icon name="send" />
          </button>
        </div>
      </form>
    );
  }
}
