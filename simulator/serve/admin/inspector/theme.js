// Light, dark, or what the system says.
import { effect, signal } from "./lib.js";

const KEY = "simulator-theme";
const ORDER = ["system", "light", "dark"];
const kept = localStorage.getItem(KEY);
export const theme = signal(ORDER.includes(kept) ? kept : "system");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  localStorage.setItem(KEY, theme.value);
});

export const next = () => (theme.value = ORDER[(ORDER.indexOf(theme.peek()) + 1) % ORDER.length]);
export const ICONS = { system: "screen", light: "sun", dark: "moon" };
