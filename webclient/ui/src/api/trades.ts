/** The trading commands as values: what is sent, and how it is called when we have to tell of it. The outbox sends them. */
import { dollars, wire, type Cents } from "@/lib/money";
import type { Method } from "./http";
import type { Cash, PlacedBuy, PlacedSell, SettledOrder, Side, TriggerReply } from "./types";

/** A trading command; `Reply` is the type of its answer. */
export interface Trade<Reply> {
  label: string;
  method: Method;
  /** Behind /users/{user}. */
  path: string;
  body?: Record<string, string>;
  /** It needs a price, for which the server may have to ask: that takes seconds. */
  priced?: true;
  readonly reply?: Reply; // A type's mark; never set.
}

const at = encodeURIComponent;

export const deposit = (amount: Cents): Trade<Cash> => ({
  label: `Deposit ${dollars(amount)}`,
  method: "POST",
  path: "/deposits",
  body: { amount: wire(amount) },
});

export const placeBuy = (symbol: string, amount: Cents): Trade<PlacedBuy> => ({
  label: `Buy ${symbol} for ${dollars(amount)}`,
  method: "POST",
  path: "/buys",
  priced: true,
  body: { symbol, amount: wire(amount) },
});

export const placeSell = (symbol: string, amount: Cents): Trade<PlacedSell> => ({
  label: `Sell ${symbol} for ${dollars(amount)}`,
  method: "POST",
  path: "/sells",
  priced: true,
  body: { symbol, amount: wire(amount) },
});

/** Confirms or cancels the newest pending order of a side. */
export const settle = (side: Side, verb: "commit" | "cancel", what: string): Trade<SettledOrder> => ({
  label: `${verb === "commit" ? "Confirm" : "Cancel"} ${what}`,
  method: "POST",
  path: `/${side}s/${verb}`,
});

export const setTriggerAmount = (side: Side, symbol: string, amount: Cents): Trade<TriggerReply> => ({
  label: `Set the ${side} trigger's amount for ${symbol} to ${dollars(amount)}`,
  method: "PUT",
  path: `/triggers/${side}/${at(symbol)}/amount`,
  body: { amount: wire(amount) },
});

export const setTriggerPrice = (side: Side, symbol: string, price: Cents): Trade<TriggerReply> => ({
  label: `Arm the ${side} trigger for ${symbol} at ${dollars(price)}`,
  method: "PUT",
  path: `/triggers/${side}/${at(symbol)}/price`,
  body: { price: wire(price) },
});

export const cancelTrigger = (side: Side, symbol: string): Trade<TriggerReply> => ({
  label: `Cancel the ${side} trigger for ${symbol}`,
  method: "DELETE",
  path: `/triggers/${side}/${at(symbol)}`,
});
