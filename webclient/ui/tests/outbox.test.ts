/** Exactly once: one key for one intent, through lost answers, long waits, the user's patience and a page that is loaded again. */
import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Problem } from "@/api/problem";
import { TRADING_PATIENCE } from "@/api/retry";
import { cancelTrigger, deposit, settle } from "@/api/trades";
import { Stopped, useOutbox } from "@/stores/outbox";
import { useSession } from "@/stores/session";
import { useToasts } from "@/stores/toasts";

interface Sent {
  url: string;
  method: string;
  key: string | undefined;
  token: string | undefined;
  body: unknown;
}

let sent: Sent[] = [];
/** What the network does with each request in turn; the last one is done again and again. */
let network: (() => Promise<Response>)[] = [];
let kept: Map<string, string>;

const json = (status: number, body: unknown): (() => Promise<Response>) => async () =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const lost = async (): Promise<Response> => Promise.reject(new TypeError("network"));
const busy = json(503, { code: "BUSY", status: 503, title: "Busy", detail: "busy", advice: "again", type: "" });
const never = (): Promise<Response> => new Promise(() => undefined);

beforeEach(() => {
  vi.useFakeTimers();
  setActivePinia(createPinia());
  useSession().session = { user: "ann.b", role: "trader", csrf_token: "token", expires_at: 1 };
  [sent, network, kept] = [[], [], new Map()];
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
  });
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    const headers = init.headers as Record<string, string>;
    sent.push({
      url, method: init.method ?? "", key: headers["Idempotency-Key"], token: headers["X-CSRF-Token"],
      body: typeof init.body === "string" ? JSON.parse(init.body) : undefined,
    });
    const next = network.length > 1 ? network.shift() : network[0];
    return (next ?? never)();
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("a lost answer and a busy server: the same request goes again with the same key, until it is answered", async () => {
  network = [lost, busy, json(502, "gateway"), json(201, { cash: "10.00" })];
  const outbox = useOutbox();
  const reply = outbox.send(deposit(1000n));
  await vi.advanceTimersByTimeAsync(100);
  expect(outbox.held.map(({ state, label }) => [state, label])).toEqual([["trying", "Deposit $10.00"]]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await reply).toEqual({ cash: "10.00" });
  expect(new Set(sent.map(({ key }) => key)).size).toBe(1);
  expect(sent).toHaveLength(4);
  expect(sent[3]).toMatchObject({ url: "/api/users/ann.b/deposits", method: "POST", token: "token", body: { amount: "10.00" } });
  expect(outbox.letters).toEqual([]);
});

test("each intent has a key of its own, which the server takes", async () => {
  network = [json(200, {})];
  const outbox = useOutbox();
  await Promise.all([outbox.send(settle("buy", "commit", "x")), outbox.send(settle("buy", "commit", "x")), outbox.send(cancelTrigger("sell", "ABC"))]);
  expect(new Set(sent.map(({ key }) => key)).size).toBe(3);
  for (const { key } of sent) expect(key).toMatch(/^[\x21-\x7e]{8,128}$/);
  expect(sent.map(({ method, url, body }) => [method, url, body])).toEqual([
    ["POST", "/api/users/ann.b/buys/commit", undefined],
    ["POST", "/api/users/ann.b/buys/commit", undefined],
    ["DELETE", "/api/users/ann.b/triggers/sell/ABC", undefined],
  ]);
});

test("a refusal is an answer", async () => {
  network = [json(409, { code: "EXPIRED", status: 409, title: "t", detail: "d", advice: "a", type: "" })];
  await expect(useOutbox().send(settle("buy", "commit", "x"))).rejects.toMatchObject({ code: "EXPIRED" });
  expect(sent).toHaveLength(1);
  expect(useOutbox().letters).toEqual([]);
});

