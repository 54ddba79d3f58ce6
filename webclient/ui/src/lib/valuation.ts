/** What positions are worth and what they have gained, from their cost and the last known prices. Values only. */
import type { Cents } from "./money";

export interface Valued {
  symbol: string;
  shares: bigint;
  free: bigint;
  reserved: bigint;
  cost: Cents;
  /** Per share, rounded down to a cent. */
  averageCost: Cents;
  /** Null as long as no price is known. */
  value: Cents | null;
  gain: Cents | null;
}

export interface Total {
  value: Cents;
  cost: Cents;
  gain: Cents;
  /** Positions that are left out because their price is not known. */
  unknown: number;
}

interface Held {
  symbol: string;
  shares: bigint;
  free: bigint;
  reserved: bigint;
  cost: Cents;
}

export function valued(held: Held, price: Cents | null): Valued {
  const value = price === null ? null : held.shares * price;
  const averageCost = held.shares > 0n ? held.cost / held.shares : 0n;
  return { ...held, averageCost, value, gain: value === null ? null : value - held.cost };
}

/** The sum of those whose price is known. */
export function total(positions: Valued[]): Total {
  const sum: Total = { value: 0n, cost: 0n, gain: 0n, unknown: 0 };
  for (const { value, cost, gain } of positions) {
    if (value === null || gain === null) sum.unknown += 1;
    else {
      sum.value += value;
      sum.cost += cost;
      sum.gain += gain;
    }
  }
  return sum;
}
