/** A sentence for screen readers only. */
import { ref, type Ref } from "vue";

/** Set `text`; a repeat of the same sentence is heard again. */
export function useUnseen(): { heard: Readonly<Ref<string>>; say: (text: string) => void } {
  const heard = ref("");
  const say = (text: string): void => {
    heard.value = heard.value === text ? `${text}\u00a0` : text;
  };
  return { heard, say };
}
