/** What the server tells by itself: changes of the account, fires, expiries, quotes. Comes back by itself when it breaks. */
import { defineStore } from "pinia";
import { ref } from "vue";
import type { ExpiryEvent, FireEvent, Quote } from "@/api/types";
import { cents, dollars, grouped } from "@/lib/money";
import { useAccount } from "./account";
import { useQuotes } from "./quotes";
import { useSession } from "./session";
import { useToasts } from "./toasts";

/** A break shorter than this is not worth a banner. */
const GRACE_MS = 1_500;
/** A stream that has not said hello by then is none. */
const HELLO_MS = 10_000;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 8_000;
/** A hidden tab gives its stream back after this long: browsers allow few to one server, the server few to one user. */
const HIDDEN_MS = 30_000;

export type Link = "off" | "opening" | "open" | "lost";

export const useLive = defineStore("live", () => {
  const session = useSession();
  const account = useAccount();
  const quotes = useQuotes();
  const toasts = useToasts();

  const link = ref<Link>("off");
  let source: EventSource | null = null;
  let pause = FIRST_PAUSE_MS;
  let lastId = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  let grace: ReturnType<typeof setTimeout> | undefined;
  let hiding: ReturnType<typeof setTimeout> | undefined;
  let greeting: ReturnType<typeof setTimeout> | undefined;
  let wanted = false;

  function start(): void {
    if (wanted) return;
    wanted = true;
    link.value = "opening";
    document.addEventListener("visibilitychange", visibility);
    open();
  }

  function stop(): void {
    wanted = false;
    lastId = "";
    document.removeEventListener("visibilitychange", visibility);
    [timer, grace, hiding, greeting].forEach(clearTimeout);
    grace = undefined;
    shut();
    link.value = "off";
  }

  function open(): void {
    if (session.user === null || source !== null) return;
    // A new EventSource cannot send Last-Event-ID, so the place is given in the address, too.
    const place = lastId === "" ? "" : `?last_event_id=${encodeURIComponent(lastId)}`;
    source = new EventSource(`/api/users/${encodeURIComponent(session.user)}/events${place}`);
    source.addEventListener("hello", opened);
    source.addEventListener("account", () => void account.refresh());
    source.addEventListener("quote", (event) => told<Quote>(event, ({ symbol, price, quoted_at }) => {
      quotes.learn(symbol, price, quoted_at);
    }));
    source.addEventListener("fire", (event) => told<FireEvent>(event, fired));
    source.addEventListener("expiry", (event) => told<ExpiryEvent>(event, expired));
    source.addEventListener("error", broken);
    clearTimeout(greeting);
    greeting = setTimeout(silent, HELLO_MS);
  }

  function shut(): void {
    source?.close();
    source = null;
  }

  function opened(): void {
    clearTimeout(greeting);
    clearTimeout(grace);
    grace = undefined;
    pause = FIRST_PAUSE_MS;
    if (link.value === "lost") toasts.good("Connected again", "Prices and your account are up to date.");
    link.value = "open";
    void account.refresh();
  }

  function silent(): void {
    source?.close();
    broken();
  }

  /** The browser reconnects by itself only when the connection broke; after an answer like 503 it gives up and we go on. */
  function broken(): void {
    if (source === null) return;
    grace ??= setTimeout(() => (link.value = "lost"), GRACE_MS);
    if (source.readyState !== EventSource.CLOSED) return;
    shut();
    clearTimeout(timer);
    timer = setTimeout(() => void reopen(), pause * (0.5 + Math.random() / 2));
    pause = Math.min(MAX_PAUSE_MS, pause * 2);
  }

  /** The answer may have been "not signed in": the session is asked for first. Without a stream the account is read now and then. */
  async function reopen(): Promise<void> {
    await session.renew();
    if (!wanted) return;
    open();
    void account.refresh();
  }

  function visibility(): void {
    clearTimeout(hiding);
    if (!document.hidden) return open();
    hiding = setTimeout(shut, HIDDEN_MS);
  }

  function told<Data>(event: MessageEvent<string>, act: (data: Data) => void): void {
    if (event.lastEventId !== "") lastId = event.lastEventId;
    act(JSON.parse(event.data) as Data);
  }

  function fired({ symbol, side, shares, price }: FireEvent): void {
    const done = side === "buy" ? "bought" : "sold";
    const text = `${grouped(shares)} ${symbol} ${done} at ${dollars(cents(price))}.`;
    toasts.show("good", `Your ${side} trigger fired`, text, true);
    void account.refresh();
  }

  function expired({ symbol, side, shares }: ExpiryEvent): void {
    const back = side === "buy" ? "The money set aside is back in your cash." : "The shares are free again.";
    toasts.info("Order expired", `${side === "buy" ? "Buy" : "Sell"} ${grouped(shares)} ${symbol} was not confirmed in time. ${back}`);
    void account.refresh();
  }

  return { link, start, stop };
});
