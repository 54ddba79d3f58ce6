/** From counters that only grow to "so many a second": differences of readings that follow one another. */
import { grouped } from "@/lib/money";
import type { TierRow, Tiers } from "./types";

/** Five minutes of readings, one every two seconds. */
export const READ_EVERY_MS = 2_000;
export const MAX_READINGS = 150;

/** One reading; `null` where there was no answer. */
export type Reading = Pick<Tiers, "at" | "tiers" | "totals">;

/** The readings with the new one, the oldest gone once there are too many. A reading of the same moment brings nothing. */
export function added(readings: Reading[], next: Reading): Reading[] {
  const last = readings.at(-1);
  if (last !== undefined && next.at <= last.at) return readings;
  return [...readings, next].slice(-MAX_READINGS);
}

/** How much a counter grew each second; null when it fell (its process began anew) or no time went by. */
export function perSecond(before: number | null, now: number | null, elapsedMs: number): number | null {
  if (before === null || now === null || elapsedMs <= 0 || now < before) return null;
  return ((now - before) * 1000) / elapsedMs;
}

/** Times in seconds (as uPlot wants them) and the rate that was reached there, for each reading but the first. */
export function series(readings: Reading[], counter: (reading: Reading) => number): [number[], (number | null)[]] {
  const times: number[] = [];
  const rates: (number | null)[] = [];
  readings.forEach((reading, index) => {
    const before = readings[index - 1];
    if (before === undefined) return;
    times.push(reading.at / 1000);
    rates.push(perSecond(counter(before), counter(reading), reading.at - before.at));
  });
  return [times, rates];
}

/** A tier's own rate between the last two readings. */
export function tierRate(readings: Reading[], name: string, field: "cpu_seconds" | "commands_total"): number | null {
  const [before, now] = [readings.at(-2), readings.at(-1)];
  if (before === undefined || now === undefined) return null;
  return perSecond(value(before, name, field), value(now, name, field), now.at - before.at);
}

function value(reading: Reading, name: string, field: "cpu_seconds" | "commands_total"): number | null {
  const tier: TierRow | undefined = reading.tiers.find((found) => found.name === name);
  return tier?.[field] ?? null;
}

/** "0", "3.4", "128", "12,345"; a dash for what is not known. */
export function rate(perSecondNow: number | null): string {
  if (perSecondNow === null) return "–";
  if (perSecondNow === 0) return "0";
  return perSecondNow < 10 ? perSecondNow.toFixed(1) : grouped(Math.round(perSecondNow));
}

/** "812 B", "1.4 kB", "52.3 MB": by thousands, as disks count. */
export function size(bytes: number | null): string {
  if (bytes === null) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let shown = bytes;
  let unit = 0;
  while (shown >= 999.95 && unit < units.length - 1) {
    shown /= 1000;
    unit++;
  }
  return `${unit === 0 ? shown : shown.toFixed(1)} ${units[unit]}`;
}

/** "45 s", "12 min", "3 h 5 min", "2 d 4 h". */
export function duration(seconds: number | null): string {
  if (seconds === null) return "–";
  const whole = Math.floor(seconds);
  const [days, hours, minutes] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (whole >= 3600) return `${hours} h ${minutes} min`;
  return whole >= 60 ? `${minutes} min` : `${whole} s`;
}
