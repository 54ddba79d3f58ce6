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
    if (live.link === "lost") {
      return "Connection lost. What you see may be out of date; we are trying again by ourselves…";
    }
    if (account.problem?.passing === true || outbox.held.length > 0) {
      return "A part of the market is starting again. Nothing is lost; we keep trying…";
    }
    return null;
  });

  return { trouble };
});
