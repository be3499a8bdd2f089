// The control API as this page calls it: which space, which token, what came wrong, and the stream of events.

// The page may stand behind a space's prefix, and has the same calls there.
const ROOT = location.pathname.replace(/(\/~space\/[^/]+)?\/__admin(\/.*)?$/, "");
const KEY = "simulator-token";
const PAGE = document.querySelector('meta[name="simulator-page-token"]')?.content ?? "";

const fragment = new URLSearchParams(location.hash.slice(1));
if (fragment.has("token")) {
  sessionStorage.setItem(KEY, fragment.get("token"));
  fragment.delete("token");
  // An address that is passed on shall not carry it.
  history.replaceState(null, "", location.pathname + location.search + (fragment.size ? `#${fragment}` : ""));
}

export class Refusal extends Error {
  constructor(status, why, body) {
    super(why);
    this.status = status;
    this.body = body;
  }
}

export const givenToken = () => sessionStorage.getItem(KEY) ?? "";
export function useToken(token) {
  sessionStorage.setItem(KEY, token);
}

export const prefix = (space) => (space ? `${ROOT}/~space/${encodeURIComponent(space)}` : ROOT);
export const playground = (space) => `${prefix(space)}/__admin/playground`;
const headers = () => ({ Authorization: `Bearer ${givenToken() || PAGE}` });

// JSON whose large integers stay what they are: JavaScript would round them.
const large = (key, value, context) =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
    ? BigInt(context.source)
    : value;
export const parse = (text) => (/\d{16}/.test(text) ? JSON.parse(text, large) : JSON.parse(text));
const written = (key, value) =>
  typeof value === "bigint" ? (JSON.rawJSON ? JSON.rawJSON(String(value)) : String(value)) : value;
export const stringify = (value, indent) => JSON.stringify(value, written, indent);

export async function call(space, method, path, body, signal) {
  const asked = { method, headers: headers(), signal, cache: "no-store", redirect: "error" };
  if (body !== undefined) {
    asked.headers["Content-Type"] = "application/json";
    asked.body = stringify(body);
  }
  let response;
  try {
    response = await fetch(`${prefix(space)}/__admin/${path}`, asked);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "The simulator does not answer: is it running?");
  }
  const text = await response.text();
  let told;
  try {
    told = text ? parse(text) : {};
  } catch {
    told = { error: text.slice(0, 300) };
  }
  if (!response.ok) throw new Refusal(response.status, told.error ?? `status ${response.status}`, told);
  return told;
}

// Server-Sent Events over fetch: an EventSource can't bear a token.
export async function* events(space, after, signal) {
  const query = after === null ? "" : `?after=${after}`;
  const response = await fetch(`${prefix(space)}/__admin/events${query}`, {
    headers: { ...headers(), Accept: "text/event-stream" },
    signal,
    cache: "no-store",
  });
  if (!response.ok) throw new Refusal(response.status, (await response.text()).slice(0, 300));
  yield { name: "open" };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      let name = "message";
      let id = "";
      const data = [];
      for (const line of block.split("\n")) {
        if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
        else if (line.startsWith("event:")) name = line.slice(6).trim();
        else if (line.startsWith("id:")) id = line.slice(3).trim();
      }
      if (data.length) yield { name, id, data: parse(data.join("\n")) };
    }
  }
}
