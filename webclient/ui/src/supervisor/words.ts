/** The audit log's own words, for its filters: commands and outcomes as commands.md names them. */

export const COMMANDS = [
  "ADD", "QUOTE", "BUY", "COMMIT_BUY", "CANCEL_BUY", "SELL", "COMMIT_SELL", "CANCEL_SELL",
  "SET_BUY_AMOUNT", "SET_BUY_TRIGGER", "CANCEL_SET_BUY", "SET_SELL_AMOUNT", "SET_SELL_TRIGGER", "CANCEL_SET_SELL",
  "DISPLAY_SUMMARY", "DUMPLOG",
] as const;

export const OUTCOMES = [
  "OK", "INSUFFICIENT_FUNDS", "INSUFFICIENT_SHARES", "TOO_SMALL", "NOTHING_PENDING", "EXPIRED", "NO_AMOUNT_SET", "NOT_SET",
  "UNKNOWN_USER", "QUOTE_UNAVAILABLE", "BAD_REQUEST", "BAD_AMOUNT", "BAD_SYMBOL", "BAD_USER", "BAD_FILENAME",
] as const;
