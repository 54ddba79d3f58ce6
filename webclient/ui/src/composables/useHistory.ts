/** A trader's history, a page at a time, newest first. */
import { onScopeDispose, shallowRef, type Ref } from "vue";
import { asProblem, type Problem } from "@/api/problem";
import { readHistory } from "@/api/reads";
import type { HistoryEntry, HistoryFilter, HistoryPage } from "@/api/types";

const PAGE = 50;

export interface Pages {
  entries: Readonly<Ref<HistoryEntry[]>>;
  /** More is older than what is here. */
  more: Readonly<Ref<boolean>>;
  busy: Readonly<Ref<boolean>>;
  problem: Readonly<Ref<Problem | null>>;
  /** Begins anew with this filter. */
  begin: (filter: HistoryFilter) => Promise<void>;
  /** Adds the next page. */
  older: () => Promise<void>;
}

export function useHistory(user: () => string | null): Pages {
  const entries = shallowRef<HistoryEntry[]>([]);
  const more = shallowRef(false);
  const busy = shallowRef(false);
  const problem = shallowRef<Problem | null>(null);
  let filter: HistoryFilter = {};
  let next: HistoryPage["next"] = null;
  let turn = 0;

  async function begin(wanted: HistoryFilter): Promise<void> {
    filter = wanted;
    next = null;
    await read([]);
  }

  async function older(): Promise<void> {
    if (!busy.value && more.value) await read(entries.value);
  }

  /** A page may come short, or even empty, and still have a next one: the server looks for a bounded time only. */
  async function read(before: HistoryEntry[]): Promise<void> {
    const name = user();
    if (name === null) return;
    const mine = ++turn;
    busy.value = true;
    problem.value = null;
    try {
      let found = before;
      do {
        const page = await readHistory(name, filter, next, PAGE);
        if (mine !== turn) return;
        next = page.next;
        found = [...found, ...page.entries];
        entries.value = found;
        more.value = next !== null;
      } while (more.value && found.length === before.length);
    } catch (error) {
      const told = asProblem(error);
      if (mine === turn) problem.value = told;
    } finally {
      if (mine === turn) busy.value = false;
    }
  }

  onScopeDispose(() => turn++); // Nobody reads on.

  return { entries, more, busy, problem, begin, older };
}
