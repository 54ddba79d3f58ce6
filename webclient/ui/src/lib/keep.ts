/** Small things the browser keeps for us. A browser that keeps nothing (private windows, a full disk) is no error. */

const PREFIX = "daytrade.";

/** What was kept under `name`, or `fallback` when there is nothing that can be read. */
export function read<T>(storage: Storage, name: string, fallback: T): T {
  try {
    const text = storage.getItem(PREFIX + name);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

export function write(storage: Storage, name: string, value: unknown): void {
  try {
    storage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Nothing is kept: the page works all the same, a reload forgets.
  }
}

/** Plain text, readable by theme.js before anything else is loaded. */
export function readText(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function writeText(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // As above.
  }
}
