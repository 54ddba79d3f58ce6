/** The system's words in plain English: commands, outcomes, events. */
import type { HistoryEntry } from "@/api/types";

const COMMANDS: Record<string, string> = {
  ADD: "Deposit",
  QUOTE: "Price asked",
  BUY: "Buy ordered",
  COMMIT_BUY: "Buy confirmed",
  CANCEL_BUY: "Buy cancelled",
  SELL: "Sell ordered",
  COMMIT_SELL: "Sell confirmed",
  CANCEL_SELL: "Sell cancelled",
  SET_BUY_AMOUNT: "Buy trigger: amount",
  SET_BUY_TRIGGER: "Buy trigger: armed",
  CANCEL_SET_BUY: "Buy trigger cancelled",
  SET_SELL_AMOUNT: "Sell trigger: amount",
  SET_SELL_TRIGGER: "Sell trigger: armed",
  CANCEL_SET_SELL: "Sell trigger cancelled",
  DISPLAY_SUMMARY: "Account read",
  DUMPLOG: "Log written",
};

const OUTCOMES: Record<string, string> = {
  OK: "Done",
  INSUFFICIENT_FUNDS: "Not enough cash",
  INSUFFICIENT_SHARES: "Not enough shares",
  TOO_SMALL: "Less than one share",
  NOTHING_PENDING: "Nothing to confirm",
  EXPIRED: "Too late",
  NO_AMOUNT_SET: "No amount set",
  NOT_SET: "No such trigger",
  UNKNOWN_USER: "No account yet",
  QUOTE_UNAVAILABLE: "No price",
  BAD_AMOUNT: "Not an amount",
  BAD_REQUEST: "Not understood",
  BAD_SYMBOL: "Not a symbol",
  BAD_USER: "Not a user name",
  BAD_FILENAME: "Not a file name",
};

export const commandChoices: [string, string][] = Object.entries(COMMANDS);
export const outcomeChoices: [string, string][] = Object.entries(OUTCOMES);

/** "Buy confirmed", "Buy trigger fired", "Sell order expired"; an unknown word stays as it is. */
export function event(entry: Pick<HistoryEntry, "kind" | "command">): string {
  const { command } = entry;
  const side = command.includes("SELL") ? "Sell" : "Buy";
  if (entry.kind === "fire") return `${side} trigger fired`;
  if (entry.kind === "expiry") return `${side} order expired`;
  return COMMANDS[command] ?? command;
}

export function outcome(code: string): string {
  return OUTCOMES[code] ?? code;
}
