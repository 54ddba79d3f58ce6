/** Starts the client. The router asks who is signed in before it chooses the first page. */
import "./styles/index.css";
import { createPinia } from "pinia";
import { createApp } from "vue";
import App from "./App.vue";
import { crash } from "./lib/crash";
import { router } from "./router";
import { useToasts } from "./stores/toasts";

const app = createApp(App).use(createPinia());

/** The page's own files that could not be fetched: the connection is lost, or the server has newer ones. */
const notFetched = new WeakSet<Error>();
addEventListener("vite:preloadError", (event) => notFetched.add(event.payload));

app.config.errorHandler = (error) => crash(error);
addEventListener("unhandledrejection", (event) => crash(event.reason));
router.onError((error: Error) => {
  if (!notFetched.has(error)) return crash(error);
  useToasts().show("bad", "That page could not be loaded", "Check your connection, then load the page again.", true);
});

app.use(router).mount("#app");
