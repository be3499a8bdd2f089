// The frames that this page knows, and which of them are wanted. Plain arrays: a signal says only that they changed.
import { batch, signal } from "./lib.js";
import { stringify } from "./api.js";

const MOST = 20_000;
const SPARE = 1_000;
// Characters of all frames; what is decoded of them takes several times as much.
const ROOM = 48_000_000;

export const NOTHING = { text: "", sender: "", backend: "", name: "", link: null, beats: false, wrong: false };
export const filter = signal({ ...NOTHING });
export const changed = signal(0);
export const paused = signal(false);
export const chosen = signal(null);
export const lost = signal(0);

let frames = [];
let shown = [];
let last = null;
let names = new Map();
let violations = 0;
let size = 0;
let held = 0;
let part = 0;
let due = 0;
let happened = 0;

// A session keeps the number of its first call, its sockets have others: people know the session.
const ids = new Map();
export function know(channel) {
  if (channel.link !== null && channel.link !== undefined) ids.set(channel.link, String(channel.id));
}
export function linksOf(link) {
  const id = idOf(link);
  return [...new Set([Number(id), link, ...[...ids].filter(([, one]) => one === id).map(([other]) => other)])];
}
export const idOf = (link) => ids.get(link) ?? String(link);

const frame = (line) => {
  const made = line;
  made.key = `${line.number}`;
  made.beat = !(line.kind === "message" || line.kind === "ack") || line.name === "heartbeat" || line.answers === "heartbeat";
  made.violations ??= [];
  return made;
};

const said = (line) => (line.args ?? []).map((arg) => (typeof arg === "string" ? arg : stringify(arg))).join(" ");
export const preview = (line) => (line.preview ??= line.args?.length ? said(line) : line.name && line.kind !== "control" ? "" : line.raw);
// What was said stands in the raw frame as well, unless something is escaped there.
const haystack = (line) =>
  (line.haystack ??= `${line.name ?? ""}\n${line.raw}\n${line.raw.includes("\\") ? preview(line) : ""}`.toLowerCase());

function wants(line, wanted, text) {
  if (line.beat && !wanted.beats) return false;
  if (wanted.sender && line.sender !== wanted.sender) return false;
  if (wanted.link !== null && !wanted.link.includes(line.link)) return false;
  if (wanted.backend && line.backend !== wanted.backend) return false;
  if (wanted.name && line.name !== wanted.name) return false;
  if (wanted.wrong && !line.violations.length && !line.error) return false;
  return !text || haystack(line).includes(text);
}

export function choose(wanted) {
  const text = wanted.text.toLowerCase();
  shown = frames.filter((line) => wants(line, wanted, text));
  held = 0;
}

export const all = () => frames;
export const visibleFrames = () => shown;
export const waiting = () => held;
export const newest = () => last;
// Whether these are of the journal that this page has been following.
export function continues({ total, messages }) {
  const mine = frames.findLast((line) => line.kind !== "event");
  if (!mine) return last === null || total >= last;
  return messages.some((line) => line.number === mine.number && line.time === mine.time && line.raw === mine.raw);
}
export const nameCounts = () => names;
export const violationCount = () => violations;

function tell() {
  // A burst of frames is one change a picture, not one each.
  due ||= requestAnimationFrame(() => {
    due = 0;
    changed.value++;
  });
}

function count(line) {
  if (line.name) names.set(line.name, (names.get(line.name) ?? 0) + 1);
  if (line.violations.length || line.error) violations++;
}

export function add(lines) {
  const wanted = filter.peek();
  const text = wanted.text.toLowerCase();
  for (const line of lines) {
    if (last !== null && line.number < last) continue;
    const made = frame(line);
    // One frame may hold several messages.
    part = line.number === last ? part + 1 : 0;
    if (part) made.key = `${line.number}.${part}`;
    last = line.number;
    frames.push(made);
    count(made);
    size += made.raw.length;
    if (wants(made, wanted, text)) paused.peek() ? held++ : shown.push(made);
  }
  if (frames.length > MOST + SPARE || size > ROOM) {
    // A part of it at once: to cut a little for each that comes would take longer than to keep them.
    let from = Math.max(frames.length - MOST, 0);
    for (let i = 0; i < from; i++) size -= frames[i].raw.length;
    while (size > ROOM * 0.9 && from < frames.length - 1) size -= frames[from++].raw.length;
    frames = frames.slice(from);
    names = new Map();
    violations = 0;
    for (const line of frames) count(line);
    const first = frames[0].number;
    if (!paused.peek()) shown = shown.filter((line) => line.number >= first);
  }
  tell();
}

// Something that is no frame: a connection that came or went, at its place among the frames.
export function note(name, channel, time, body) {
  const line = {
    key: `event-${++happened}`,
    number: last ?? 0,
    time,
    backend: channel.backend,
    link: channel.link ?? Number(channel.id),
    sender: "",
    kind: "event",
    name,
    args: body,
    raw: "",
    beat: false,
    violations: [],
  };
  frames.push(line);
  const wanted = filter.peek();
  if (wants(line, wanted, wanted.text.toLowerCase())) paused.peek() ? held++ : shown.push(line);
  tell();
}

export function clear(next = last) {
  batch(() => {
    frames = [];
    shown = [];
    names = new Map();
    violations = held = size = 0;
    last = next;
    chosen.value = null;
    if (next === null) ids.clear();
    lost.value = 0;
    changed.value++;
  });
}

export function narrow(change) {
  batch(() => {
    filter.value = { ...filter.peek(), ...change };
    choose(filter.peek());
    changed.value++;
  });
}

export function pause(on) {
  batch(() => {
    paused.value = on;
    if (!on) choose(filter.peek());
    changed.value++;
  });
}
