import { defineConfig } from "@playwright/test";

const simulator = process.env.SIMULATOR_PORT ?? "8070";
const page = process.env.PAGE_PORT ?? "5173";

export default defineConfig({
  testDir: ".",
  fullyParallel: true,
  use: {
    baseURL: `http://127.0.0.1:${page}`,
    // A browser that is there already, such as Debian's: CHROMIUM=/usr/bin/chromium. Else Playwright's own.
    launchOptions: process.env.CHROMIUM ? { executablePath: process.env.CHROMIUM } : {},
  },
  webServer: [
    {
      // The manual clock stands still until a test moves it: half a minute takes no time.
      command: `simulator serve --backend chip --port ${simulator} --scenario tea.yaml --seed 7 --clock manual`,
      url: `http://127.0.0.1:${simulator}/__admin/health`,
      reuseExistingServer: !process.env.CI,
      // So that it can say goodbye; Playwright would kill it.
      gracefulShutdown: { signal: "SIGTERM", timeout: 2000 },
    },
    {
      // Your own development server stands here.
      command: `python3 -m http.server --bind 127.0.0.1 ${page}`,
      url: `http://127.0.0.1:${page}/chat.html`,
      stderr: "ignore",
      reuseExistingServer: !process.env.CI,
    },
  ],
});
