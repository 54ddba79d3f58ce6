/** Starts the client. The router asks who is signed in before it chooses the first page. */
import "./styles/index.css";
import { createPinia } from "pinia";
import { createApp } from "vue";
import App from "./App.vue";
import { crash } from "./lib/crash";
import { router } from "./router";

const app = createApp(App).use(createPinia());
app.config.errorHandler = (error) => crash(error);
router.onError((error) => crash(error));
addEventListener("unhandledrejection", (event) => crash(event.reason));
app.use(router).mount("#app");
