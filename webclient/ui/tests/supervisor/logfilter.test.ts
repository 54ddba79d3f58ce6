/** The audit log's filter between form, address and API: a trader's, with the user. */
import { describe, expect, it } from "vitest";
import { filterOf, formOf, NO_FILTER, queryOf } from "@/supervisor/logfilter";

describe("the log's filter", () => {
  it("names the user, without blanks", () => {
    expect(filterOf({ ...NO_FILTER, user: " ann ", command: "BUY" })).toMatchObject({ user: "ann", command: "BUY" });
  });
  it("is about everybody without a user", () => expect(filterOf(NO_FILTER)).not.toHaveProperty("user"));
  it("stands in the address and is read from there", () => {
    const form = { ...NO_FILTER, user: "ann", from: "2026-11-21T11:49" };
    expect(queryOf(form)).toEqual({ user: "ann", from: "2026-11-21T11:49" });
    expect(formOf(queryOf(form))).toEqual(form);
  });
  it("takes any address", () => expect(formOf({ user: ["a", "b"], other: "x", symbol: null })).toEqual(NO_FILTER));
});
