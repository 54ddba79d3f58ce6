/** Small things the browser keeps for us. A browser that keeps nothing (private windows, a full disk) is no error. */

const PREFIX = "daytrade.";

/** For this tab until it is closed, or for ever. */
export type Place = "tab" | "ever";

/** What was kept under `name`, or `fallback` when there is nothing that can be read. */
export function read<T>(place: Place, name: string, fallback: T): T {
  try {
    const text = storage(place).getItem(PREFIX + name);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

export function write(place: Place, name: string, value: unknown): void {
  try {
    storage(place).setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Nothing is kept: the page works all the same, a reload forgets.
  }
}

/** Plain text for ever, readable by theme.js before anything else is loaded. */
export function readText(name: string): string | null {
  try {
    return storage("ever").getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function writeText(name: string, value: string | null): void {
  try {
    if (value === null) storage("ever").removeItem(PREFIX + name);
    else storage("ever").setItem(PREFIX + name, value);
  } catch {
    // As above.
  }
}

/** Raises when the browser keeps nothing. */
function storage(place: Place): Storage {
  return place === "tab" ? sessionStorage : localStorage;
}
