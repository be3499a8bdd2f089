// Connects again, a little later each time, as an app does that has no library for it.

const FIRST = 1;
const LAST = 8;

/** @param open (opened) => WebSocket, which calls `opened` once the server has taken it  @param chat told of each end */
export function keptOpen(open, chat) {
  let socket = null;
  let timer = null;
  let wait = FIRST;
  let left = false;

  function start() {
    chat.phase.value = "connecting";
    socket = open(() => {
      wait = FIRST;
    });
    socket.addEventListener("close", ({ code, reason }) => {
      if (left) return;
      chat.closed(`closed with ${code}${reason && `, ${reason}`}`, `in ${wait} s`);
      timer = setTimeout(start, wait * 1000);
      wait = Math.min(wait * 2, LAST);
    });
  }
  start();

  return {
    send: (text) => socket.readyState === WebSocket.OPEN && socket.send(text),
    leave() {
      left = true;
      clearTimeout(timer);
      socket.close(1000);
    },
  };
}
