/** The supervisor's pages, each loaded when it is first opened, and their places in the navigation. */
import type { RouteRecordRaw } from "vue-router";
import type { IconName } from "@/components/icons";

export const supervisorRoutes: RouteRecordRaw[] = [
  {
    path: "/supervisor",
    component: () => import("./OverviewView.vue"),
    meta: { title: "Overview", who: "supervisor" },
  },
  { path: "/supervisor/users", component: () => import("./UsersView.vue"), meta: { title: "Users", who: "supervisor" } },
  { path: "/supervisor/log", component: () => import("./LogView.vue"), meta: { title: "Audit log", who: "supervisor" } },
  { path: "/supervisor/dumps", component: () => import("./DumpsView.vue"), meta: { title: "Dumps", who: "supervisor" } },
];

export const supervisorLinks: { to: string; label: string; icon: IconName }[] = [
  { to: "/supervisor", label: "Overview", icon: "tiers" },
  { to: "/supervisor/users", label: "Users", icon: "users" },
  { to: "/supervisor/log", label: "Audit log", icon: "history" },
  { to: "/supervisor/dumps", label: "Dumps", icon: "file" },
];
