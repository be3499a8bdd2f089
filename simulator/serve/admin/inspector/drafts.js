// What is being written in the composer; it stays while the operator looks at something else.
import { batch, signal } from "./lib.js";
import { idOf } from "./journal.js";
import { panel } from "./store.js";

export const mode = signal("message"); // message, act, raw, close
export const target = signal("all"); // all, c:ID, t:TALK
export const backend = signal("");
export const chosen = signal({}); // by backend, the name of a message
export const drafts = signal({}); // by backend and name, the body
export const sentLately = signal([]);

const KEPT = 20;

export const draftKey = (kind, backend, name) => `${kind} ${backend} ${name}`;
export function draft(key, value) {
  drafts.value = { ...drafts.peek(), [key]: value };
}

export function compose(line) {
  batch(() => {
    backend.value = line.backend;
    chosen.value = { ...chosen.peek(), [line.backend]: line.name };
    draft(draftKey("message", line.backend, line.name), line.args.length === 1 ? line.args[0] : line.args);
    mode.value = "message";
    target.value = `c:${idOf(line.link)}`;
    panel.value = "send";
  });
}

export function remember(entry) {
  const same = JSON.stringify(entry, (key, value) => (typeof value === "bigint" ? String(value) : value));
  const rest = sentLately.peek().filter((one) => one.same !== same);
  sentLately.value = [{ ...entry, same }, ...rest].slice(0, KEPT);
}
