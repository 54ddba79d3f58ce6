/** What the supervisor's resources answer. Amounts are decimal strings, times ms since 1970. */
import type { HistoryFilter, Role } from "@/api/types";

/** A log-in, a trading account, or both: `role` is null without a log-in, `cash` and `reserved` are null without an account. */
export interface UserRow {
  user: string;
  role: Role | null;
  created_at: number | null;
  last_login_at: number | null;
  disabled: boolean;
  cash: string | null;
  reserved: string | null;
}

export interface UsersPage {
  users: UserRow[];
  next: string | null;
}

/** One process. What could not be asked of it is null. */
export interface TierRow {
  name: string;
  kind: string;
  up: boolean;
  uptime_seconds: number | null;
  memory_bytes: number | null;
  cpu_seconds: number | null;
  commands_total: number | null;
  restarts?: number | null;
}

export interface Totals {
  commands_total: number;
  quote_hits_total: number;
  quote_cost_usd: number | string;
  fires_total: number;
  conflicts_total: number;
}

export interface Tiers {
  at: number;
  tiers: TierRow[];
  totals: Totals;
}

export interface Dump {
  filename: string;
  bytes: number;
  written_at: number;
}

export interface WrittenDump {
  filename: string;
  events: number;
  url: string;
}

export interface LogFilter extends HistoryFilter {
  user?: string;
}
