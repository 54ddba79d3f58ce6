/** Rates from counters, and how they are shown. */
import { describe, expect, it } from "vitest";
import { added, duration, MAX_READINGS, perSecond, rate, series, size, tierRate, type Reading } from "@/supervisor/rates";

function reading(at: number, commands: number, cpu: number | null = null): Reading {
  return {
    at,
    tiers: [{ name: "web", kind: "webserver", up: true, uptime_seconds: 1, memory_bytes: 1, cpu_seconds: cpu, commands_total: null }],
    totals: { commands_total: commands, quote_hits_total: 0, quote_cost_usd: "0.00", fires_total: 0, conflicts_total: 0 },
  };
}

describe("perSecond", () => {
  it("is the difference over the time", () => expect(perSecond(10, 40, 2_000)).toBe(15));
  it("knows nothing when the counter fell, no time went by or one end is not known", () => {
    expect(perSecond(10, 9, 1_000)).toBeNull();
    expect(perSecond(10, 11, 0)).toBeNull();
    expect(perSecond(null, 11, 1_000)).toBeNull();
    expect(perSecond(10, null, 1_000)).toBeNull();
  });
});

describe("readings", () => {
  it("keeps the newest ones", () => {
    let readings: Reading[] = [];
    for (let at = 1; at <= MAX_READINGS + 2; at++) readings = added(readings, reading(at, 0));
    expect(readings.map(({ at }) => at).slice(0, 1)).toEqual([3]);
    expect(readings).toHaveLength(MAX_READINGS);
  });
  it("drops one that is not later than the last", () => {
    const one = [reading(5, 1)];
    expect(added(one, reading(5, 2))).toBe(one);
    expect(added(one, reading(4, 2))).toBe(one);
  });
  it("become times in seconds and rates, with a gap where a counter began anew", () => {
    const readings = [reading(1_000, 0), reading(3_000, 20), reading(5_000, 4), reading(7_000, 10)];
    expect(series(readings, ({ totals }) => totals.commands_total)).toEqual([[3, 5, 7], [10, null, 3]]);
  });
  it("tell of each tier alone", () => {
    expect(tierRate([reading(0, 0, 1), reading(2_000, 0, 2)], "web", "cpu_seconds")).toBe(0.5);
    expect(tierRate([reading(0, 0, 1), reading(2_000, 0, 2)], "web", "commands_total")).toBeNull();
    expect(tierRate([reading(0, 0, 1), reading(2_000, 0, 2)], "gone", "cpu_seconds")).toBeNull();
    expect(tierRate([reading(0, 0, 1)], "web", "cpu_seconds")).toBeNull();
  });
});

describe("in words", () => {
  it.each([[null, "–"], [0, "0"], [0.04, "0.0"], [9.94, "9.9"], [12.4, "12"], [12_345.6, "12,346"]])("rate %s is %s", (value, text) =>
    expect(rate(value)).toBe(text));
  it.each([[null, "–"], [0, "0 B"], [999, "999 B"], [1_000, "1.0 kB"], [999_949, "999.9 kB"], [999_950, "1.0 MB"], [5.2e13, "52.0 TB"], [5e15, "5000.0 TB"]])(
    "size %s is %s", (value, text) => expect(size(value)).toBe(text));
  it.each([[null, "–"], [0.9, "0 s"], [59.9, "59 s"], [60, "1 min"], [3_600, "1 h 0 min"], [90_061, "1 d 1 h"]])("duration %s is %s", (value, text) =>
    expect(duration(value)).toBe(text));
});
