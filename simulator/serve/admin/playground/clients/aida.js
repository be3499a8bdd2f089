// instedd/aida: Phoenix's own client, and a form for pictures.

import { Socket } from "../../vendor/phoenix.js";

export const library = "phoenix, the client of the Phoenix framework (npm: phoenix)";
export const lacks = "AIDA tells no typing, no delivery and no queue, and keeps no history for its visitors.";
export const takes = "image/*";

const mount = ({ connect }) => connect.replace(/\/websocket\?.*/, "");

export const sample = ({ connect, url, credentials: { bot, access_token } }) => `import { Socket } from "phoenix";
const socket = new Socket("${mount({ connect })}");
socket.connect();
const channel = socket.channel("bot:${bot}", { access_token: "${access_token}" });
channel.on("btu_msg", ({ session, text }) => console.log(text));
channel.join().receive("ok", () =>
  channel.push("new_session", {}).receive("ok", ({ session }) => {
    channel.push("utb_msg", { session, text: "Hello" });
  }),
);
// A picture: POST it as the form field "file" to ${url}/content/image/${bot}/<session>,
// then channel.push("utb_img", { session, image: id }).`;

export function connect(backend, chat) {
  const { bot, access_token } = backend.credentials;
  let session;
  let left = false;

  const socket = new Socket(mount(backend));
  const channel = socket.channel(`bot:${bot}`, { access_token });
  socket.onClose(({ code }) => left || chat.closed(`closed with ${code}`, "soon"));

  channel.on(
    "btu_msg",
    chat.hears(({ session: of, text }) => {
      // What its operator says goes to everybody on the topic.
      if (of === session) chat.said({ who: "Bot", text: String(text) });
    }),
  );
  channel.onError(() => {
    if (left || !socket.isConnected()) return;
    // AIDA ends the whole channel where it did not understand; the library joins again.
    session = undefined;
    chat.closed("the channel crashed", "soon");
    chat.forgotten("AIDA did not understand, or does not know the old session any more: it goes on with a new one.");
  });

  const entered = () => chat.opened(`bot ${bot}, session ${session}`);

  socket.connect();
  channel
    .join()
    .receive("ok", () => {
      // It is called after each time that the library has joined again.
      if (session === undefined) begin();
      // Nothing else tells whether the session is still known: where it is not, this crashes the channel.
      else channel.push("put_data", { session, data: {} }).receive("ok", entered);
    })
    .receive("error", ({ reason }) => chat.closed(`not let in: ${reason}`));

  function begin() {
    channel.push("new_session", {}).receive("ok", ({ session: made }) => {
      session = made;
      entered();
    });
  }

  return {
    say(text) {
      chat.said({ mine: true, who: "You", text });
      channel.push("utb_msg", { session, text });
    },
    async picture(file) {
      const form = new FormData();
      form.append("file", file);
      const answer = await fetch(`${backend.url}/content/image/${bot}/${session}`, { method: "POST", body: form });
      if (!answer.ok) throw new Error(`AIDA refused it: ${answer.status}`);
      const { id: image } = await answer.json();
      chat.said({ mine: true, who: "You", text: "", files: [{ type: file.type, name: file.name, url: `${backend.url}/content/image/${image}` }] });
      channel.push("utb_img", { session, image });
    },
    actions: [
      {
        label: "Tell my name",
        does() {
          channel.push("put_data", { session, data: { first_name: "Robin" } }).receive("ok", () => chat.noted("The bot knows you as Robin now."));
        },
      },
    ],
    leave() {
      left = true;
      channel.leave();
      socket.disconnect();
    },
  };
}
