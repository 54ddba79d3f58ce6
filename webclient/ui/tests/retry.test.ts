/** Sending until there is an answer: what is sent again, what is not, how long, and how it is stopped. */
import { describe, expect, test } from "vitest";
import { offline, Problem } from "@/api/problem";
import { persist, sleep, type Surroundings } from "@/api/retry";

const PATIENCE = { firstMs: 100, maxMs: 1_000, totalMs: 10_000 };

function refusal(code: string, status: number, retryAfterMs: number | null = null): Problem {
  return new Problem({ code, status, title: code, detail: code, advice: "" }, retryAfterMs);
}

/** A clock that only sleeping moves; `random` 1 makes each pause as long as it can be. */
function simulated(): Surroundings & { pauses: number[] } {
  let at = 0;
  const pauses: number[] = [];
  return {
    pauses,
    now: () => at,
    random: () => 1,
    sleep: async (ms, signal) => {
      pauses.push(ms);
      at += ms;
      signal.throwIfAborted();
    },
  };
}

/** Fails with each of these in turn, then answers. */
function failing(problems: Problem[]): { send: () => Promise<string>; attempts: () => number } {
  let attempts = 0;
  const send = async (): Promise<string> => {
    const problem = problems[attempts++];
    if (problem) throw problem;
    return "answer";
  };
  return { send, attempts: () => attempts };
}

const live = (): AbortSignal => new AbortController().signal;

describe("persist", () => {
  test("network errors, gateways and busy servers are tried again until there is an answer", async () => {
    const world = simulated();
    const heard: string[] = [];
    const { send, attempts } = failing([offline(), refusal("GATEWAY", 502), refusal("BUSY", 503), refusal("UNAVAILABLE", 503)]);
    expect(await persist(send, live(), (problem) => void heard.push(problem.code), PATIENCE, world)).toBe("answer");
    expect(attempts()).toBe(5);
    expect(heard).toEqual(["OFFLINE", "GATEWAY", "BUSY", "UNAVAILABLE"]);
    expect(world.pauses).toEqual([100, 200, 400, 800]);
  });

  test.each(["INSUFFICIENT_FUNDS", "QUOTE_UNAVAILABLE", "UNAUTHENTICATED", "INTERNAL", "REUSED_NUMBER"])("%s is an answer", async (code) => {
    const { send, attempts } = failing([refusal(code, 503)]);
    await expect(persist(send, live(), () => undefined, PATIENCE, simulated())).rejects.toMatchObject({ code });
    expect(attempts()).toBe(1);
  });

  test("patience ends with the last problem, without a pause that leads nowhere", async () => {
    const world = simulated();
    const { send } = failing(Array.from({ length: 1_000 }, offline));
    await expect(persist(send, live(), () => undefined, PATIENCE, world)).rejects.toMatchObject({ code: "OFFLINE" });
    expect(world.now()).toBeLessThanOrEqual(PATIENCE.totalMs);
    expect(world.now()).toBeGreaterThan(PATIENCE.totalMs - PATIENCE.maxMs);
  });

  test("Retry-After is heeded", async () => {
    const world = simulated();
    await persist(failing([refusal("RATE_LIMITED", 429, 3_000)]).send, live(), () => undefined, PATIENCE, world);
    expect(world.pauses).toEqual([3_000]);
  });

  test("who stops it gets the reason, and nothing more is sent", async () => {
    const stopping = new AbortController();
    const { send, attempts } = failing(Array.from({ length: 9 }, offline));
    const stop = (): void => stopping.abort(new Error("stopped"));
    await expect(persist(send, stopping.signal, stop, PATIENCE, simulated())).rejects.toThrow("stopped");
    expect(attempts()).toBe(1);
  });

  test("a bug is no trouble of the network", async () => {
    const send = async (): Promise<string> => {
      throw new TypeError("bug");
    };
    await expect(persist(send, live(), () => undefined, PATIENCE, simulated())).rejects.toThrow(TypeError);
  });
});

test("sleep ends at once when it is stopped", async () => {
  const stopping = new AbortController();
  const slept = sleep(60_000, stopping.signal);
  stopping.abort(new Error("awake"));
  await expect(slept).rejects.toThrow("awake");
  await expect(sleep(60_000, stopping.signal)).rejects.toThrow("awake");
});
