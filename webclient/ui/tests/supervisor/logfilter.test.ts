/** The audit log's filter between form, address and API. */
import { describe, expect, it } from "vitest";
import { filterOf, formOf, NO_FILTER, queryOf } from "@/supervisor/logfilter";

describe("filterOf", () => {
  it("leaves out what is empty", () => expect(filterOf(NO_FILTER)).toEqual({}));
  it("trims names and raises the stock", () =>
    expect(filterOf({ ...NO_FILTER, user: " ann ", command: "BUY", outcome: "OK", symbol: " abc" })).toEqual({
      user: "ann", command: "BUY", outcome: "OK", symbol: "ABC",
    }));
  it("takes times as this machine's, the last minute or second whole", () => {
    const at = new Date(2026, 10, 21, 11, 49).getTime();
    expect(filterOf({ ...NO_FILTER, from: "2026-11-21T11:49", to: "2026-11-21T11:49" })).toEqual({ from: at, to: at + 59_999 });
    expect(filterOf({ ...NO_FILTER, to: "2026-11-21T11:49:07" })).toEqual({ to: at + 7_999 });
  });
  it("leaves out times that are none", () => expect(filterOf({ ...NO_FILTER, from: "soon" })).toEqual({}));
});

describe("the address", () => {
  it("holds what was asked and gives it back", () => {
    const form = { ...NO_FILTER, user: "ann", from: "2026-11-21T11:49" };
    expect(queryOf(form)).toEqual({ user: "ann", from: "2026-11-21T11:49" });
    expect(formOf(queryOf(form))).toEqual(form);
  });
  it("may hold anything", () => expect(formOf({ user: ["a", "b"], other: "x", symbol: null })).toEqual(NO_FILTER));
});
