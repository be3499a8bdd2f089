// A picture or a file that somebody sent, at a URL that somebody wrote.

import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

const html = htm.bind(h);

/** @param file {type, url, name}: only what the simulator holds is loaded, everything else is a link, if it is one at all */
export function File({ file: { type = "", url = "", name }, backend }) {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !["http:", "https:"].includes(parsed.protocol)) return html`<p class="file">${name ?? url}</p>`;
  if (String(type).startsWith("image/") && parsed.origin === new URL(backend.url).origin)
    return html`<a class="picture" href=${url} target="_blank" rel="noopener noreferrer"><img src=${url} alt=${name ?? "Picture"} /></a>`;
  return html`<p class="file"><a href=${url} target="_blank" rel="noopener noreferrer">${name ?? url}</a></p>`;
}
