/** Money: every string of the server, every slip of the keyboard, and no float anywhere. */
import { describe, expect, test } from "vitest";
import { cents, dollars, entered, grouped, MAX_AMOUNT, roundedRatio, signedDollars, signedPercent, wire } from "@/lib/money";

describe("the server's strings", () => {
  test.each([
    ["0", 0n], ["0.00", 0n], ["0.1", 10n], ["63511.53", 6351153n], ["-12.05", -1205n], ["40000000000000000.99", 4000000000000000099n],
  ])("%s", (text, value) => expect(cents(text)).toBe(value));

  test.each(["", "1e3", "1.234", ".5", "1.", "NaN", " 1", "1,000.00", "0x10"])("%j is none", (text) => {
    expect(() => cents(text)).toThrow(RangeError);
  });

  test("there and back, also beyond what a float holds", () => {
    for (const value of [0n, 1n, 99n, 100n, -1n, -12345n, 2n ** 53n + 1n, 4n * 10n ** 18n]) expect(cents(wire(value))).toBe(value);
  });
});

describe("as people read it", () => {
  test.each([
    [0n, "$0.00"], [5n, "$0.05"], [6351153n, "$63,511.53"], [-100000n, "−$1,000.00"], [10n ** 15n, "$10,000,000,000,000.00"],
  ])("%s cents", (value, text) => expect(dollars(value)).toBe(text));

  test("gains carry a sign, nothing has none", () => {
    expect([signedDollars(1n), signedDollars(-1n), signedDollars(0n)]).toEqual(["+$0.01", "−$0.01", "$0.00"]);
  });

  test.each([
    [1n, 3n, "+33.33%"], [2n, 3n, "+66.67%"], [-1n, 3n, "−33.33%"], [0n, 5n, "0.00%"], [5n, 0n, "–"], [1234567n, 100n, "+1,234,567.00%"],
  ])("%s of %s", (part, whole, text) => expect(signedPercent(part, whole)).toBe(text));

  test("whole numbers in groups of three", () => {
    expect([grouped(1), grouped(999), grouped(1000), grouped(1234567n)]).toEqual(["1", "999", "1,000", "1,234,567"]);
  });

  test("halves go away from zero", () => {
    expect([roundedRatio(5n, 10n), roundedRatio(-5n, 10n), roundedRatio(4n, 10n), roundedRatio(-4n, 10n)]).toEqual([1n, -1n, 0n, 0n]);
  });
});

describe("what people type", () => {
  test.each([
    ["250", 25000n], [" 99.95 ", 9995n], ["$1,234.50", 123450n], ["1234.5", 123450n], ["7.", 700n], ["0.01", 1n], ["0007", 700n],
    ["100000000000", MAX_AMOUNT],
  ])("%j", (text, value) => expect(entered(text)).toEqual({ ok: true, cents: value }));

  test.each([
    ["", /Enter the amount/], ["abc", /digits/], ["-5", /digits/], ["1e3", /digits/], ["1,23", /digits/], ["1.234", /two digits/],
    ["0", /more than zero/], ["0.00", /more than zero/], ["100000000000.01", /at most \$100,000,000,000\.00/], ["9999999999999999", /digits/],
  ])("%j says what is wrong", (text, why) => {
    const entry = entered(text);
    expect(entry.ok).toBe(false);
    expect(entry.ok ? "" : entry.why).toMatch(why);
  });
});
