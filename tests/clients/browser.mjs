// Drives headless Chromium by lines of JSON: node browser.mjs <chromium> <page.html>
//
// The page is served from an origin of its own on 127.0.0.1, so that it meets the simulator as pages of a site do.
// Nothing but this machine can be reached. Commands come on stdin, one at a time:
//
//   {"do": javascript}            the body of an async function in the page; what it returns comes back
//   {"choose": [selector, path]}  a file for a file input, as a person would choose it
//   {"wait": javascript}          until this expression is true in the page
//
// To stdout go ["ready", origin] ["value", ...] ["console", text] ["error", ...].

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const [executablePath, file] = process.argv.slice(2);
const tell = (...event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const server = createServer((request, response) => {
  const found = request.url === "/";
  response.writeHead(found ? 200 : 404, { "Content-Type": "text/html; charset=utf-8" });
  response.end(found ? readFileSync(file) : "");
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const origin = `http://127.0.0.1:${server.address().port}`;

const userDataDir = mkdtempSync(join(tmpdir(), "simulator-browser-"));
const browser = await puppeteer.launch({
  executablePath,
  userDataDir,
  headless: true,
  args: [
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost , EXCLUDE *.localhost",
  ],
});
const page = await browser.newPage();
page.on("console", (message) => tell("console", message.text()));
page.on("pageerror", (error) => tell("error", String(error)));

const commands = {
  do: (body) => page.evaluate(`(async () => { ${body} })()`),
  choose: async ([selector, path]) => (await page.$(selector)).uploadFile(path),
  wait: async (expression) => {
    await page.waitForFunction(expression, { polling: 50, timeout: 30_000 });
  },
};

try {
  await page.goto(origin);
  tell("ready", origin);
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    const [verb] = Object.keys(command);
    tell("value", (await commands[verb](command[verb])) ?? null);
  }
} catch (error) {
  tell("error", String(error));
} finally {
  await browser.close();
  server.close();
  rmSync(userDataDir, { recursive: true, force: true, maxRetries: 5 });
}
process.exit();
