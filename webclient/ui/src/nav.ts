/** The places that the navigation leads to, by role. */
import type { Role } from "@/api/types";
import type { IconName } from "@/components/icons";
import { supervisorLinks } from "@/supervisor/routes";

export interface Place {
  to: string;
  label: string;
  icon: IconName;
}

const TRADER: Place[] = [
  { to: "/portfolio", label: "Portfolio", icon: "portfolio" },
  { to: "/watchlist", label: "Watch list", icon: "watch" },
  { to: "/triggers", label: "Triggers", icon: "trigger" },
  { to: "/history", label: "History", icon: "history" },
];

export function places(role: Role | null): Place[] {
  if (role === null) return [];
  return role === "trader" ? TRADER : supervisorLinks;
}
