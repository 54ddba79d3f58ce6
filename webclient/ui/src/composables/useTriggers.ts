/** Setting and cancelling triggers. Setting is two commands, the amount and then the price that arms it. */
import { cancelTrigger, setTriggerAmount, setTriggerPrice } from "@/api/trades";
import type { Side } from "@/api/types";
import type { Cents } from "@/lib/money";
import { useAccount } from "@/stores/account";
import { useOutbox } from "@/stores/outbox";

export interface Triggers {
  /** Throws Problem; when the amount was set and the price refused, the trigger is there and not armed. */
  set: (side: Side, symbol: string, amount: Cents, price: Cents) => Promise<void>;
  cancel: (side: Side, symbol: string) => Promise<void>;
}

export function useTriggers(): Triggers {
  const account = useAccount();
  const outbox = useOutbox();

  async function set(side: Side, symbol: string, amount: Cents, price: Cents): Promise<void> {
    try {
      await outbox.send(setTriggerAmount(side, symbol, amount));
      await outbox.send(setTriggerPrice(side, symbol, price));
    } finally {
      await account.refresh();
    }
  }

  async function cancel(side: Side, symbol: string): Promise<void> {
    try {
      await outbox.send(cancelTrigger(side, symbol));
    } finally {
      await account.refresh();
    }
  }

  return { set, cancel };
}
