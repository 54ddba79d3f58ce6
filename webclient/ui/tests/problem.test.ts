/** Every failure has words: the server's problem details, a proxy's page, a cut-off answer. */
import { describe, expect, test } from "vitest";
import { offline, Problem, problemOf, retryAfter, asProblem } from "@/api/problem";

const DETAILS = {
  type: "/problems/INSUFFICIENT_FUNDS", title: "Not enough cash", status: 409, detail: "cash 10.00 is less than 100.00",
  code: "INSUFFICIENT_FUNDS", advice: "Deposit money, or buy for less.", instance: "/api/users/u/buys",
};

function answer(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, { status, headers });
}

describe("problemOf", () => {
  test("problem details are taken as they are", async () => {
    const body = JSON.stringify({ ...DETAILS, errors: { amount: ["Too much.", "Really."] } });
    const problem = await problemOf(answer(409, body, { "Content-Type": "application/problem+json", "Retry-After": "3" }));
    expect(problem).toMatchObject({ code: "INSUFFICIENT_FUNDS", status: 409, detail: DETAILS.detail, advice: DETAILS.advice, retryAfterMs: 3_000 });
    expect(problem.field("amount")).toBe("Too much. Really.");
    expect(problem.field("other")).toBe("");
    expect(problem.passing).toBe(false);
  });

  test.each([502, 503, 504])("a gateway's own %s passes", async (status) => {
    const problem = await problemOf(answer(status, "<h1>Bad gateway</h1>", { "Content-Type": "text/html" }));
    expect(problem).toMatchObject({ code: "GATEWAY", passing: true });
  });

  test.each([
    ["another page", answer(418, "teapot", { "Content-Type": "text/plain" })],
    ["broken JSON", answer(400, "{", { "Content-Type": "application/json" })],
    ["JSON of another kind", answer(400, "[1]", { "Content-Type": "application/json" })],
  ])("%s is unexpected, with words", async (_name, response) => {
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ code: "UNEXPECTED", passing: false });
    expect(problem.advice).not.toBe("");
  });
});

test("what may be sent again", () => {
  const codes = ["BUSY", "UNAVAILABLE", "RATE_LIMITED", "QUOTE_UNAVAILABLE", "LOCKED_OUT", "EXPIRED"];
  expect(codes.filter((code) => new Problem({ ...DETAILS, code }).passing)).toEqual(["BUSY", "UNAVAILABLE", "RATE_LIMITED"]);
  expect(offline().passing).toBe(true);
});

test("only problems are problems", () => {
  expect(asProblem(offline())).toMatchObject({ code: "OFFLINE" });
  expect(() => asProblem(new TypeError("bug"))).toThrow("bug");
});

test("Retry-After in seconds, as a date, or not at all", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(retryAfter("7")).toBe(7_000);
  expect(retryAfter("Thu, 01 Jan 2026 00:00:05 GMT", now)).toBe(5_000);
  expect(retryAfter("Wed, 31 Dec 2025 00:00:05 GMT", now)).toBe(0);
  expect(retryAfter("soon")).toBeNull();
  expect(retryAfter(null)).toBeNull();
});
