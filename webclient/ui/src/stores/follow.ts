/** What happens when somebody comes or goes: the account is read, the stream opened, and all of it forgotten at the end. */
import { watch } from "vue";
import { Problem } from "@/api/problem";
import { useAccount } from "./account";
import { useLive } from "./live";
import { Stopped, useOutbox, type Letter } from "./outbox";
import { useQuotes } from "./quotes";
import { useSession } from "./session";
import { useToasts } from "./toasts";
import { useWatchlist } from "./watchlist";

/** Called once, by App.vue. */
export function followSession(): void {
  const session = useSession();
  watch(
    () => (session.isTrader ? session.user : null),
    (user, before) => {
      if (before) leave();
      if (user) arrive();
    },
    { immediate: true },
  );
}

function arrive(): void {
  void useAccount().refresh();
  useLive().start();
  void useWatchlist().load().catch(tell("The watch list could not be read"));
  resume();
}

function leave(): void {
  useLive().stop();
  useAccount().clear();
  useQuotes().clear();
  useWatchlist().clear();
}

/** Sends on what this page had not got an answer to before it was loaded again. */
function resume(): void {
  const outbox = useOutbox();
  const toasts = useToasts();
  const { young, old } = outbox.left();
  for (const letter of old) {
    toasts.show("bad", `${letter.label}: outcome not known`, "It may have been carried out or not. Look at the history before you repeat it.", true);
  }
  young.forEach((letter) => void resumed(letter));
  outbox.keep();
}

async function resumed(letter: Letter): Promise<void> {
  const toasts = useToasts();
  try {
    await useOutbox().deliver(letter);
    toasts.good(`${letter.label}: done`);
  } catch (error) {
    if (error instanceof Stopped) return;
    if (!(error instanceof Problem)) throw error;
    toasts.problem(`${letter.label}: not done`, error);
  } finally {
    await useAccount().refresh();
  }
}

function tell(title: string): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof Problem)) throw error;
    useToasts().problem(title, error);
  };
}
