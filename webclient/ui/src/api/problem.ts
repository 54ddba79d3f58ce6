/** What went wrong, in words that say what to do: the server's problem details (RFC 9457), or ours when it gave none. */
import type { ProblemBody } from "./types";

/** Codes of answers that mean "not done, and the same request may be sent again"; a gateway's own 502 and 504 have none. */
const PASSING_CODES = new Set(["BUSY", "UNAVAILABLE", "RATE_LIMITED", "OFFLINE", "GATEWAY"]);

export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly advice: string;
  readonly errors: Record<string, string[]>;
  readonly retryAfterMs: number | null;

  constructor(body: Omit<ProblemBody, "type">, retryAfterMs: number | null = null) {
    super(`${body.code}: ${body.detail}`);
    this.name = "Problem";
    this.code = body.code;
    this.status = body.status;
    this.title = body.title;
    this.detail = body.detail;
    this.advice = body.advice;
    this.errors = body.errors ?? {};
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same request, with the same key, may be sent again and can then succeed. */
  get passing(): boolean {
    return PASSING_CODES.has(this.code);
  }

  /** What happened and what to do, as sentences. What only says the title again is left out. */
  get words(): string {
    const detail = this.detail === this.title ? "" : sentence(this.detail);
    return `${detail} ${sentence(this.advice)}`.trim();
  }

  /** The texts for one field of a form. */
  field(name: string): string {
    return (this.errors[name] ?? []).join(" ");
  }
}

/** No answer at all: the network or the server is away. */
export function offline(): Problem {
  return new Problem({
    code: "OFFLINE",
    status: 0,
    title: "No connection",
    detail: "The server did not answer.",
    advice: "Check your connection. We keep trying by ourselves.",
  });
}

/** The problem that a response tells of; one without problem details (a proxy's page, say) gets plain words by its status. */
export async function problemOf(response: Response): Promise<Problem> {
  const retryAfterMs = retryAfter(response.headers.get("Retry-After"));
  const body = await jsonOf(response);
  if (isProblem(body)) return new Problem(body, retryAfterMs);
  const gateway = [502, 503, 504].includes(response.status);
  return new Problem(
    {
      code: gateway ? "GATEWAY" : "UNEXPECTED",
      status: response.status,
      title: gateway ? "The server is starting again" : "Something went wrong",
      detail: `The server answered with status ${response.status}.`,
      advice: gateway ? "Wait a moment; we keep trying." : "Load the page again. If it stays, tell whoever runs this server.",
    },
    retryAfterMs,
  );
}

/** Any thrown thing as a Problem, so that pages show one kind of error. A bug of ours stays a bug: it is thrown on. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  throw error;
}

/** Seconds or a date, as in RFC 9110; null when there is none. */
export function retryAfter(header: string | null, nowMs: number = Date.now()): number | null {
  if (header === null) return null;
  if (/^\d{1,6}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

function sentence(text: string): string {
  const bare = text.trim();
  if (bare === "") return "";
  return `${bare.charAt(0).toUpperCase()}${bare.slice(1)}${/[.!?…]$/.test(bare) ? "" : "."}`;
}

async function jsonOf(response: Response): Promise<unknown> {
  if (!(response.headers.get("Content-Type") ?? "").includes("json")) return null;
  try {
    return (await response.json()) as unknown;
  } catch {
    return null; // Cut off on its way: its status tells enough.
  }
}

function isProblem(body: unknown): body is ProblemBody {
  if (typeof body !== "object" || body === null) return false;
  const { code, detail, title, status } = body as Partial<ProblemBody>;
  return [code, detail, title].every((text) => typeof text === "string") && typeof status === "number";
}
