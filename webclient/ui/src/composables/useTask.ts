/** One thing at a time that a button starts: busy while it runs, its problem when it failed. A double click is one. */
import { ref, type Ref } from "vue";
import { asProblem, type Problem } from "@/api/problem";
import { Stopped } from "@/stores/outbox";

/** So long after the answer the button still rests: the second click of a double click must not hit what came in its place. */
const REST_MS = 400;

export interface Task {
  /** It runs, or has just ended: the button does nothing. */
  busy: Readonly<Ref<boolean>>;
  /** It runs: the button says so. */
  working: Readonly<Ref<boolean>>;
  problem: Ref<Problem | null>;
  /** Runs `work` unless something runs; true when it ended well. */
  run: (work: () => Promise<void>) => Promise<boolean>;
}

export function useTask(restMs: number = REST_MS): Task {
  const busy = ref(false);
  const working = ref(false);
  const problem = ref<Problem | null>(null);

  async function run(work: () => Promise<void>): Promise<boolean> {
    if (busy.value) return false;
    busy.value = working.value = true;
    problem.value = null;
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof Stopped)) problem.value = asProblem(error);
      return false;
    } finally {
      working.value = false;
      setTimeout(() => (busy.value = false), restMs);
    }
  }

  return { busy, working, problem, run };
}
