// Text that is shown: whatever a client sent, it is characters and nothing else.

// Those that could hide, turn or break what stands beside them are shown by their number.
const ODD =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]|[\u{e0000}-\u{e0fff}]/gu;
export const visible = (text) => String(text).replace(ODD, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

const BREAKS = { "\n": "\\n", "\t": "\\t", "\r": "\\r" };
export const flat = (text, most = 300) =>
  visible(text.slice(0, most).replace(/[\n\t\r]/g, (c) => BREAKS[c])) + (text.length > most ? "…" : "");

export const plural = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export function bytes(n) {
  return n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} KB` : `${(n / 1048576).toFixed(1)} MB`;
}

// Of an instant in ISO 8601, to milliseconds.
export const time = (iso) => {
  const [, clock = "", part = ""] = /T(\d\d:\d\d:\d\d)(?:\.(\d+))?/.exec(iso) ?? [];
  return `${clock}.${part.padEnd(3, "0").slice(0, 3)}`;
};

export function seconds(s) {
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 60) return `${s.toFixed(s < 10 ? 1 : 0)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

// How wide a column has to be so that names, of which many begin alike, can be told apart.
export function nameWidth(names) {
  let longest = 0;
  for (const name of names) longest = Math.max(longest, name.length * (name === name.toUpperCase() ? 8.9 : 7.6));
  return `${Math.round(Math.min(250, Math.max(112, longest)))}px`;
}
