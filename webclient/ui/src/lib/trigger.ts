/** When a trigger fires, and how far the price still is from it. Values only; the rule is in commands.md. */
import type { Side, Trigger } from "@/api/types";
import { cents, type Cents } from "./money";

export interface Distance {
  /** What the price has still to move, signed: negative for a buy trigger that waits for a fall. Zero: it is reached. */
  change: Cents;
  /** What that is compared with: the price of now. */
  price: Cents;
  reached: boolean;
}

/** Null when it is not armed or no price is known. */
export function distance(trigger: Trigger, price: Cents | null): Distance | null {
  if (trigger.price === null || price === null) return null;
  const change = cents(trigger.price) - price;
  const reached = trigger.side === "buy" ? change >= 0n : change <= 0n;
  return { change: reached ? 0n : change, price, reached };
}

/** What is wrong with a trigger before it is sent; empty when nothing is. The server has the last word. */
export function mistake(side: Side, amount: Cents, price: Cents): string {
  if (amount >= price) return "";
  return `The amount is less than one share at that price: it would ${side} nothing.`;
}
