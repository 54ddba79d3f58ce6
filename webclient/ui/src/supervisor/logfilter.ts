/** The audit log's filter: as it stands in the form, in the page's address, and as the API wants it. */
import type { LogFilter } from "./types";

export interface FilterForm {
  user: string;
  command: string;
  outcome: string;
  symbol: string;
  /** "2026-11-21T11:49", in this machine's time zone; empty is open. */
  from: string;
  to: string;
}

export const NO_FILTER: FilterForm = { user: "", command: "", outcome: "", symbol: "", from: "", to: "" };

const FIELDS = Object.keys(NO_FILTER) as (keyof FilterForm)[];

/** Times become ms since 1970; `to` includes its whole minute, or second where one was given. Empty fields are left out. */
export function filterOf(form: FilterForm): LogFilter {
  const filter: LogFilter = {};
  if (form.user.trim()) filter.user = form.user.trim();
  if (form.command) filter.command = form.command;
  if (form.outcome) filter.outcome = form.outcome;
  if (form.symbol.trim()) filter.symbol = form.symbol.trim().toUpperCase();
  const from = Date.parse(form.from);
  const to = Date.parse(form.to);
  if (!Number.isNaN(from)) filter.from = from;
  if (!Number.isNaN(to)) filter.to = to + (form.to.length > "2026-11-21T11:49".length ? 999 : 59_999);
  return filter;
}

/** What of the form belongs into the page's address, so that it can be kept and passed on. */
export function queryOf(form: FilterForm): Record<string, string> {
  return Object.fromEntries(FIELDS.map((name) => [name, form[name].trim()] as const).filter(([, text]) => text !== ""));
}

/** The form that an address asks for. What makes no sense there is left to the server to refuse. */
export function formOf(query: Record<string, unknown>): FilterForm {
  const form = { ...NO_FILTER };
  for (const name of FIELDS) {
    const text = query[name];
    if (typeof text === "string") form[name] = text;
  }
  return form;
}
