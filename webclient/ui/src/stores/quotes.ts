/** The last known price of each symbol. Live quotes, replies and lists all come here; the newest quote wins. */
import { defineStore } from "pinia";
import { reactive } from "vue";
import { asProblem } from "@/api/problem";
import { findSymbols, readQuote } from "@/api/reads";
import type { SymbolPrice, Watched } from "@/api/types";
import { serverNow } from "@/lib/clock";
import { cents, type Cents } from "@/lib/money";
import { useSession } from "./session";

export interface KnownPrice {
  price: Cents;
  quotedAt: number;
  /** The price before this one, as far as we know. */
  before: Cents | null;
}

/** commands.md: a price may be used for this long. */
export const QUOTE_LIFE_MS = 60_000;

/** Symbols whose last price is looked up at the same time. */
const MAX_LOOKUPS = 4;

export const useQuotes = defineStore("quotes", () => {
  const session = useSession();
  const known = reactive(new Map<string, KnownPrice>());
  const asked = new Set<string>();

  /** `recorded`: the price that was recorded before this one, by who knows it. */
  function learn(symbol: string, price: string, quotedAt: number, recorded: string | null = null): void {
    const old = known.get(symbol);
    if (old !== undefined && (old.quotedAt > quotedAt || (old.quotedAt === quotedAt && recorded === null))) return;
    const now = cents(price);
    const seen = old === undefined ? null : old.price === now ? old.before : old.price;
    known.set(symbol, { price: now, quotedAt, before: recorded === null ? seen : cents(recorded) });
  }

  function learnAll(list: (SymbolPrice | Watched)[]): void {
    for (const { symbol, price, quoted_at, ...more } of list) {
      if (price !== null && quoted_at !== null) learn(symbol, price, quoted_at, "before" in more ? more.before : null);
    }
  }

  /** A price at most 60 s old; the server may have to buy it. Throws Problem. */
  async function fresh(symbol: string): Promise<void> {
    if (session.user === null) return;
    const quote = await readQuote(session.user, symbol);
    learn(quote.symbol, quote.price, quote.quoted_at);
  }

  /** Fresh prices for all that are older than a quote's life, a few at a time. Throws the first Problem. */
  async function freshen(symbols: string[]): Promise<void> {
    const old = symbols.filter((symbol) => serverNow() - (known.get(symbol)?.quotedAt ?? 0) > QUOTE_LIFE_MS);
    await inTurns(old, fresh);
  }

  /** Looks up the last recorded price of those we know none of; costs nothing. A symbol is asked for once. */
  async function recall(symbols: string[]): Promise<void> {
    const missing = symbols.filter((symbol) => !known.has(symbol) && !asked.has(symbol));
    missing.forEach((symbol) => asked.add(symbol));
    await inTurns(missing, recorded);
  }

  /** The newest recorded price. One that cannot be read is not known, or as old as it says; later it is asked for again. */
  async function recorded(symbol: string): Promise<void> {
    try {
      learnAll((await findSymbols(symbol, 1)).symbols);
    } catch (error) {
      asProblem(error);
      asked.delete(symbol);
    }
  }

  function clear(): void {
    known.clear();
    asked.clear();
  }

  return { known, learn, learnAll, fresh, freshen, recall, recorded, clear };
});

async function inTurns(symbols: string[], act: (symbol: string) => Promise<void>): Promise<void> {
  const left = [...symbols];
  const next = async (): Promise<void> => {
    for (let symbol = left.shift(); symbol !== undefined; symbol = left.shift()) await act(symbol);
  };
  await Promise.all(Array.from({ length: Math.min(MAX_LOOKUPS, left.length) }, next));
}
