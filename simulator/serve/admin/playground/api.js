// The control API, as this page calls it: relative to the page, so that a space's prefix stays before each call.

const KEPT = "simulator-admin-token";

/** Thrown when the simulator wants the token that its operator gave it, or printed. */
export class TokenNeeded extends Error {}

let token = document.querySelector('meta[name="simulator-page-token"]').content;

const fragment = new URLSearchParams(location.hash.slice(1)).get("token");
if (fragment) {
  // It shall not stay in the address bar, nor in a bookmark.
  history.replaceState(null, "", location.pathname + location.search);
  sessionStorage.setItem(KEPT, fragment);
}
token ||= sessionStorage.getItem(KEPT) ?? "";

export function useToken(given) {
  token = given;
  sessionStorage.setItem(KEPT, given);
}

/** The page's own query, where it names a space, goes on with each address. */
const space = new URLSearchParams(location.search).get("simulator_space");

export const address = (path, more = {}) => {
  const query = new URLSearchParams(space ? { ...more, simulator_space: space } : more).toString();
  return query ? `${path}?${query}` : path;
};

/** Another page of ours: a token that a person gave goes along, since a new tab knows nothing of this one. */
export const page = (path, more) => {
  const own = document.querySelector('meta[name="simulator-page-token"]').content !== "";
  return own || !token ? address(path, more) : `${address(path, more)}#${new URLSearchParams({ token })}`;
};

/** The name of the space that this page is in, or "" for the default one. */
export const spaceName = space ?? decodeURIComponent(/\/~space\/([^/]+)\//.exec(location.pathname)?.[1] ?? "");

/** One call: what it answers, as JSON. Throws TokenNeeded, or an Error with the simulator's own words. */
export async function call(method, path, body) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(address(path), { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (answer.status === 401) throw new TokenNeeded(token && "The simulator did not take that token.");
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.error ?? `${method} ${path}: ${answer.status}`);
  return said;
}
