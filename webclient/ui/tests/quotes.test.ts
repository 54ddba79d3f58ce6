// What is known of prices: the newest wins, and the one before it is what was seen, or what somebody recorded.
import { createPinia, setActivePinia } from "pinia";
import { beforeEach, expect, test } from "vitest";
import { useQuotes } from "@/stores/quotes";

beforeEach(() => setActivePinia(createPinia()));

const known = (): unknown[] => {
  const { price, quotedAt, before } = useQuotes().known.get("ABC")!;
  return [price, quotedAt, before];
};

test("a change is seen when another price comes; the same one again changes nothing", () => {
  const quotes = useQuotes();
  quotes.learn("ABC", "20.00", 5);
  expect(known()).toEqual([2000n, 5, null]);
  quotes.learn("ABC", "21.00", 6);
  quotes.learn("ABC", "21.00", 7);
  quotes.learn("ABC", "19.00", 4);
  expect(known()).toEqual([2100n, 7, 2000n]);
});

test("a watch list knows the price before, also of one that came live already", () => {
  const quotes = useQuotes();
  quotes.learn("ABC", "20.00", 5);
  quotes.learnAll([{ symbol: "ABC", price: "20.00", quoted_at: 5, before: "18.00" }, { symbol: "B", price: null, quoted_at: null, before: null }]);
  expect(known()).toEqual([2000n, 5, 1800n]);
  quotes.learnAll([{ symbol: "ABC", price: "19.00", quoted_at: 4, before: "1.00" }]);
  expect(known()).toEqual([2000n, 5, 1800n]);
  quotes.learnAll([{ symbol: "ABC", price: "22.00", quoted_at: 9 }]);
  expect(known()).toEqual([2200n, 9, 2000n]);
  expect(quotes.known.has("B")).toBe(false);
});
