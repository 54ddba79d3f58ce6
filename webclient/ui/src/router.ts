/** Which page stands at which address, who may see it, its title, and where the focus goes when it changes. */
import { createRouter, createWebHistory, type RouteLocationNormalized, type RouteLocationRaw } from "vue-router";
import { nextTick } from "vue";
import { useSession } from "@/stores/session";
import { supervisorRoutes } from "@/supervisor/routes";
import WelcomeView from "@/views/WelcomeView.vue";

declare module "vue-router" {
  interface RouteMeta {
    title: string;
    /** "nobody": only without a session; missing: everyone. */
    who?: "nobody" | "trader" | "supervisor" | "signed-in";
  }
}

export const router = createRouter({
  history: createWebHistory(),
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  routes: [
    { path: "/", component: WelcomeView, meta: { title: "Welcome", who: "nobody" } },
    { path: "/register", component: () => import("@/views/RegisterView.vue"), meta: { title: "Register", who: "nobody" } },
    { path: "/login", component: () => import("@/views/LoginView.vue"), meta: { title: "Log in", who: "nobody" } },
    { path: "/portfolio", component: () => import("@/views/PortfolioView.vue"), meta: { title: "Portfolio", who: "trader" } },
    { path: "/stocks/:symbol([A-Za-z]{1,3})", component: () => import("@/views/StockView.vue"), meta: { title: "Stock", who: "trader" } },
    { path: "/watchlist", component: () => import("@/views/WatchlistView.vue"), meta: { title: "Watch list", who: "trader" } },
    { path: "/triggers", component: () => import("@/views/TriggersView.vue"), meta: { title: "Triggers", who: "trader" } },
    { path: "/history", component: () => import("@/views/HistoryView.vue"), meta: { title: "History", who: "trader" } },
    { path: "/account", component: () => import("@/views/AccountView.vue"), meta: { title: "Account", who: "signed-in" } },
    ...supervisorRoutes,
    { path: "/:path(.*)*", component: () => import("@/views/MissingView.vue"), meta: { title: "Not found" } },
  ],
});

/** Loads the other pages while nothing else happens, so that they open at once, also when the connection is lost. */
export function loadAhead(role: string | null): void {
  for (const { meta, components } of router.getRoutes()) {
    const page = components?.["default"] as (() => Promise<unknown>) | object | undefined;
    if ((meta.who === role || meta.who === "signed-in") && typeof page === "function") void (page as () => Promise<unknown>)().catch(() => undefined); // Then when it is opened.
  }
}

/** The first page of whoever is signed in. */
export function home(role: string | null): string {
  if (role === "supervisor") return "/supervisor";
  return role === "trader" ? "/portfolio" : "/";
}

router.beforeEach(async (to): Promise<RouteLocationRaw | true> => {
  const session = useSession();
  await session.whenKnown();
  const { user, role } = session;
  const who = to.meta.who;
  if (who === undefined) return true;
  if (who === "nobody") return user === null ? true : home(role);
  if (user === null) return { path: "/login", query: { next: to.fullPath } };
  return who === "signed-in" || who === role ? true : home(role);
});

router.afterEach((to, from, failure) => {
  if (failure) return;
  document.title = `${titleOf(to)} · Day Trade`;
  if (from.matched.length > 0 && to.path !== from.path) void nextTick(focusHeading);
});

function titleOf(to: RouteLocationNormalized): string {
  const symbol = to.params["symbol"];
  return typeof symbol === "string" ? symbol.toUpperCase() : to.meta.title;
}

/** Screen readers hear the new page's heading, and Tab goes on from it. */
function focusHeading(): void {
  document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
}
