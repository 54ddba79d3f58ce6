/** Does something again and again while the page can be seen, and says what the last attempt came to. */
import { onScopeDispose, ref, type Ref } from "vue";
import { asProblem, type Problem } from "@/api/problem";

export interface Polling {
  /** Why the last attempt failed; null when it did not. */
  problem: Readonly<Ref<Problem | null>>;
  /** Whether the first attempt is over. */
  begun: Readonly<Ref<boolean>>;
}

/** Calls `work`, then `everyMs` after it ended calls it again, until the page is left. */
export function usePolling(work: () => Promise<void>, everyMs: number): Polling {
  const problem = ref<Problem | null>(null);
  const begun = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;

  async function once(): Promise<void> {
    try {
      await work();
      problem.value = null;
    } catch (error) {
      problem.value = asProblem(error);
    } finally {
      begun.value = true;
      if (!stopped && !document.hidden) timer = setTimeout(() => void once(), everyMs);
      else timer = undefined;
    }
  }

  /** A page that nobody sees asks for nothing; it is brought up to date when it is looked at again. */
  function looked(): void {
    if (document.hidden || timer !== undefined) return;
    timer = setTimeout(() => void once(), 0);
  }

  document.addEventListener("visibilitychange", looked);
  onScopeDispose(() => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", looked);
  });
  void once();
  return { problem, begun };
}
