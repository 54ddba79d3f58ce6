/** Sends until there is an answer: what the network or a restarting server swallowed goes again, within bounds. */
import { Problem } from "./problem";

export interface Patience {
  firstMs: number;
  maxMs: number;
  totalMs: number;
}

/** A tier that died is back within 2 s. Two minutes is longer than any start of the whole system. */
export const TRADING_PATIENCE: Patience = { firstMs: 400, maxMs: 2_000, totalMs: 120_000 };

export interface Surroundings {
  now: () => number;
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  random: () => number;
}

const REAL: Surroundings = { now: () => performance.now(), sleep, random: Math.random };

/** Calls `send` until it answers, it is refused for good, patience is at its end or `signal` stops it.
 *
 * Throws the Problem of the refusal, the last passing Problem when patience ended, or the signal's reason.
 * `onTrouble` hears of each failure that will be tried again.
 */
export async function persist<T>(
  send: () => Promise<T>,
  signal: AbortSignal,
  onTrouble: (problem: Problem, attempt: number) => void,
  patience: Patience = TRADING_PATIENCE,
  { now, sleep: wait, random }: Surroundings = REAL,
): Promise<T> {
  const end = now() + patience.totalMs;
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof Problem) || !error.passing) throw error;
      const pause = Math.max(error.retryAfterMs ?? 0, backoff(patience, attempt, random));
      if (now() + pause > end) throw error;
      onTrouble(error, attempt);
      await wait(pause, signal);
    }
  }
}

/** Doubles up to the maximum; a random half of it, so that a crowd does not come back at the same moment. */
function backoff({ firstMs, maxMs }: Patience, attempt: number, random: () => number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 20));
  return full / 2 + (full / 2) * random();
}

/** Ends early, by throwing the signal's reason, when it is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
}
