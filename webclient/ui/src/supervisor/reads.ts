/** The supervisor's resources, one function a route. Downloads are plain links: a file of any size goes straight to the disk. */
import { request } from "@/api/http";
import { newKey } from "@/api/key";
import { query } from "@/api/reads";
import type { HistoryPage } from "@/api/types";
import type { Dump, LogFilter, Tiers, UserRow, UsersPage, WrittenDump } from "./types";

/** A dump of a large log takes its time. */
const DUMP_TIMEOUT_MS = 120_000;

const at = encodeURIComponent;

export const readTiers = (): Promise<Tiers> => request("GET", "/supervisor/tiers");

export const findUsers = (search: string, after: string | null, limit: number, signal?: AbortSignal): Promise<UsersPage> =>
  request("GET", `/supervisor/users${query({ search, after, limit })}`, signal ? { signal } : {});
export const setDisabled = (user: string, disabled: boolean): Promise<UserRow> =>
  request("PATCH", `/supervisor/users/${at(user)}`, { body: { disabled } });

export const readLog = (filter: LogFilter, before: HistoryPage["next"], limit: number): Promise<HistoryPage> =>
  request("GET", `/supervisor/history${query({ ...filter, before, limit })}`);
export const logCsvLink = (filter: LogFilter): string => `/api/supervisor/history.csv${query({ ...filter })}`;

export const readDumps = (): Promise<{ dumps: Dump[] }> => request("GET", "/supervisor/dumps");
export const writeDump = (filename: string, user: string): Promise<WrittenDump> =>
  request("POST", "/supervisor/dumps", {
    body: user === "" ? { filename } : { filename, user },
    key: newKey(),
    timeoutMs: DUMP_TIMEOUT_MS,
  });
export const dumpLink = (filename: string): string => `/api/supervisor/dumps/${at(filename)}`;
