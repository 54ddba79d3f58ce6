/** How the client is built: one page, hashed assets, nothing inlined (the content security policy forbids it). */
import vue from "@vitejs/plugin-vue";
import { loadEnv } from "vite";
import { defineConfig } from "vitest/config";

export default defineConfig(({ mode }) => {
  /** Where `npm run dev` sends what belongs to the server: the web tier's address. */
  const target = loadEnv(mode, ".", "DAYTRADE_")["DAYTRADE_UI_SERVER"] ?? "http://127.0.0.1:8000";
  /** With the Host of the page, or the server takes the requests for forged ones. */
  const server = { target, changeOrigin: false };
  return {
    plugins: [vue()],
    resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
    build: {
      target: "es2022",
      cssTarget: ["chrome123", "firefox121", "safari17.5"],
      cssCodeSplit: false, // One small file, instead of a request for each page.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    server: { proxy: { "/api": server, "/problems": server, "/openapi.json": server } },
    test: { include: ["tests/**/*.test.ts"], environment: "node" },
  };
});
