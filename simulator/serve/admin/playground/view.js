// What the page looks like. Whatever came over a wire is text here: nothing of it is ever markup.

import { h } from "../vendor/preact.js";
import { useEffect, useRef, useState } from "../vendor/hooks.js";
import { useSignal } from "../vendor/signals.js";
import htm from "../vendor/htm.js";
import { page, useToken } from "./api.js";
import { File } from "./files.js";

const html = htm.bind(h);

const TICKS = {
  sending: ["◌", "not sent yet"],
  sent: ["✓", "sent"],
  delivered: ["✓✓", "delivered"],
  read: ["✓✓", "read"],
  failed: ["!", "failed"],
};

const WAYS = { sent: ["↑", "sent"], received: ["↓", "received"], told: ["·", "connection"] };

/** A time that there can be, or undefined: a server may say any number. */
const instant = (at) => (Number.isFinite(at) && Math.abs(at) <= 8.64e15 ? new Date(at) : undefined);
const clockTime = (at) => instant(at)?.toLocaleTimeString([], { hour12: false }) ?? "";

/** Characters that show nothing, or turn the text around, by their number; a poll's frames stand apart by U+001E. */
const plainly = (text) =>
  text
    .replaceAll("\u001e", "\\u{1e}\n")
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]|\p{Cs}/gu, (found) => `\\u{${found.codePointAt(0).toString(16)}}`);

const PICTURE = html`<svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round">
  <rect x="3" y="5" width="18" height="14" rx="2.5" /><circle cx="8.5" cy="10" r="1.6" /><path d="M4 17.5 9.5 13l3 2.5L16 11.5l4.5 5" />
</svg>`;

const HANDS = ["wheel", "touchmove", "pointerdown", "keydown"];

/** Stays at the end while whoever looks is there; gives the ref, and the handler of its scrolling. */
function useEnd(changes) {
  const element = useRef(null);
  const atEnd = useRef(true);
  const last = useRef(0);
  const byHand = useRef(false);
  useEffect(() => {
    const { current } = element;
    const stay = () => {
      if (!atEnd.current) return;
      current.scrollTop = current.scrollHeight;
      byHand.current = false;
    };
    stay();
    // A picture has no height until it is there.
    current.addEventListener("load", stay, true);
    return () => current.removeEventListener("load", stay, true);
  }, [changes]);
  useEffect(() => {
    const { current } = element;
    const touched = () => (byHand.current = true);
    for (const kind of HANDS) current.addEventListener(kind, touched, { passive: true });
    return () => HANDS.forEach((kind) => current.removeEventListener(kind, touched));
  }, []);
  const scrolled = ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
    // Only a person goes up: what has grown since it was scrolled to its end is no reason to stay behind, nor is what
    // was less for a moment, when the browser moves it up.
    if (byHand.current && scrollTop < last.current - 1) atEnd.current = false;
    if (scrollHeight - scrollTop - clientHeight < 40) atEnd.current = true;
    last.current = scrollTop;
  };
  return [element, scrolled];
}

export function Page({ backends, shown, show, clock, advance, space }) {
  const chat = shown.value;
  return html`
    <header class="top">
      <h1>Playground</h1>
      ${space && html`<span class="space">space <b>${space}</b></span>`}
      ${backends.length > 1 &&
      html`<nav aria-label="Backends">
        ${backends.map(
          (backend) => html`<a
            key=${backend.name}
            href=${page("playground", { backend: backend.name })}
            aria-current=${backend === chat.backend ? "page" : undefined}
            onClick=${(event) => {
              event.preventDefault();
              show(backend);
            }}
            >${backend.name}</a
          >`,
        )}
      </nav>`}
      <a class="inspector" href=${page("ui")} target="_blank" rel="noopener">Inspector ↗</a>
    </header>
    <main key=${chat.backend.name}>
      ${chat.client === null
        ? html`<p class="trouble">The playground has no client for ${chat.backend.name}: ${chat.backend.summary}.</p>`
        : html`<${Talk} chat=${chat} clock=${clock} advance=${advance} />
            <div class="side"><${WireTold} chat=${chat} /><${Sample} chat=${chat} /></div>`}
    </main>
  `;
}

function Talk({ chat, clock, advance }) {
  const { backend, client } = chat;
  const [element, scrolled] = useEnd(`${chat.messages.value.length} ${chat.messages.value.at(-1)?.text} ${chat.typist.value}`);
  const phase = chat.phase.value;
  const open = phase === "open";
  return html`
    <section class="talk" aria-label="Chat">
      <header>
        <div>
          <h2>${backend.name}</h2>
          <p class="summary">${backend.summary}</p>
        </div>
        <button type="button" onClick=${() => (phase === "closed" ? chat.begin() : chat.end())}>${phase === "closed" ? "Connect" : "Disconnect"}</button>
        <button type="button" onClick=${() => chat.anew()}>New chat</button>
      </header>
      <p class="phase" role="status" data-phase=${phase}>
        <b>${{ open: "Connected", connecting: "Connecting", closed: "Not connected" }[phase]}</b>
        <span class="detail">${chat.detail.value}</span>
        ${open && chat.place.value && html`<span class="place">${chat.place.value}</span>`}
      </p>
      ${clock.value.mode === "manual" &&
      html`<p class="clock">
        <span>The clock stands still at ${clock.value.time.replace("T", " ").replace("Z", "")}: advance it for answers.</span>
        ${[1, 10, 60].map((seconds) => html`<button type="button" onClick=${() => advance(seconds)}>${seconds} s on</button>`)}
      </p>`}
      <div class="log" role="log" aria-live="polite" aria-label="Messages" tabindex="0" ref=${element} onScroll=${scrolled}>
        ${chat.messages.value.length === 0 && html`<p class="empty">${open ? "Say something: what answers is the backend's bot." : "Nothing was said yet."}</p>`}
        <ul>
          ${chat.messages.value.map((message) => html`<${Said} key=${message.key} message=${message} backend=${backend} />`)}
        </ul>
        <p class="typing">${chat.typist.value && `${chat.typist.value} is typing`}</p>
      </div>
      <${Composer} chat=${chat} open=${open} />
      ${open &&
      chat.talk?.actions.length > 0 &&
      html`<div class="actions" role="group" aria-label="More that this protocol has">
        ${chat.talk.actions.map(
          ({ label, does, on }) => html`<button type="button" aria-pressed=${on === undefined ? undefined : String(on.value)} onClick=${does}>${label}</button>`,
        )}
      </div>`}
      <p class="lacks">${client.lacks}</p>
    </section>
  `;
}

