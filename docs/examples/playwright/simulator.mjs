// The fixture `chat`: a page whose chat has a simulator of its own, and the control API of that.

import { expect, test as base } from "@playwright/test";

const server = `http://127.0.0.1:${process.env.SIMULATOR_PORT ?? "8070"}`;

class Chat {
  constructor(page, request, space) {
    this.page = page;
    this.request = request;
    this.admin = `${space}/__admin`;
    this.messages = page.getByRole("list", { name: "Messages" }).getByRole("listitem");
    this.status = page.getByRole("status");
  }

  async call(method, path, data) {
    const answer = await this.request.fetch(`${this.admin}/${path}`, { method, data });
    expect(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`).toBe(true);
    return answer.json();
  }

  async type(text) {
    await this.page.getByRole("textbox", { name: "Message" }).fill(text);
    await this.page.getByRole("button", { name: "Send" }).click();
    // What has not arrived yet would be answered only after the time that the test lets pass.
    await this.call("POST", "messages/wait", { sender: "client", name: "send_msg", body: { text } });
  }

  advance = (seconds) => this.call("POST", "clock/advance", { seconds });
  act = (act, more) => this.call("POST", "act", { act, ...more });
}

export const test = base.extend({
  chat: async ({ page, request }, use, info) => {
    // A space for each test: tests that run at the same time see nothing of each other.
    const space = `${server}/~space/${info.testId}-${info.retry}`;
    const { backends } = await (await request.get(`${space}/__admin/backends`)).json();
    await page.goto(`/chat.html?server=${encodeURIComponent(backends[0].connect)}`);
    const chat = new Chat(page, request, space);
    await expect(chat.status).toHaveText("online");
    await chat.advance(1);
    // chip holds the next message back until this one is acknowledged.
    await chat.call("POST", "messages/wait", { sender: "client", name: "ack_chat" });
    await use(chat);
    if (info.status !== info.expectedStatus)
      await info.attach("conversation", { body: JSON.stringify(await chat.call("GET", "messages"), null, 2) });
    // What the page said was all as documented.
    expect((await chat.call("GET", "violations")).violations).toEqual([]);
    await request.delete(`${server}/__admin/spaces/${info.testId}-${info.retry}`);
  },
});
export { expect };
