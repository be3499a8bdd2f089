// One conversation as the page shows it. A client says here what it heard, and knows nothing of the page.

import { signal } from "../vendor/signals.js";

/** Frames and messages that are kept: a page that stays open for a day shall not grow for a day. */
const MOST_FRAMES = 500;
const MOST_MESSAGES = 1000;
/** Characters of one. */
const LONGEST_FRAME = 4000;

let keys = 0;

export class Chat {
  /** @param backend a row of GET /__admin/backends  @param client a module of ./clients/ */
  constructor(backend, client) {
    this.backend = backend;
    this.client = client;
    /** "connecting", "open" or "closed", and in words what that is about. */
    this.phase = signal("closed");
    this.detail = signal("");
    /** Who is there, or which place in which queue. */
    this.place = signal("");
    /** Who is typing, or "". */
    this.typist = signal("");
    /** {key, id, mine, who, text, at, state, picture, file, note} */
    this.messages = signal([]);
    /** {key, way, text, more, at}: `more` characters are left out */
    this.frames = signal([]);
    this.talk = null;
    this.kept = `simulator-playground ${backend.connect} `;
  }

  /** Begins, or begins anew. */
  begin() {
    this.talk?.leave();
    this.phase.value = "connecting";
    this.detail.value = "";
    this.typist.value = "";
    this.talk = this.client.connect(this.backend, this);
  }

  end() {
    this.talk?.leave();
    this.talk = null;
    this.closed("you left");
  }

  /** A conversation of which nobody knows yet. */
  anew() {
    this.talk?.leave();
    this.talk = null;
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(this.kept)) sessionStorage.removeItem(key);
    this.messages.value = [];
    this.place.value = "";
    this.begin();
  }

  // ---- what a client remembers over a reload ----

  remembered(name) {
    return sessionStorage.getItem(this.kept + name) ?? undefined;
  }

  remember(name, value) {
    sessionStorage.setItem(this.kept + name, value);
  }

  // ---- what a client says ----

  opened(detail) {
    this.phase.value = "open";
    this.detail.value = detail;
  }

  /** @param next when it tries again, in words, where it does */
  closed(why, next) {
    this.phase.value = next === undefined ? "closed" : "connecting";
    this.detail.value = next === undefined ? why : `${why}; again ${next}`;
    this.typist.value = "";
  }

  /** Something was said. What comes back of what this page sent takes the place of that, as what has an id already does. */
  said(message) {
    const list = this.messages.value;
    const same = list.findIndex(
      (old) =>
        (message.id !== undefined && old.id === message.id) ||
        (message.mine && old.mine && old.state === "sending" && !old.past && old.id === undefined && old.text === message.text),
    );
    if (same >= 0) {
      this.messages.value = list.with(same, { ...list[same], ...message });
      return;
    }
    this.messages.value = [...list, { key: ++keys, at: Date.now(), ...message }].slice(-MOST_MESSAGES);
  }

  /** A line that nobody said. */
  noted(text) {
    this.said({ note: true, text });
  }

  /** The other side has begun anew: what stands here was said to nobody who knows it, and its ids may come again. */
  forgotten(words) {
    this.messages.value = this.messages.value.map((message) => ({ ...message, id: undefined, past: true }));
    this.noted(words);
  }

  /** What was said before, the oldest first. What stands here already, by its id or as words of this page's own, only learns. */
  earlier(messages) {
    const here = [...this.messages.value];
    const fresh = [];
    for (const message of messages) {
      const same = here.findIndex(
        (old) => (message.id !== undefined && old.id === message.id) || (message.mine && old.mine && !old.past && old.id === undefined && old.text === message.text),
      );
      if (same < 0) fresh.push({ key: ++keys, ...message });
      else here[same] = { ...here[same], ...message };
    }
    this.messages.value = [...fresh, ...here].slice(-MOST_MESSAGES);
    return fresh.length;
  }

  /** @param change what is another now of the message with that id, null where it is gone */
  changed(id, change) {
    const list = this.messages.value;
    this.messages.value =
      change === null ? list.filter((old) => old.id !== id) : list.map((old) => (old.id === id ? { ...old, ...change } : old));
  }

  /** Text that goes on with each call, until `said` has the message whole. */
  streamed(id, who, more) {
    const old = this.messages.value.find((message) => message.id === id);
    this.said({ id, who, text: (old?.text ?? "") + more });
  }

  /** What hears a message: one that is not as its document says it is told, and the chat goes on. */
  hears(listener) {
    return (...said) => {
      try {
        listener(...said);
      } catch (error) {
        this.noted(`This page did not understand what came: ${error.message}`);
      }
    };
  }

  types(who) {
    this.typist.value = who;
  }

  passed(way, text) {
    const frame = { key: ++keys, way, text: text.slice(0, LONGEST_FRAME), more: Math.max(text.length - LONGEST_FRAME, 0), at: Date.now() };
    this.frames.value = [...this.frames.value, frame].slice(-MOST_FRAMES);
  }
}
