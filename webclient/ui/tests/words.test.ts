/** Values of the pages: times, valuations, triggers, history filters, words. */
import { describe, expect, test } from "vitest";
import { query } from "@/api/reads";
import { ago, learnClock, secondsLeft, serverNow } from "@/lib/clock";
import { EMPTY, fromQuery, toFilter, toQuery } from "@/lib/historyfilter";
import { distance, mistake } from "@/lib/trigger";
import { total, valued } from "@/lib/valuation";
import { event, outcome } from "@/lib/words";

test("ages", () => {
  expect([0, 1_999, 2_000, 59_999, 60_000, 3_599_999, 3_600_000, 90_000_000].map((age) => ago(0, age))).toEqual([
    "now", "now", "2 s ago", "59 s ago", "1 min ago", "59 min ago", "1 h ago", "1 d ago",
  ]);
  expect(ago(5_000, 0)).toBe("now");
});

test("seconds left: a started one counts, none are negative", () => {
  expect([60_000, 59_999, 1, 0, -5].map((left) => secondsLeft(left, 0))).toEqual([60, 60, 1, 0, 0]);
});

test("a wrong clock is set right, the rounding of the header is not taken for one", () => {
  learnClock(Date.now() - 600);
  expect(Math.abs(serverNow() - Date.now())).toBeLessThan(50);
  learnClock(Date.now() + 3_600_000);
  expect(serverNow() - Date.now()).toBeGreaterThan(3_590_000);
  learnClock(Date.now());
  expect(Math.abs(serverNow() - Date.now())).toBeLessThan(50);
});

describe("valuation", () => {
  const held = { symbol: "ABC", shares: 3n, free: 2n, reserved: 1n, cost: 1000n };
  test("gain is value less cost, the average is rounded down", () => {
    expect(valued(held, 400n)).toMatchObject({ value: 1200n, gain: 200n, averageCost: 333n });
  });
  test("a position without a price is left out of the sum and counted", () => {
    expect(total([valued(held, 400n), valued(held, null)])).toEqual({ value: 1200n, cost: 1000n, gain: 200n, unknown: 1 });
  });
});

describe("triggers", () => {
  const trigger = { side: "buy", symbol: "ABC", amount: "100.00", price: "10.00", shares: 0 } as const;
  test("a buy trigger waits for a fall and is reached at its price", () => {
    expect(distance(trigger, 1200n)).toEqual({ change: -200n, price: 1200n, reached: false });
    expect(distance(trigger, 1000n)).toMatchObject({ change: 0n, reached: true });
    expect(distance(trigger, 900n)).toMatchObject({ change: 0n, reached: true });
  });
  test("a sell trigger waits for a rise", () => {
    expect(distance({ ...trigger, side: "sell" }, 900n)).toEqual({ change: 100n, price: 900n, reached: false });
    expect(distance({ ...trigger, side: "sell" }, 1000n)).toMatchObject({ reached: true });
  });
  test("nothing is known of one that is not armed, or without a price", () => {
    expect(distance({ ...trigger, price: null }, 900n)).toBeNull();
    expect(distance(trigger, null)).toBeNull();
  });
  test("less than one share is a mistake", () => {
    expect(mistake("buy", 999n, 1000n)).not.toBe("");
    expect(mistake("buy", 1000n, 1000n)).toBe("");
  });
});

describe("history's filter", () => {
  const form = { command: "BUY", outcome: "OK", symbol: " abc ", from: "2026-11-21T10:00", to: "2026-11-21T10:05", lookups: "" };
  test("there and back through the address", () => {
    expect(fromQuery(toQuery(form))).toEqual({ ...form, symbol: "abc" });
    expect(toQuery(EMPTY)).toEqual({});
    expect(fromQuery({ command: ["a", "b"], other: "x" })).toEqual(EMPTY);
  });
  test("as the API wants it: the last minute counts whole", () => {
    const filter = toFilter(form);
    expect(filter).toMatchObject({ command: "BUY", outcome: "OK", symbol: "ABC" });
    expect((filter.to ?? 0) - (filter.from ?? 0)).toBe(6 * 60_000);
  });
  test("what is no symbol and no time does not filter", () => {
    expect(toFilter({ ...EMPTY, symbol: "ABCD", from: "soon", to: "" })).toEqual({ lookups: "false" });
  });
  test("look-ups are left out unless they are asked for", () => {
    expect(toFilter(EMPTY).lookups).toBe("false");
    expect(toFilter({ ...EMPTY, lookups: "yes" }).lookups).toBeUndefined();
    expect(toFilter({ ...EMPTY, command: "QUOTE" }).lookups).toBeUndefined();
  });
});

test("events in words", () => {
  expect(event({ kind: "command", command: "COMMIT_BUY" })).toBe("Buy confirmed");
  expect(event({ kind: "fire", command: "SET_SELL_TRIGGER" })).toBe("Sell trigger fired");
  expect(event({ kind: "expiry", command: "CANCEL_BUY" })).toBe("Buy order expired");
  expect(event({ kind: "command", command: "NEW_ONE" })).toBe("NEW_ONE");
  expect([outcome("OK"), outcome("EXPIRED"), outcome("NEW_CODE")]).toEqual(["Done", "Too late", "NEW_CODE"]);
});

test("queries leave out what is empty", () => {
  expect(query({ a: 1, b: "", c: null, d: undefined, e: "x y" })).toBe("?a=1&e=x+y");
  expect(query({})).toBe("");
});
