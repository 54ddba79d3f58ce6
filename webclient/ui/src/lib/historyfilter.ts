/** The history's filter as it stands in the address, so that it can be kept and sent, and as the API wants it. Values only. */
import type { HistoryFilter } from "@/api/types";

/** What stands in the form; empty fields do not filter. Times are what a datetime-local field holds, in local time. */
export interface FilterForm {
  command: string;
  outcome: string;
  symbol: string;
  from: string;
  to: string;
  /** "yes": also the commands that change nothing. */
  lookups: string;
}

const LOOKUPS = ["QUOTE", "DISPLAY_SUMMARY", "DUMPLOG"];

const FIELDS = ["command", "outcome", "symbol", "from", "to", "lookups"] as const;
export const EMPTY: FilterForm = { command: "", outcome: "", symbol: "", from: "", to: "", lookups: "" };

/** From the address' query; what does not fit a field is left out. */
export function fromQuery(query: Record<string, unknown>): FilterForm {
  const form = { ...EMPTY };
  for (const name of FIELDS) {
    const value = query[name];
    if (typeof value === "string") form[name] = value;
  }
  return form;
}

/** For the address: only the fields that filter. */
export function toQuery(form: FilterForm): Record<string, string> {
  const there = FIELDS.map((name) => [name, form[name].trim()] as const).filter(([, value]) => value !== "");
  return Object.fromEntries(there);
}

/** For the API. A time that is none does not filter; `to` includes its whole minute. */
export function toFilter(form: FilterForm): HistoryFilter {
  const filter: HistoryFilter = {};
  if (form.lookups !== "yes" && !LOOKUPS.includes(form.command)) filter.lookups = "false";
  if (form.command !== "") filter.command = form.command;
  if (form.outcome !== "") filter.outcome = form.outcome;
  if (/^[A-Za-z]{1,3}$/.test(form.symbol.trim())) filter.symbol = form.symbol.trim().toUpperCase();
  const [from, to] = [Date.parse(form.from), Date.parse(form.to)];
  if (!Number.isNaN(from)) filter.from = from;
  if (!Number.isNaN(to)) filter.to = to + 60_000;
  return filter;
}
