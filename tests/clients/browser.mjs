// Drives headless Chromium by lines of JSON: node browser.mjs <chromium> <page.html or URL>
//
// A file is served from an origin of its own on 127.0.0.1, so that it meets the simulator as pages of a site do; a URL is
// a page of the simulator itself. Nothing but this machine can be reached. Commands come on stdin, one at a time:
//
//   {"do": javascript}            the body of an async function in the page; what it returns comes back
//   {"choose": [selector, path]}  a file for a file input, as a person would choose it
//   {"wait": javascript}          until this expression is true in the page
//   {"goto": url}                 another page
//   {"click": selector} {"type": [selector, text]} {"press": key}     what a person does
//   {"look": {width, height, theme}}       the size of the window, and "light" or "dark"
//   {"axe": {}}                   what axe-core finds serious or critical: [impact, rule, [[selector, why], ...]]
//   {"shoot": path}               a picture of the window
//   {"faults": {}}                errors and warnings of the console since last asked: those of a Content-Security-Policy, too
//
// At the end of stdin the browser is closed and its profile removed. To stdout go ["ready", origin] ["value", ...] ["console", text] ["error", ...].

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const [executablePath, file] = process.argv.slice(2);
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const tell = (...event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const server = createServer((request, response) => {
  const found = request.url === "/";
  response.writeHead(found ? 200 : 404, { "Content-Type": "text/html; charset=utf-8" });
  response.end(found ? readFileSync(file) : "");
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const start = /^(https?|about):/.test(file) ? file : `http://127.0.0.1:${server.address().port}`;

const userDataDir = mkdtempSync(join(tmpdir(), "simulator-browser-"));
const browser = await puppeteer.launch({
  executablePath,
  userDataDir,
  headless: true,
  // A browser that is driven through a pipe ends with it, even when this process is killed.
  pipe: true,
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
let faults = [];
page.on("console", (message) => {
  tell("console", message.text());
  if (["error", "warn"].includes(message.type())) faults.push(message.text());
});
page.on("pageerror", (error) => tell("error", String(error)));

const commands = {
  do: (body) => page.evaluate(`(async () => { ${body} })()`),
  choose: async ([selector, path]) => (await page.$(selector)).uploadFile(path),
  // Not waitForFunction: it compiles what it is given in the page, which a strict policy forbids.
  wait: async (expression) => {
    // A page that is left while it is asked says nothing.
    const left = (error) => {
      if (!/context was destroyed|Cannot find context/.test(error.message)) throw error;
    };
    for (const end = Date.now() + 30_000; !(await page.evaluate(expression).catch(left)); await pause(20))
      if (Date.now() > end) throw new Error(`this did not come true: ${expression}`);
  },
  goto: async (url) => {
    await page.goto(url);
  },
  click: (selector) => page.click(selector),
  // At once, as who pastes: keys one by one take ten milliseconds each.
  type: async ([selector, text]) => {
    await page.focus(selector);
    await page.keyboard.sendCharacter(text);
  },
  press: (key) => page.keyboard.press(key),
  look: async ({ width = 1280, height = 720, theme = "light" }) => {
    await page.setViewport({ width, height });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  },
  axe: async () => {
    if (!(await page.evaluate("'axe' in window"))) await page.evaluate(readFileSync(axe, "utf8"));
    const { violations } = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
    return violations
      .filter(({ impact }) => ["serious", "critical"].includes(impact))
      .map(({ impact, id, nodes }) => [impact, id, nodes.map((node) => [node.target.join(" "), node.failureSummary])]);
  },
  shoot: async (path) => {
    await page.screenshot({ path });
  },
  faults: async () => {
    const told = faults;
    faults = [];
    return told;
  },
};

let over = false;
async function finish() {
  if (over) return;
  over = true;
  await browser.close();
  server.close();
  rmSync(userDataDir, { recursive: true, force: true, maxRetries: 5 });
  process.exit();
}
// Whoever drives this is done with it, or gone.
process.stdin.on("end", finish);

try {
  await page.goto(start);
  tell("ready", new URL(start).origin);
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    const [verb] = Object.keys(command);
    // One that fails is the matter of its test alone: the next ones have the same browser.
    await commands[verb](command[verb]).then(
      (value) => tell("value", value ?? null),
      (error) => over || tell("error", `${line}: ${error}`),
    );
  }
} catch (error) {
  if (!over) tell("error", String(error));
}
await finish();
