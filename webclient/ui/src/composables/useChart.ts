// One uPlot drawing in an element: as wide as that, in the colours of the design as they are now, gone with the component.
import "uplot/dist/uPlot.min.css";
import uPlot from "uplot";
import { onBeforeUnmount, onMounted, watch, type ShallowRef } from "vue";
import { theme } from "@/lib/theme";

const HEIGHT_PX = 220;

/** The design's colour of that name, as it is now. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** What the axes of all charts have in common. */
export const AXIS: uPlot.Axis = {
  stroke: () => colour("--muted"),
  grid: { stroke: () => colour("--line"), width: 1 },
  ticks: { show: false },
  font: "12px system-ui",
};

/** Draws `data` in the element, and again whenever it, the element's width or the colours change. */
export function useChart(
  place: Readonly<ShallowRef<HTMLElement | null>>,
  data: () => uPlot.AlignedData,
  options: Omit<uPlot.Options, "width" | "height" | "legend">,
): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chart: uPlot | undefined;
  let watcher: ResizeObserver | undefined;
  const redraw = (): void => chart?.redraw(false);

  onMounted(() => {
    const element = place.value;
    if (element === null) return;
    const whole = { ...options, legend: { show: false }, width: element.clientWidth, height: HEIGHT_PX };
    chart = new uPlot(whole, data(), element);
    watcher = new ResizeObserver(() => chart?.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    watcher.observe(element);
    system.addEventListener("change", redraw);
  });
  onBeforeUnmount(() => {
    system.removeEventListener("change", redraw);
    watcher?.disconnect();
    chart?.destroy();
  });
  watch(data, (now) => chart?.setData(now));
  watch(theme, redraw, { flush: "post" });
}
