/** One thing at a time that a button starts: busy while it runs, its problem when it failed. A double click is one. */
import { ref, type Ref } from "vue";
import { asProblem, type Problem } from "@/api/problem";
import { Stopped } from "@/stores/outbox";

/** A click this soon after the last answer belongs to the double click that began before it. */
const SETTLE_MS = 500;

export interface Task {
  busy: Readonly<Ref<boolean>>;
  problem: Ref<Problem | null>;
  /** Runs `work` unless something runs; true when it ended well. */
  run: (work: () => Promise<void>) => Promise<boolean>;
}

export function useTask(): Task {
  const busy = ref(false);
  const problem = ref<Problem | null>(null);
  let settledAt = -Infinity;

  async function run(work: () => Promise<void>): Promise<boolean> {
    if (busy.value || performance.now() - settledAt < SETTLE_MS) return false;
    busy.value = true;
    problem.value = null;
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof Stopped)) problem.value = asProblem(error);
      return false;
    } finally {
      busy.value = false;
      settledAt = performance.now();
    }
  }

  return { busy, problem, run };
}
