/** Short messages that come and go; screen readers hear them. What must not be missed stays until it is closed. */
import { defineStore } from "pinia";
import { ref } from "vue";
import type { Problem } from "@/api/problem";

export type Tone = "info" | "good" | "bad";

export interface Toast {
  id: number;
  tone: Tone;
  title: string;
  text: string;
  lasting: boolean;
}

const MAX_SHOWN = 4;
/** Of those that go by themselves the newest are enough. */
const MAX_PASSING = 2;
const SHOWN_MS = 6_000;

export const useToasts = defineStore("toasts", () => {
  const shown = ref<Toast[]>([]);
  let last = 0;

  function show(tone: Tone, title: string, text = "", lasting = false): void {
    const id = ++last;
    const passing = shown.value.filter((toast) => !toast.lasting).slice(lasting ? -MAX_PASSING : 1 - MAX_PASSING);
    const stay = shown.value.filter((toast) => toast.lasting || passing.includes(toast));
    shown.value = [...stay, { id, tone, title, text, lasting }].slice(-MAX_SHOWN);
    if (!lasting) setTimeout(() => close(id), SHOWN_MS);
  }

  function close(id: number): void {
    shown.value = shown.value.filter((toast) => toast.id !== id);
  }

  const info = (title: string, text = ""): void => show("info", title, text);
  const good = (title: string, text = ""): void => show("good", title, text);
  const problem = (title: string, found: Problem): void =>
    show("bad", title, found.words, true);

  return { shown, show, close, info, good, problem };
});
