/** The server's time as we know it, and times in words. Times are ms since 1970. */
import { onScopeDispose, ref, type Ref } from "vue";

/** A server's Date header has whole seconds; a difference below this is its rounding and the way, not a wrong clock. */
const TOLERATED_MS = 2_500;

let offsetMs = 0;

/** Learns from the Date header of an answer how far this machine's clock is off. */
export function learnClock(serverMs: number, localMs: number = Date.now()): void {
  const off = serverMs + 500 - localMs;
  offsetMs = Math.abs(off) > TOLERATED_MS ? off : 0;
}

export function serverNow(): number {
  return Date.now() + offsetMs;
}

const shared: Ref<number> = ref(Date.now());
let users = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** The server's time, four times a second, as long as somebody looks at it. */
export function useNow(): Readonly<Ref<number>> {
  shared.value = serverNow();
  if (users++ === 0) timer = setInterval(() => (shared.value = serverNow()), 250);
  onScopeDispose(() => {
    if (--users === 0) clearInterval(timer);
  });
  return shared;
}

/** "now", "12 s ago", "3 min ago", "5 h ago", "2 d ago". */
export function ago(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - atMs) / 1000));
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** Whole seconds left until `untilMs`, never below 0; a started second counts. */
export function secondsLeft(untilMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((untilMs - nowMs) / 1000));
}

const dayAndTime = new Intl.DateTimeFormat("en-GB", {
  day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const timeOnly = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** "21 Nov 2026, 11:49:09" in this machine's time zone. */
export function stamp(atMs: number): string {
  return dayAndTime.format(atMs);
}

export function timeOfDay(atMs: number): string {
  return timeOnly.format(atMs);
}
