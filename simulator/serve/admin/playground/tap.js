// Tells what goes over the wire, whichever client writes it: the browser's own WebSocket, XMLHttpRequest and fetch stay what
// they are, and say besides what passes. It has to be the first module, because clients look the three up when they start.

/** Hears {url, way: "sent" | "received" | "told", text}: `told` is what is no frame, an opening or an end. */
let listener = () => {};
export const listen = (heard) => {
  listener = heard;
};

const CONTROL = /\/__admin\//;
const told = (url, way, text) => {
  if (!CONTROL.test(url)) listener({ url: String(url), way, text });
};

/** Text as it is; of anything else what it is and how long. */
function shown(data) {
  if (data === undefined || data === null || data === "") return "";
  if (typeof data === "string") return data;
  if (data instanceof FormData) return [...data].map(([name, value]) => `${name}: ${shown(value)}`).join("\n");
  if (data instanceof File) return `(${data.name}, ${data.type}, ${data.size} bytes)`;
  return `(binary, ${data.size ?? data.byteLength} bytes)`;
}

globalThis.WebSocket = class extends globalThis.WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener("open", () => told(this.url, "told", `WebSocket open ${this.url}`));
    this.addEventListener("message", ({ data }) => told(this.url, "received", shown(data)));
    this.addEventListener("close", ({ code, reason }) => told(this.url, "told", `WebSocket closed ${code} ${reason}`.trimEnd()));
  }
  send(data) {
    told(this.url, "sent", shown(data));
    super.send(data);
  }
};

globalThis.XMLHttpRequest = class extends globalThis.XMLHttpRequest {
  #head = [];
  open(method, url, ...rest) {
    this.#head = [method, new URL(url, location.href).href];
    super.open(method, url, ...rest);
  }
  send(body) {
    const [method, url] = this.#head;
    told(url, "sent", `${method} ${url}\n${shown(body)}`.trimEnd());
    this.addEventListener("load", () => told(url, "received", `${this.status} ${this.responseText}`.trimEnd()));
    super.send(body);
  }
};

const real = globalThis.fetch;
globalThis.fetch = async (input, init = {}) => {
  const url = new URL(input, location.href).href;
  if (CONTROL.test(url)) return real(input, init);
  told(url, "sent", `${init.method ?? "GET"} ${url}\n${shown(init.body)}`.trimEnd());
  const answer = await real(input, init);
  told(url, "received", `${answer.status} ${await answer.clone().text()}`.trimEnd());
  return answer;
};