test("when patience ends the user is asked; trying again keeps the key", async () => {
  network = [lost];
  const outbox = useOutbox();
  const reply = outbox.send(deposit(1000n));
  await vi.advanceTimersByTimeAsync(TRADING_PATIENCE.totalMs + 1_000);
  expect(outbox.held.map(({ state }) => state)).toEqual(["asking"]);
  const attempts = sent.length;
  await vi.advanceTimersByTimeAsync(600_000);
  expect(sent).toHaveLength(attempts);
  network = [json(201, { cash: "10.00" })];
  outbox.held[0]?.again();
  await vi.advanceTimersByTimeAsync(0);
  expect(await reply).toEqual({ cash: "10.00" });
  expect(new Set(sent.map(({ key }) => key)).size).toBe(1);
});

test.each(["trying", "waiting", "asking"] as const)("stopped while %s: nothing more is sent, and it is said that the outcome is not known", async (state) => {
  network = [state === "waiting" ? abortable() : lost];
  const outbox = useOutbox();
  const outcome = outbox.send(deposit(1000n)).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(state === "asking" ? TRADING_PATIENCE.totalMs + 1_000 : 7_000);
  expect(outbox.held.map((letter) => letter.state)).toEqual([state]);
  outbox.held[0]?.stop();
  await vi.advanceTimersByTimeAsync(0);
  expect(await outcome).toBeInstanceOf(Stopped);
  const attempts = sent.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent).toHaveLength(attempts);
  expect(useToasts().shown.map(({ title }) => title)).toEqual(["Stopped: Deposit $10.00"]);
});

/** A request that is never answered; like the real one it ends when it is aborted. */
function abortable(): () => Promise<Response> {
  const real = globalThis.fetch;
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    void real(url, init);
    return new Promise((_resolve, reject) => init.signal?.addEventListener("abort", () => reject(init.signal?.reason as Error)));
  });
  return never;
}

test("a page that is loaded again finds what was unanswered, by user and age", async () => {
  network = [never];
  void useOutbox().send(deposit(1000n));
  vi.advanceTimersByTime(30_000);
  void useOutbox().send(settle("sell", "commit", "y"));
  const keys = sent.map(({ key }) => key);

  setActivePinia(createPinia());
  useSession().session = { user: "ann.b", role: "trader", csrf_token: "token", expires_at: 1 };
  expect(useOutbox().left().young.map(({ key }) => key)).toEqual(keys);
  vi.advanceTimersByTime(30_000);
  const { young, old } = useOutbox().left();
  expect([young.map(({ key }) => key), old.map(({ key }) => key)]).toEqual([[keys[1]], [keys[0]]]);
  useSession().session = { user: "bob", role: "trader", csrf_token: "token", expires_at: 1 };
  expect(useOutbox().left()).toEqual({ young: [], old: [] });
});

test("what is sent on after a reload has its old key, and is kept no longer once it is answered", async () => {
  network = [json(200, { done: true })];
  const letter = { key: "k".repeat(36), user: "ann.b", label: "l", method: "POST" as const, path: "/sells/commit", sentAt: Date.now() };
  expect(await useOutbox().deliver(letter)).toEqual({ done: true });
  expect(sent.map(({ key }) => key)).toEqual([letter.key]);
  expect(JSON.parse(kept.get("daytrade.outbox") ?? "")).toEqual([]);
});

test("a stale token is renewed once, and the command goes again with its key", async () => {
  const forged = json(403, { code: "CSRF", status: 403, title: "t", detail: "d", advice: "a", type: "" });
  network = [forged, json(200, { user: "ann.b", role: "trader", csrf_token: "fresh", expires_at: 2 }), json(201, { cash: "10.00" })];
  expect(await useOutbox().send(deposit(1000n))).toEqual({ cash: "10.00" });
  expect(sent.map(({ url, token }) => [url, token])).toEqual([
    ["/api/users/ann.b/deposits", "token"], ["/api/session", undefined], ["/api/users/ann.b/deposits", "fresh"],
  ]);
  expect(sent[0]?.key).toBe(sent[2]?.key);
});

test("another user in another tab: a stale token is not renewed into their account", async () => {
  const forged = json(403, { code: "CSRF", status: 403, title: "t", detail: "d", advice: "a", type: "" });
  network = [forged, json(200, { user: "bob", role: "trader", csrf_token: "fresh", expires_at: 2 })];
  await expect(useOutbox().send(deposit(1000n))).rejects.toBeInstanceOf(Problem);
  expect(sent).toHaveLength(2);
});
