/** What a trader does with orders: place, confirm, cancel. Says what the server did, which may not be what was expected. */
import { defineStore } from "pinia";
import { asProblem } from "@/api/problem";
import { placeBuy, placeSell, settle } from "@/api/trades";
import type { PlacedBuy, PlacedSell, SettledOrder, Side } from "@/api/types";
import { useTask } from "@/composables/useTask";
import { cents, dollars, grouped, type Cents } from "@/lib/money";
import { useAccount, type PendingOrder } from "./account";
import { Stopped, useOutbox } from "./outbox";
import { useQuotes } from "./quotes";
import { useToasts } from "./toasts";

/** "Buy 12 ABC at $8.00". */
export function described(order: Pick<PendingOrder, "side" | "shares" | "symbol" | "price">): string {
  const verb = order.side === "buy" ? "Buy" : "Sell";
  return `${verb} ${grouped(order.shares)} ${order.symbol} at ${dollars(cents(order.price))}`;
}

export const useOrders = defineStore("orders", () => {
  const account = useAccount();
  const outbox = useOutbox();
  const quotes = useQuotes();
  const toasts = useToasts();
  const buying = useTask();
  const selling = useTask();
  const tasks = { buy: buying, sell: selling };

  /** Throws Problem when it is refused, Stopped when the user gave up waiting. */
  async function place(side: Side, symbol: string, amount: Cents): Promise<void> {
    let placed: PlacedBuy | PlacedSell | null = null;
    try {
      placed = await outbox.send<PlacedBuy | PlacedSell>(side === "buy" ? placeBuy(symbol, amount) : placeSell(symbol, amount));
    } finally {
      await account.refresh();
      void quotes.recorded(symbol);
    }
    account.learnLife(side, placed.expires_at);
  }

  /** Confirms or cancels the newest pending order of its side, once, however often the button is pressed. */
  async function finish(order: PendingOrder, verb: "commit" | "cancel"): Promise<void> {
    await tasks[order.side].run(async () => {
      try {
        tell(order, verb, await outbox.send(settle(order.side, verb, `“${described(order)}”`)));
      } catch (error) {
        if (error instanceof Stopped) throw error;
        const problem = asProblem(error);
        toasts.problem(problem.title, problem);
      } finally {
        await account.refresh();
      }
    });
  }

  /** The server took the newest order that it had: another window may have placed one that we did not know of. */
  function tell(order: PendingOrder, verb: "commit" | "cancel", done: SettledOrder): void {
    const same = done.symbol === order.symbol && done.shares === order.shares;
    const found = `${grouped(done.shares)} ${done.symbol}`;
    if (!same) {
      const title = `Another order was newer and was ${verb === "commit" ? "confirmed" : "cancelled"}`;
      toasts.show("bad", title, `It was about ${found}, placed in another window. “${described(order)}” still waits.`, true);
    } else if (verb === "cancel") {
      toasts.info("Order cancelled", order.side === "buy" ? "The money is back in your cash." : "The shares are free again.");
    } else {
      const sum = dollars(cents(done.cost ?? done.proceeds ?? "0"));
      toasts.good(order.side === "buy" ? `Bought ${found} for ${sum}` : `Sold ${found} for ${sum}`);
    }
  }

  return { buying: buying.busy, selling: selling.busy, place, finish };
});
