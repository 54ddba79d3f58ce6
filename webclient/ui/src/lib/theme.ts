/** Dark, light, or what the system says. theme.js applies the choice before the first paint; this changes it. */
import { ref } from "vue";
import { readText, writeText } from "./keep";

export type Theme = "system" | "light" | "dark";

const kept = readText("theme");
export const theme = ref<Theme>(kept === "dark" || kept === "light" ? kept : "system");

/** Logging out clears what the browser keeps for us; the theme was not the user's secret. */
export function keepTheme(): void {
  setTheme(theme.value);
}

export function setTheme(next: Theme): void {
  theme.value = next;
  writeText("theme", next === "system" ? null : next);
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
}
