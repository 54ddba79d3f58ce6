/** Trading commands on their way. Each has one key for its whole life, so that however often it is sent it happens once.
 *
 * What is unanswered is kept for this tab (sessionStorage): a page that is loaded again goes on with the same keys.
 */
import { defineStore } from "pinia";
import { computed, shallowReactive, shallowRef } from "vue";
import { request, type Method } from "@/api/http";
import { newKey } from "@/api/key";
import { Problem } from "@/api/problem";
import { persist } from "@/api/retry";
import type { Trade } from "@/api/trades";
import { read, write } from "@/lib/keep";
import { useSession } from "./session";
import { useToasts } from "./toasts";

/** The user stopped waiting: the command may have happened or not. */
export class Stopped extends Error {}

/** sending: no trouble yet; waiting: the answer takes long; trying: sent again and again; asking: patience is at its end, the user decides. */
export type State = "sending" | "waiting" | "trying" | "asking";

export interface Letter {
  key: string;
  user: string;
  label: string;
  method: Method;
  path: string;
  body?: Record<string, string>;
  sentAt: number;
}

export interface OnItsWay extends Letter {
  state: State;
  problem: Problem | null;
  again: () => void;
  stop: () => void;
}

const KEPT = "outbox";
/** An answer that takes longer than this is told of: usually it takes some milliseconds, with a price up to 4 s. */
const LONG_MS = 1_500;
const LONG_PRICED_MS = 5_000;
/** A command older than this is not sent again after a reload: a confirmation would find another order by then. */
const RESUMED_MS = 55_000;

export const useOutbox = defineStore("outbox", () => {
  const session = useSession();
  const toasts = useToasts();
  const letters = shallowRef<OnItsWay[]>([]);
  /** Those that trouble holds up; the banner tells of them. */
  const held = computed(() => letters.value.filter((letter) => letter.state !== "sending"));

  /** The answer to the command. Throws Problem when it is refused and Stopped when the user gave up. */
  function send<Reply>(trade: Trade<Reply>): Promise<Reply> {
    const { label, method, path, body, priced } = trade;
    const user = session.user ?? "";
    const kept = body === undefined ? {} : { body };
    const letter = { key: newKey(), user, label, method, path, ...kept, sentAt: Date.now() };
    return deliver<Reply>(letter, priced ? LONG_PRICED_MS : LONG_MS);
  }

  async function deliver<Reply>(letter: Letter, longMs: number = LONG_MS): Promise<Reply> {
    const entry = shallowReactive<OnItsWay>({
      ...letter, state: "sending", problem: null, again: () => undefined, stop: () => undefined,
    });
    letters.value = [...letters.value, entry];
    keep();
    const long = setTimeout(() => {
      if (entry.state === "sending") entry.state = "waiting";
    }, longMs);
    try {
      for (;;) {
        try {
          return await attempt<Reply>(entry);
        } catch (error) {
          if (!(error instanceof Problem) || !error.passing) throw error;
          await decision(entry, error);
        }
      }
    } catch (error) {
      if (error instanceof Stopped) tellStopped(letter.label);
      throw error;
    } finally {
      clearTimeout(long);
      letters.value = letters.value.filter((other) => other.key !== entry.key);
      keep();
    }
  }

  function tellStopped(label: string): void {
    const text = "It may have been carried out or not. Look at your orders and at the history before you repeat it.";
    toasts.show("info", `Stopped: ${label}`, text, true);
  }

  /** One stretch of patience. */
  async function attempt<Reply>(entry: OnItsWay): Promise<Reply> {
    const stopping = new AbortController();
    entry.stop = () => stopping.abort(new Stopped(entry.label));
    const options = { key: entry.key, signal: stopping.signal, ...(entry.body ? { body: entry.body } : {}) };
    const path = `/users/${encodeURIComponent(entry.user)}${entry.path}`;
    const trouble = (problem: Problem): void => void Object.assign(entry, { state: "trying", problem });
    try {
      return await persist(() => request<Reply>(entry.method, path, options), stopping.signal, trouble);
    } catch (error) {
      if (stopping.signal.aborted) throw stopping.signal.reason;
      throw error;
    }
  }

  /** Waits until the user wants to try again; throws Stopped when they give up. */
  function decision(entry: OnItsWay, problem: Problem): Promise<void> {
    return new Promise((resolve, reject) => {
      entry.again = () => {
        entry.state = "trying";
        resolve();
      };
      entry.stop = () => reject(new Stopped(entry.label));
      Object.assign(entry, { state: "asking", problem });
    });
  }

  /** What an earlier life of this page left unanswered, for the same user: young ones to send on, and those too old for it. */
  function left(): { young: Letter[]; old: Letter[] } {
    const found = read<Letter[]>("tab", KEPT, []).filter((letter) => letter.user === session.user);
    const fresh = found.filter((letter) => !letters.value.some((other) => other.key === letter.key));
    const isYoung = (letter: Letter): boolean => Date.now() - letter.sentAt < RESUMED_MS;
    return { young: fresh.filter(isYoung), old: fresh.filter((letter) => !isYoung(letter)) };
  }

  function keep(): void {
    const plain = letters.value.map(({ key, user, label, method, path, body, sentAt }) => ({
      key, user, label, method, path, ...(body ? { body } : {}), sentAt,
    }));
    write("tab", KEPT, plain);
  }

  return { letters, held, send, deliver, left, keep };
});
