/** What can be asked of the API without changing anything, and the session's own resources. One line a route. */
import { fetched, request } from "./http";
import type {
  Account, Credentials, HistoryFilter, HistoryPage, PasswordChange, PricePoint, Quote, Session, SymbolPrice,
  Watched,
} from "./types";

const at = encodeURIComponent;

export const readSession = (): Promise<Session> => request("GET", "/session");
export const logIn = (body: Credentials): Promise<Session> => request("POST", "/session", { body });
export const register = (body: Credentials): Promise<Session> => request("POST", "/registration", { body });
export const logOut = (): Promise<void> => request("DELETE", "/session");
export const changePassword = (body: PasswordChange): Promise<void> => request("PUT", "/password", { body });

export const readAccount = (user: string): Promise<Account> => request("GET", `/users/${at(user)}/account`);

export const readQuote = (user: string, symbol: string): Promise<Quote> =>
  request("GET", `/users/${at(user)}/quotes/${at(symbol)}`);

export const findSymbols = (prefix: string, limit: number, signal?: AbortSignal): Promise<{ symbols: SymbolPrice[] }> =>
  request("GET", `/symbols${query({ prefix, limit })}`, signal ? { signal } : {});

export const readPrices = (symbol: string, limit: number): Promise<{ prices: PricePoint[] }> =>
  request("GET", `/symbols/${at(symbol)}/prices${query({ limit })}`);

export const readWatchlist = (user: string): Promise<{ symbols: Watched[] }> =>
  request("GET", `/users/${at(user)}/watchlist`);
export const watch = (user: string, symbol: string): Promise<void> =>
  request("PUT", `/users/${at(user)}/watchlist/${at(symbol)}`);
export const unwatch = (user: string, symbol: string): Promise<void> =>
  request("DELETE", `/users/${at(user)}/watchlist/${at(symbol)}`);

export const readHistory = (
  user: string,
  filter: HistoryFilter,
  before: HistoryPage["next"],
  limit: number,
): Promise<HistoryPage> => request("GET", `/users/${at(user)}/history${query({ ...filter, before, limit })}`);

/** The file of a download resource and the name that the server gives it. */
export async function download(path: string, fallbackName: string): Promise<{ blob: Blob; name: string }> {
  const response = await fetched("GET", path, { timeoutMs: 120_000 });
  const named = /filename="?([A-Za-z0-9_.-]+)"?/.exec(response.headers.get("Content-Disposition") ?? "");
  return { blob: await response.blob(), name: named?.[1] ?? fallbackName };
}

export const historyCsv = (user: string, filter: HistoryFilter): Promise<{ blob: Blob; name: string }> =>
  download(`/users/${at(user)}/history.csv${query({ ...filter })}`, `history-${user}.csv`);
export const auditLog = (user: string): Promise<{ blob: Blob; name: string }> =>
  download(`/users/${at(user)}/log`, `log-${user}.xml`);

/** "?a=1&b=2" of those that are there. */
export function query(fields: Record<string, string | number | null | undefined>): string {
  const there = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(there.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}
