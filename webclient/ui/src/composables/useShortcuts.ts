/** Single-key shortcuts. They rest while one types, and can be switched off (WCAG 2.1.4). */
import { ref } from "vue";
import { read, write } from "@/lib/keep";

export type Shortcuts = Record<string, () => void>;

export const shortcutsOn = ref(read("ever", "shortcuts", true));

export function setShortcuts(on: boolean): void {
  shortcutsOn.value = on;
  write("ever", "shortcuts", on);
}

/** Logging out clears what the browser keeps for us; this is kept all the same. */
export function keepShortcuts(): void {
  if (!shortcutsOn.value) setShortcuts(false);
}

/** Listens until the returned function is called. */
export function useShortcuts(shortcuts: Shortcuts): () => void {
  const pressed = (event: KeyboardEvent): void => {
    if (!shortcutsOn.value || event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
    const act = shortcuts[event.key];
    if (act === undefined || document.querySelector("dialog[open]") !== null) return;
    event.preventDefault();
    act();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

/** Fields in which a letter is a letter. */
function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  const passive = target instanceof HTMLInputElement && ["radio", "checkbox", "button"].includes(target.type);
  return target.isContentEditable || (["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) && !passive);
}
