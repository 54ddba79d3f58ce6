/** Whether what is on the page is up to date, in one sentence; null when all is well. */
import { defineStore } from "pinia";
import { computed } from "vue";
import { useAccount } from "./account";
import { useLive } from "./live";
import { useOutbox } from "./outbox";
import { useSession } from "./session";

export const useConnection = defineStore("connection", () => {
  const session = useSession();
  const account = useAccount();
  const outbox = useOutbox();
  const live = useLive();

  const trouble = computed<string | null>(() => {
    if (!session.known) {
      return session.unreachable === null ? null : "The server does not answer yet. Trying again by itself…";
    }
    const problems = [account.problem, ...outbox.held.map((letter) => letter.problem)];
    if (live.link === "lost" || problems.some((problem) => problem?.code === "OFFLINE")) {
      return "Connection lost. What you see may be out of date; we are trying again by ourselves…";
    }
    if (problems.some((problem) => problem?.passing === true)) {
      return "A part of the market is starting again. Nothing is lost; we keep trying…";
    }
    return outbox.held.length > 0 ? "An answer takes longer than usual." : null;
  });

  return { trouble };
});
