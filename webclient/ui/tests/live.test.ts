/** The stream of events: what is told is acted on, a break is noticed, and it comes back by itself where it left off. */
import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useAccount } from "@/stores/account";
import { useLive } from "@/stores/live";
import { useQuotes } from "@/stores/quotes";
import { useSession } from "@/stores/session";
import { useToasts } from "@/stores/toasts";

/** A stream whose server is the test. */
class Source extends EventTarget {
  static readonly CLOSED = 2;
  static all: Source[] = [];
  readyState = 1;

  constructor(readonly url: string) {
    super();
    Source.all.push(this);
  }

  close(): void {
    this.readyState = 2;
  }

  tell(type: string, data: unknown, lastEventId = ""): void {
    this.dispatchEvent(Object.assign(new Event(type), { data: JSON.stringify(data), lastEventId }));
  }

  /** The browser tries again by itself, or (`given`) has given up. */
  fail(given: boolean): void {
    if (given) this.readyState = 2;
    this.dispatchEvent(new Event("error"));
  }
}

const page = Object.assign(new EventTarget(), { hidden: false });
const session = { user: "ann.b", role: "trader" as const, csrf_token: "token", expires_at: 1 };
let reads = 0;
let signedIn = true;

const last = (): Source => Source.all.at(-1) as Source;
const open = (): number => Source.all.filter((source) => source.readyState !== 2).length;

beforeEach(() => {
  vi.useFakeTimers();
  setActivePinia(createPinia());
  [Source.all, reads, signedIn, page.hidden] = [[], 0, true, false];
  vi.stubGlobal("EventSource", Source);
  vi.stubGlobal("document", page);
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify(signedIn ? session : { ...session, user: null, role: null })));
  useSession().session = session;
  vi.spyOn(useAccount(), "refresh").mockImplementation(async () => void reads++);
  useLive().start();
});
afterEach(() => {
  useLive().stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("hello opens it, and the account is read: something may have happened before", () => {
  expect([last().url, useLive().link]).toEqual(["/api/users/ann.b/events", "opening"]);
  last().tell("hello", { user: "ann.b" });
  expect([useLive().link, reads]).toEqual(["open", 1]);
});

test("quotes are learnt, changes of the account are read, fires and expiries are told", () => {
  last().tell("quote", { symbol: "ABC", price: "20.00", quoted_at: 5 });
  expect(useQuotes().known.get("ABC")).toEqual({ price: 2000n, quotedAt: 5, before: null });
  last().tell("account", {});
  last().tell("fire", { symbol: "ABC", side: "sell", price: "23.00", shares: 1200, cash_added: "27600.00", at: 1, number: 2 }, "7");
  last().tell("expiry", { symbol: "ABC", side: "buy", shares: 5, cash_added: "100.00", at: 1, number: 3 }, "8");
  expect(reads).toBe(3);
  expect(useToasts().shown.map(({ title, text }) => `${title}: ${text}`)).toEqual([
    "Your sell trigger fired: 1,200 ABC sold at $23.00.",
    "Order expired: Buy 5 ABC was not confirmed in time. The money set aside is back in your cash.",
  ]);
});

test("a short break is not worth a word, a longer one is; afterwards it says that it is back", async () => {
  last().tell("hello", {});
  last().fail(false);
  await vi.advanceTimersByTimeAsync(1_000);
  last().tell("hello", {});
  await vi.advanceTimersByTimeAsync(5_000);
  expect([useLive().link, useToasts().shown.length]).toEqual(["open", 0]);
  last().fail(false);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(useLive().link).toBe("lost");
  last().tell("hello", {});
  expect([useLive().link, useToasts().shown[0]?.title]).toEqual(["open", "Connected again"]);
});

test("when the browser has given up a new one is opened, and goes on after the last event", async () => {
  last().tell("hello", {});
  last().tell("fire", { symbol: "ABC", side: "buy", price: "1.00", shares: 1, cash_added: "0.00", at: 1, number: 2 }, "42");
  for (let attempt = 2; attempt <= 6; attempt++) {
    last().fail(true);
    await vi.advanceTimersByTimeAsync(8_000);
    expect([Source.all.length, open()]).toEqual([attempt, 1]);
  }
  expect(last().url).toBe("/api/users/ann.b/events?last_event_id=42");
});

test("a stream that says nothing is none", async () => {
  await vi.advanceTimersByTimeAsync(9_999);
  expect(Source.all.length).toBe(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect([Source.all.length, open(), useLive().link]).toEqual([2, 1, "lost"]);
});

test("the session may have ended meanwhile: that is found out before a new one is opened", async () => {
  last().tell("hello", {});
  signedIn = false;
  last().fail(true);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([useSession().user, useSession().ended, open()]).toEqual([null, true, 0]);
});

test("a hidden tab gives its stream back, and takes it again when it is looked at", async () => {
  last().tell("hello", {});
  page.hidden = true;
  page.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(29_000);
  expect(open()).toBe(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect([open(), useLive().link]).toEqual([0, "open"]);
  page.hidden = false;
  page.dispatchEvent(new Event("visibilitychange"));
  expect([open(), Source.all.length]).toEqual([1, 2]);
});

test("stopped means stopped", async () => {
  last().fail(true);
  useLive().stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([open(), Source.all.length, useLive().link]).toEqual([0, 1, "off"]);
});
