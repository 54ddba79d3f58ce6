/** The symbols that the trader watches, in the server's order. */
import { defineStore } from "pinia";
import { ref } from "vue";
import { readWatchlist, unwatch, watch } from "@/api/reads";
import { useQuotes } from "./quotes";
import { useSession } from "./session";

export const useWatchlist = defineStore("watchlist", () => {
  const session = useSession();
  const quotes = useQuotes();
  const symbols = ref<string[] | null>(null);

  /** Throws Problem, like the others. */
  async function load(): Promise<void> {
    if (session.user === null) return;
    const list = (await readWatchlist(session.user)).symbols;
    quotes.learnAll(list);
    symbols.value = list.map((item) => item.symbol);
  }

  async function add(symbol: string): Promise<void> {
    if (session.user === null) return;
    await watch(session.user, symbol);
    await load();
  }

  async function remove(symbol: string): Promise<void> {
    if (session.user === null) return;
    await unwatch(session.user, symbol);
    symbols.value = symbols.value?.filter((other) => other !== symbol) ?? null;
  }

  const has = (symbol: string): boolean => symbols.value?.includes(symbol) ?? false;

  return { symbols, load, add, remove, has, clear: () => (symbols.value = null) };
});
