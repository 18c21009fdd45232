/** Several answers to one question: which entries can be ticked, and what the confirm button sends. */
import type { Action, Message, QuickReply } from "./wire";

export interface Option {
  readonly id: string;
  readonly label: string;
  readonly action: Action;
}

const pickable = (action: Action | null): action is Action => action?.type === "choose" && action.id != null;

/** The entries of a multi choice; buttons that name no entry (all, none, stop) stay plain buttons. */
export function options(m: Message): readonly Option[] {
  if (!m.multi) return [];
  return [...m.cards.map((c) => ({ label: c.title, action: c.action })), ...m.replies].flatMap(({ label, action }) =>
    pickable(action) ? [{ id: String(action.id), label, action }] : [],
  );
}

export function toggle(chosen: readonly string[], id: string, max: number): readonly string[] {
  if (chosen.includes(id)) return chosen.filter((c) => c !== id);
  if (max === 1) return [id];
  return chosen.length >= max ? chosen : [...chosen, id];
}

/** In the order shown, whatever the order of ticking; null while fewer than `min` are ticked. */
export function answer(
  m: Message,
  chosen: readonly string[],
): { readonly label: string; readonly action: Action } | null {
  const picked = options(m).filter((o) => chosen.includes(o.id));
  const first = picked[0];
  if (!m.multi || !first || picked.length < m.multi.min || picked.length > m.multi.max) return null;
  return {
    label: picked.map((o) => o.label).join(", "),
    action: { ...first.action, type: "choose_many", id: undefined, ids: picked.map((o) => o.action.id) },
  };
}

/** The five marks of a rating from low to high, in whatever order they came; none when this is not a rating. */
export function marks(m: Message): readonly QuickReply[] {
  const rated = m.replies.filter((r) => r.action?.type === "rate");
  return rated.length === 5 ? rated.sort((a, b) => Number(a.action?.score) - Number(b.action?.score)) : [];
}
