import { expect, test } from "./simulator.mjs";

test("an answer comes when its time has come", async ({ chat }) => {
  await expect(chat.messages).toHaveText(["Bot: Hello! Tea or coffee?"]);
  await chat.type("Tea, please");
  await chat.advance(29);
  await expect(chat.messages).toHaveCount(2);
  await chat.advance(2);
  await expect(chat.messages.last()).toHaveText("Bot: A cup of tea is on its way.");
});

test("an agent says something", async ({ chat }) => {
  await chat.act("say", { text: "Anything else?", agent: "Amina Desk" });
  await chat.advance(1);
  await expect(chat.messages.last()).toHaveText("Amina Desk: Anything else?");
});

test("a connection that breaks comes back, and nothing is lost", async ({ chat }) => {
  const { channels } = await chat.call("GET", "channels");
  await chat.call("POST", `channels/${channels[0].id}/close`, { code: 1011, reason: "deploy" });
  await expect(chat.status).toHaveText("online again");
  await chat.type("coffee");
  await chat.advance(1);
  await expect(chat.messages.last()).toHaveText("Bot: Sorry, only tea.");
});
