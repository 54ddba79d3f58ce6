/** The API's shapes, by hand. Amounts and prices are decimal strings ("63511.53"), times are ms since 1970, symbols upper case. */

export type Role = "trader" | "supervisor";
export type Side = "buy" | "sell";

export interface Session {
  user: string | null;
  role: Role | null;
  csrf_token: string | null;
  expires_at: number | null;
}

export interface Credentials {
  user: string;
  password: string;
}

export interface PasswordChange {
  current_password: string;
  new_password: string;
}

/** `shares` are free, `reserved` are held by pending sells and sell triggers; `cost` is what both together cost. */
export interface Holding {
  shares: number;
  reserved: number;
  cost: string;
}

/** A pending buy or sell; its price holds for 60 s from `timestamp`. */
export interface Pending {
  symbol: string;
  shares: number;
  price: string;
  timestamp: number;
}

/** `price` is null as long as the trigger is not armed; `shares` are what a sell trigger holds back. */
export interface Trigger {
  side: Side;
  symbol: string;
  amount: string;
  price: string | null;
  shares: number;
}

export interface NewestCommand {
  number: number;
  command: string;
  symbol: string | null;
  amount: string | null;
  outcome: string;
  timestamp: number;
}

/** The newest pending is the first; COMMIT and CANCEL take that one. */
export interface Account {
  user: string;
  cash: string;
  reserved: string;
  holdings: Record<string, Holding>;
  pending_buys: Pending[];
  pending_sells: Pending[];
  pendings_not_shown: number;
  triggers: Trigger[];
  history: { counts: Record<string, Record<string, number>>; newest: NewestCommand[] };
}

export interface Cash {
  cash: string;
}

export interface Quote {
  symbol: string;
  price: string;
  quoted_at: number;
}

export interface SymbolPrice {
  symbol: string;
  price: string;
  quoted_at: number;
}

/** A stock on the watch list; whether anybody has asked its price before is another matter. */
export interface Watched {
  symbol: string;
  price: string | null;
  quoted_at: number | null;
  /** The last recorded price that was another one. */
  before: string | null;
}

export interface PricePoint {
  price: string;
  quoted_at: number;
}

/** What BUY answers; SELL answers the same with `proceeds` and without `cash`. */
export interface PlacedBuy {
  symbol: string;
  shares: number;
  price: string;
  cost: string;
  expires_at: number;
  cash: string;
}

export interface PlacedSell {
  symbol: string;
  shares: number;
  price: string;
  proceeds: string;
  expires_at: number;
}

/** What COMMIT_* and CANCEL_* answer about the pending that they took; CANCEL_SELL gives symbol and shares only. */
export interface SettledOrder {
  symbol: string;
  shares: number;
  price?: string;
  cost?: string;
  proceeds?: string;
  returned?: string;
  cash?: string;
}

export interface TriggerReply {
  symbol: string;
  amount?: string;
  price?: string;
  shares?: number;
  returned?: string;
  cash?: string;
}

export type HistoryKind = "command" | "fire" | "expiry";

/** `command` of a fire is the one that armed it, of an expiry CANCEL_BUY or CANCEL_SELL. `session` and `number` are the request's key. */
export interface HistoryEntry {
  user: string | null;
  at: number;
  seq: number;
  kind: HistoryKind;
  command: string;
  symbol: string | null;
  amount: string | null;
  price: string | null;
  shares: number | null;
  cash_added: string | null;
  cash_removed: string | null;
  /** "OK" or the code of the refusal. */
  outcome: string;
  session: string;
  number: number;
  server: string;
}

export interface HistoryPage {
  entries: HistoryEntry[];
  next: string | null;
}

/** Empty or missing fields do not filter. Times are ms since 1970. */
export interface HistoryFilter {
  command?: string;
  outcome?: string;
  symbol?: string;
  from?: number;
  /** Not itself included. */
  to?: number;
  /** "false": without QUOTE, DISPLAY_SUMMARY and DUMPLOG, which change nothing. */
  lookups?: "false";
}

export interface FireEvent {
  symbol: string;
  side: Side;
  price: string;
  shares: number;
  cash_added: string;
  at: number;
  number: number;
}

export interface ExpiryEvent {
  symbol: string;
  side: Side;
  shares: number;
  cash_added: string;
  at: number;
  number: number;
}

/** RFC 9457 with the system's code and what to do about it. */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  advice: string;
  instance?: string;
  errors?: Record<string, string[]>;
}
