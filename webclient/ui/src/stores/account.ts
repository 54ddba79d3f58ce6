/** The trader's account as the server last told it. Nothing is computed ahead of the server: it is asked again instead. */
import { defineStore } from "pinia";
import { computed, ref } from "vue";
import { Problem } from "@/api/problem";
import { readAccount } from "@/api/reads";
import type { Account, Pending, Side, Trigger } from "@/api/types";
import { cents, type Cents } from "@/lib/money";
import { useSession } from "./session";

/** commands.md: the price of a pending order holds for this long, unless the server says otherwise when it takes one. */
const PENDING_LIFE_MS = 60_000;

/** Pause before an account that could not be read is asked for again. */
const AGAIN_MS = 2_000;

export interface PendingOrder extends Pending {
  side: Side;
  expiresAt: number;
  /** What the order costs or brings. */
  value: Cents;
  /** The newest of its side: what confirm and cancel take. */
  newest: boolean;
}

export interface Position {
  symbol: string;
  free: bigint;
  reserved: bigint;
  shares: bigint;
  cost: Cents;
}

export const useAccount = defineStore("account", () => {
  const session = useSession();
  const summary = ref<Account | null>(null);
  const problem = ref<Problem | null>(null);
  const pendingLifeMs = ref(PENDING_LIFE_MS);
  let running: Promise<void> | null = null;
  let wanted = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const cash = computed(() => cents(summary.value?.cash ?? "0"));
  const reserved = computed(() => cents(summary.value?.reserved ?? "0"));
  const triggers = computed<Trigger[]>(() => summary.value?.triggers ?? []);
  const positions = computed<Position[]>(() =>
    Object.entries(summary.value?.holdings ?? {}).map(([symbol, holding]) => ({
      symbol,
      free: BigInt(holding.shares),
      reserved: BigInt(holding.reserved),
      shares: BigInt(holding.shares) + BigInt(holding.reserved),
      cost: cents(holding.cost),
    })),
  );
  const pendings = computed<PendingOrder[]>(() =>
    [
      ...(summary.value?.pending_buys ?? []).map((item, place) => pendingOrder("buy", item, place, pendingLifeMs.value)),
      ...(summary.value?.pending_sells ?? []).map((item, place) => pendingOrder("sell", item, place, pendingLifeMs.value)),
    ].sort((a, b) => b.timestamp - a.timestamp),
  );

  /** How often a command had this outcome, ever. */
  function count(command: string, outcome = "OK"): number {
    return summary.value?.history.counts[command]?.[outcome] ?? 0;
  }

  /** Learns the life of orders from one that was placed, if it is still the newest. */
  function learnLife(side: Side, expiresAt: number): void {
    const newest = pendings.value.find((order) => order.side === side && order.newest);
    if (newest && expiresAt > newest.timestamp && expiresAt - newest.timestamp <= 10 * PENDING_LIFE_MS) {
      pendingLifeMs.value = expiresAt - newest.timestamp;
    }
  }

  /** Reads the account. Calls while a read is under way become one more read after it. Never throws a Problem. */
  function refresh(): Promise<void> {
    wanted = true;
    running ??= reads().finally(() => (running = null));
    return running;
  }

  async function reads(): Promise<void> {
    while (wanted && session.user !== null && session.isTrader) {
      wanted = false;
      await readOnce(session.user);
    }
  }

  async function readOnce(user: string): Promise<void> {
    clearTimeout(timer);
    try {
      const found = await readAccount(user);
      if (session.user === user) summary.value = found;
      problem.value = null;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
      if (error.passing) timer = setTimeout(() => void refresh(), AGAIN_MS);
    }
  }

  function clear(): void {
    clearTimeout(timer);
    summary.value = null;
    problem.value = null;
  }

  return { summary, problem, pendingLifeMs, learnLife, cash, reserved, triggers, positions, pendings, count, refresh, clear };
});

function pendingOrder(side: Side, item: Pending, place: number, lifeMs: number): PendingOrder {
  const value = cents(item.price) * BigInt(item.shares);
  return { ...item, side, value, expiresAt: item.timestamp + lifeMs, newest: place === 0 };
}