function Said({ message, backend }) {
  const { mine, note, who, text, at, state, bare, files = [] } = message;
  if (note) return html`<li class="note">${text}</li>`;
  const [tick, words] = TICKS[state] ?? [];
  return html`
    <li class=${mine ? "mine" : "theirs"}>
      <span class="who">${who}</span>
      ${text && !bare && html`<p class="text" dir="auto">${text}</p>`}
      ${files.map((file) => html`<${File} file=${file} backend=${backend} />`)}
      <span class="foot">
        <time datetime=${instant(at)?.toISOString()}>${clockTime(at)}</time>
        ${tick && html`<span class="tick" data-state=${state} title=${words}><span aria-hidden="true">${tick}</span><span class="aside">${words}</span></span>`}
      </span>
    </li>
  `;
}

function Composer({ chat, open }) {
  const text = useSignal("");
  const trouble = useSignal("");
  const send = (event) => {
    event.preventDefault();
    if (!open || text.value === "") return;
    chat.talk.say(text.value);
    text.value = "";
  };
  const picture = async ({ currentTarget }) => {
    const [file] = currentTarget.files;
    currentTarget.value = "";
    trouble.value = "";
    try {
      if (file && open) await chat.talk.picture(file);
    } catch (error) {
      trouble.value = error.message;
    }
  };
  return html`
    <form class="composer" onSubmit=${send}>
      ${chat.client.takes &&
      html`<label class="attach" title="Send a picture"
        ><input type="file" accept=${chat.client.takes} disabled=${!open} onChange=${picture} />${PICTURE}<span class="aside">Send a picture</span></label
      >`}
      <label class="aside" for="text">Your message</label>
      <input
        id="text"
        type="text"
        autocomplete="off"
        placeholder="Your message"
        value=${text.value}
        onInput=${({ currentTarget }) => {
          text.value = currentTarget.value;
          if (open) chat.talk.types?.();
        }}
      />
      <button class="send" disabled=${!open}>Send</button>
    </form>
    <p class="refused" role="alert">${trouble.value}</p>
  `;
}

function WireTold({ chat }) {
  const frames = chat.frames.value;
  const [element, scrolled] = useEnd(frames.at(-1)?.key);
  return html`
    <section class="wire" aria-label="What went over the wire">
      <header>
        <h2>Over the wire</h2>
        <button type="button" onClick=${() => (chat.frames.value = [])}>Clear</button>
      </header>
      <div class="frames" role="region" aria-label="Frames" tabindex="0" ref=${element} onScroll=${scrolled}>
        <ol>
          ${frames.map(
            ({ key, way, text, more, at }) => html`<li key=${key} class=${way}>
              <span class="way" aria-hidden="true">${WAYS[way][0]}</span><span class="aside">${WAYS[way][1]}</span>
              <code>${plainly(text)}${more > 0 && html`<i> … and ${more} characters more</i>`}</code>
              <time>${clockTime(at)}</time>
            </li>`,
          )}
        </ol>
      </div>
    </section>
  `;
}

function Sample({ chat: { backend, client } }) {
  const code = client.sample(backend);
  const [copied, setCopied] = useState("Copy");
  const shown = useRef(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code);
      setCopied("Copied");
    } catch {
      // Without https, or where it is not allowed.
      getSelection().selectAllChildren(shown.current);
      setCopied("Selected: copy it");
    }
  };
  return html`
    <section class="sample" aria-label="The same in your code">
      <header>
        <h2>The same in your code</h2>
        <button type="button" onClick=${copy}>${copied}</button>
      </header>
      <p class="library">${client.library}</p>
      <pre tabindex="0"><code ref=${shown}>${code}</code></pre>
    </section>
  `;
}

export function TokenForm({ why, again }) {
  const token = useSignal("");
  const use = (event) => {
    event.preventDefault();
    useToken(token.value);
    token.value = "";
    again();
  };
  return html`
    <main class="alone">
      <h1>Playground</h1>
      <p>This simulator asks for a token: the one of <code>--admin-token</code>, or the one that it printed when it started.</p>
      <form onSubmit=${use}>
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="off" value=${token.value} onInput=${({ currentTarget }) => (token.value = currentTarget.value)} />
        <button class="send">Go on</button>
      </form>
      <p class="refused" role="alert">${why}</p>
    </main>
  `;
}

export function Trouble({ why, again }) {
  return html`
    <main class="alone">
      <h1>Playground</h1>
      <p role="alert">${why}</p>
      <button type="button" class="send" onClick=${again}>Try again</button>
    </main>
  `;
}
