// Where socket.io-client connects to: what stands behind the host in its URL is a namespace, so a prefix goes into `path`.

export const origin = ({ connect }) => new URL(connect.replace(/^ws/, "http")).origin;

/** As an option in a line of code, where it has to be there. */
export function path({ connect }) {
  const { pathname } = new URL(connect);
  return pathname === "/socket.io/" ? "" : `\n  path: "${pathname}",`;
}
