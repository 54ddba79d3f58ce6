/** Money is integer cents in a BigInt: never a float. On the wire it is a decimal string with at most two decimals. */

export type Cents = bigint;

/** The largest amount or trigger price that the system takes. */
export const MAX_AMOUNT: Cents = 10n ** 13n;

const WIRE = /^(-?)(\d{1,20})(?:\.(\d{1,2}))?$/;

/** Cents of a decimal string of the server. Throws RangeError when it is none: that is a bug, not an input. */
export function cents(text: string): Cents {
  const match = WIRE.exec(text);
  if (match === null) throw new RangeError(`not an amount of money: ${text}`);
  const [, sign, whole = "", fraction = ""] = match;
  const value = BigInt(whole) * 100n + BigInt(fraction.padEnd(2, "0"));
  return sign === "-" ? -value : value;
}

/** "63511.53", as the API wants it. */
export function wire(value: Cents): string {
  const size = abs(value);
  return `${value < 0n ? "-" : ""}${size / 100n}.${pad(size % 100n)}`;
}

/** "$63,511.53"; negative ones with a real minus sign. */
export function dollars(value: Cents): string {
  const size = abs(value);
  return `${value < 0n ? "\u2212" : ""}$${grouped(size / 100n)}.${pad(size % 100n)}`;
}

/** Whether an amount is so long that narrow places set it smaller: from ten millions on. */
export function isLong(value: Cents): boolean {
  return dollars(value).length > 13;
}

/** "+$12.00", "−$12.00" or "$0.00": gains and losses carry their sign, so that colour alone never tells. */
export function signedDollars(value: Cents): string {
  return value > 0n ? `+${dollars(value)}` : dollars(value);
}

/** "+1.23%" of `part` in `whole`, rounded half away from zero; a dash when there is no whole. */
export function signedPercent(part: Cents, whole: Cents): string {
  if (whole <= 0n) return "–";
  const points = roundedRatio(part * 10_000n, whole);
  const size = abs(points);
  const sign = points > 0n ? "+" : points < 0n ? "\u2212" : "";
  return `${sign}${grouped(size / 100n)}.${pad(size % 100n)}%`;
}

/** "1,234" of a whole number. */
export function grouped(value: bigint | number): string {
  return value.toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** `numerator / denominator` to the nearest whole number, halves away from zero. The denominator is positive. */
export function roundedRatio(numerator: bigint, denominator: bigint): bigint {
  const half = denominator / 2n;
  return (numerator < 0n ? numerator - half : numerator + half) / denominator;
}

export type Entry = { ok: true; cents: Cents } | { ok: false; why: string };

/** What a person typed as an amount: "$1,234.50" and " 1234.5 " are fine, everything else says what to type. */
export function entered(text: string, what = "amount"): Entry {
  const bare = text.trim().replace(/^\$\s*/, "");
  if (bare === "") return { ok: false, why: `Enter the ${what} in dollars, for example 250 or 99.95.` };
  if (!/^(\d{1,15}|\d{1,3}(,\d{3}){1,4})(\.\d*)?$/.test(bare)) {
    return { ok: false, why: `The ${what} is digits with a point for the cents, for example 1250.50.` };
  }
  const [whole = "", fraction = ""] = bare.replaceAll(",", "").split(".");
  if (fraction.length > 2) return { ok: false, why: `The ${what} has at most two digits after the point.` };
  const value = cents(fraction === "" ? whole : `${whole}.${fraction}`);
  if (value <= 0n) return { ok: false, why: `The ${what} must be more than zero.` };
  if (value > MAX_AMOUNT) return { ok: false, why: `The ${what} can be at most ${dollars(MAX_AMOUNT)}.` };
  return { ok: true, cents: value };
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function pad(value: bigint): string {
  return value.toString().padStart(2, "0");
}
