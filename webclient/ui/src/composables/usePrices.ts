/** The recorded prices of a symbol, and those that come in while one looks. */
import { shallowRef, watch, type Ref } from "vue";
import { asProblem, type Problem } from "@/api/problem";
import { readPrices } from "@/api/reads";
import { cents, type Cents } from "@/lib/money";
import { useQuotes } from "@/stores/quotes";

const MOST = 200;

export interface PricePointOf {
  at: number;
  price: Cents;
}

export function usePrices(symbol: () => string): { points: Readonly<Ref<PricePointOf[]>>; problem: Ref<Problem | null>; load: () => Promise<void> } {
  const quotes = useQuotes();
  const points = shallowRef<PricePointOf[]>([]);
  const problem = shallowRef<Problem | null>(null);

  /** Reads what is recorded; also tells the last price. Never throws a Problem. */
  async function load(): Promise<void> {
    const wanted = symbol();
    try {
      const { prices } = await readPrices(wanted, MOST);
      if (wanted !== symbol()) return;
      points.value = prices.map(({ price, quoted_at }) => ({ at: quoted_at, price: cents(price) }));
      problem.value = null;
      const last = prices.at(-1);
      if (last) quotes.learn(wanted, last.price, last.quoted_at);
    } catch (error) {
      problem.value = asProblem(error);
    }
  }

  watch(
    () => quotes.known.get(symbol()),
    (known) => {
      const last = points.value.at(-1);
      if (known === undefined || (last !== undefined && last.at >= known.quotedAt)) return;
      points.value = [...points.value, { at: known.quotedAt, price: known.price }].slice(-2 * MOST);
    },
  );

  return { points, problem, load };
}
