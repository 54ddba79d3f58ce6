/** One request to the API: JSON both ways, the CSRF token with what changes something, every failure as a Problem. */
import { Problem, offline, problemOf } from "./problem";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface RequestOptions {
  body?: unknown;
  /** The Idempotency-Key of a trading command. */
  key?: string;
  signal?: AbortSignal;
  timeoutMs?: number;
}

/** The server gives up on a trading command after 25 s and says so; this is for the case that it cannot even say that. */
const TIMEOUT_MS = 30_000;

/** What the rest of the client wants to know about every answer. Set by the stores; a table of hooks avoids a circular import. */
export const hooks = {
  csrfToken: (): string | null => null,
  /** The server refused our session: it ended. */
  unauthenticated: (): void => undefined,
  /** Fetches the session anew and says whether there is one: the token may be another tab's by now. */
  renewSession: async (): Promise<boolean> => false,
  /** Whether the server answered, and its clock (ms) when it told. */
  answered: (_ok: boolean, _serverMs: number | null): void => undefined,
};

/** The decoded JSON body, undefined for 204. Throws Problem; throws DOMException AbortError when `signal` was aborted. */
export async function request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
  const response = await fetched(method, path, options);
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw offline(); // The answer was cut off.
  }
}

/** The response of a download. Throws like `request`. */
export async function fetched(method: Method, path: string, options: RequestOptions = {}): Promise<Response> {
  try {
    return await once(method, path, options);
  } catch (error) {
    const stale = error instanceof Problem && error.code === "CSRF" && method !== "GET";
    if (!stale || !(await hooks.renewSession())) throw error;
    return await once(method, path, options);
  }
}

async function once(method: Method, path: string, options: RequestOptions): Promise<Response> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  let response: Response;
  try {
    response = await fetch(`/api${path}`, { ...init(method, options), signal });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    hooks.answered(false, null);
    throw offline();
  }
  const problem = response.ok ? null : await problemOf(response);
  hooks.answered(problem === null || !problem.passing, clockOf(response));
  if (problem === null) return response;
  if (problem.code === "UNAUTHENTICATED" && path !== "/session") hooks.unauthenticated();
  throw problem;
}

function init(method: Method, options: RequestOptions): RequestInit {
  const headers: Record<string, string> = { Accept: "application/json, application/problem+json" };
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  if (options.key !== undefined) headers["Idempotency-Key"] = options.key;
  const token = hooks.csrfToken();
  if (method !== "GET" && token !== null) headers["X-CSRF-Token"] = token;
  const body = options.body === undefined ? {} : { body: JSON.stringify(options.body) };
  return { method, headers, credentials: "same-origin", cache: "no-store", ...body };
}

function clockOf(response: Response): number | null {
  const at = Date.parse(response.headers.get("Date") ?? "");
  return Number.isNaN(at) ? null : at;
}
