/** The Idempotency-Key: made once for what a person wants, and sent with every attempt at it. */

/** 36 visible characters. `crypto.randomUUID` needs https or loopback, so the bits are taken by hand. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(18));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
