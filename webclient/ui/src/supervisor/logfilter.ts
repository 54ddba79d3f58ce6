/** The audit log's filter: that of a trader's history, and whose log it is. */
import { EMPTY, fromQuery, toFilter, toQuery, type FilterForm } from "@/lib/historyfilter";
import type { LogFilter } from "./types";

export interface LogForm extends FilterForm {
  user: string;
}

export const NO_FILTER: LogForm = { ...EMPTY, user: "" };

/** As the API wants it. Empty fields are left out. */
export function filterOf(form: LogForm): LogFilter {
  const user = form.user.trim();
  return { ...toFilter(form), ...(user === "" ? {} : { user }) };
}

/** What of the form belongs into the page's address, so that it can be kept and passed on. */
export function queryOf(form: LogForm): Record<string, string> {
  const user = form.user.trim();
  return { ...toQuery(form), ...(user === "" ? {} : { user }) };
}

/** The form that an address asks for. What makes no sense there is left to the server to refuse. */
export function formOf(query: Record<string, unknown>): LogForm {
  const user = query["user"];
  return { ...fromQuery(query), user: typeof user === "string" ? user : "" };
}
