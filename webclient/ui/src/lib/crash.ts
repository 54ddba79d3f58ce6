/** What no part of the client expected. App.vue shows a page about it; the console gets the details. */
import { shallowRef } from "vue";

export const crashed = shallowRef<unknown>(null);

export function crash(error: unknown): void {
  console.error(error);
  crashed.value = error;
}
