/** Who is signed in. The cookie is the browser's; here are the name, the role and the token against forged requests. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { hooks } from "@/api/http";
import { changePassword, logIn, logOut, readSession, register } from "@/api/reads";
import { asProblem, Problem } from "@/api/problem";
import { keepShortcuts } from "@/composables/useShortcuts";
import { keepTheme } from "@/lib/theme";
import type { Credentials, PasswordChange, Session } from "@/api/types";

/** Pause between two attempts to reach the server at the start. */
const AGAIN_MS = 1_500;

const NOBODY: Session = { user: null, role: null, csrf_token: null, expires_at: null };

export const useSession = defineStore("session", () => {
  const session = ref<Session>(NOBODY);
  const known = ref(false);
  /** Why the first question has no answer yet. */
  const unreachable = shallowRef<Problem | null>(null);
  /** The session ended without the user's doing: the log-in page says so. */
  const ended = ref(false);

  const user = computed(() => session.value.user);
  const role = computed(() => session.value.role);
  const isTrader = computed(() => role.value === "trader");

  function take(next: Session): void {
    session.value = next;
    known.value = true;
    if (next.user !== null) ended.value = false;
  }

  /** Asks the server who we are. Throws Problem when it does not answer. */
  async function load(): Promise<void> {
    take(await readSession());
  }

  /** Asks until the server answers; a page cannot be chosen before. */
  async function whenKnown(): Promise<void> {
    while (!known.value) {
      try {
        await load();
        unreachable.value = null;
      } catch (error) {
        unreachable.value = asProblem(error);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  async function enter(credentials: Credentials): Promise<void> {
    take(await logIn(credentials));
  }

  async function join(credentials: Credentials): Promise<void> {
    take(await register(credentials));
  }

  /** Leaves at the server too; a session that is gone there already is as good. */
  async function leave(): Promise<void> {
    try {
      await logOut();
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== "UNAUTHENTICATED") throw error;
    }
    keepTheme();
    keepShortcuts();
    take(NOBODY);
  }

  async function setPassword(change: PasswordChange): Promise<void> {
    await changePassword(change);
    await load(); // The session may have a new id, and so another token.
  }

  /** Whether we are still the same user at the server, with a token that is good now. */
  async function renew(): Promise<boolean> {
    const before = user.value;
    try {
      take(await readSession());
    } catch (error) {
      if (error instanceof Problem) return false;
      throw error;
    }
    if (before !== null && user.value !== before) ended.value = true;
    return user.value !== null && user.value === before;
  }

  hooks.csrfToken = () => session.value.csrf_token;
  hooks.renewSession = renew;
  hooks.unauthenticated = () => {
    if (user.value !== null) void renew();
  };

  return { session, known, unreachable, ended, user, role, isTrader, whenKnown, enter, join, leave, setPassword, renew };
});
