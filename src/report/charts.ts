import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { type Axis, type Curve } from './curves.ts';
import { plain, shorten } from './format.ts';
import { dashOf, type Theme } from './palette.ts';

echarts.use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** One frame with axes and the curves in it. */
export interface Panel {
  /** Above the frame; left out where the page around the chart says it. */
  readonly title?: string;
  readonly xName: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly curves: readonly Curve[];
}

export interface ChartOptions {
  readonly width: number;
  readonly height: number;
  readonly theme: Theme;
  /** Names of the heads above the panels. */
  readonly legend: boolean;
  /** Prefix of the identifiers inside the SVG: several charts share one page. */
  readonly id: string;
}

/** Without quotes: the renderer puts the names into an attribute as they are. */
export const FONT = 'system-ui, -apple-system, Segoe UI, Helvetica Neue, Liberation Sans, Arial, sans-serif';
/** Of the text in charts, in pixels. */
export const SIZE = 13;
const LEGEND_ROW = 38;
const LEGEND_GAP = 24;

/** Panels side by side as a static SVG without style sheet, script or outside reference. */
export function renderPanels(panels: readonly Panel[], options: ChartOptions): string {
  const { theme, width, height } = options;
  const slot = width / Math.max(1, panels.length);
  const top =
    (options.legend ? 6 + LEGEND_ROW * legendRows(panels, width) : 12) +
    (panels.some((panel) => panel.title !== undefined) ? 32 : 0);
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: FONT, fontSize: SIZE },
      title: panels.flatMap((panel, index) =>
        panel.title === undefined
          ? []
          : [
              {
                text: panel.title,
                left: slot * index + 46,
                top: top - 32,
                padding: 0,
                textStyle: { color: theme.ink, fontSize: SIZE + 2, fontWeight: 600, fontFamily: FONT },
              },
            ],
      ),
      legend: options.legend ? legendOf(panels, theme) : undefined,
      grid: panels.map((_, index) => ({
        left: slot * index + 46,
        top,
        width: slot - 46 - 28,
        height: height - top - 44,
        outerBoundsMode: 'none' as const,
      })),
      xAxis: panels.map((panel, index) => ({
        ...axisOf(panel.x, theme),
        gridIndex: index,
        ...nameOf(panel.xName, theme),
      })),
      yAxis: panels.map((panel, index) => ({
        ...axisOf(panel.y, theme),
        gridIndex: index,
        axisLine: { show: false },
        // The lines across are at the ticks.
        axisTick: { show: false, customValues: [...panel.y.ticks] },
        splitLine: { show: true, lineStyle: { color: theme.grid, width: 1 } },
      })),
      series: panels.flatMap((panel, index) => panel.curves.flatMap((curve) => seriesOf(curve, index, theme))),
    });
    return clean(chart.renderToSVGString(), options.id);
  } finally {
    chart.dispose();
  }
}

/** A value axis with its ticks and their numbers. */
export function axisOf(axis: Axis, theme: Theme): object {
  const decimals = Math.max(0, ...axis.ticks.map((tick) => String(tick).split('.')[1]?.length ?? 0));
  const labels =
    axis.labels ??
    axis.ticks.map((tick) => (tick === 0 ? '0' : tick.toLocaleString('en-US', { minimumFractionDigits: decimals })));
  return {
    type: 'value',
    min: axis.min,
    max: axis.max,
    axisLine: { show: true, onZero: false, lineStyle: { color: theme.axis, width: 1 } },
    axisTick: { show: true, customValues: [...axis.ticks], lineStyle: { color: theme.axis }, length: 4 },
    axisLabel: {
      customValues: [...axis.ticks],
      color: theme.quiet,
      fontSize: SIZE,
      fontFamily: FONT,
      hideOverlap: true,
      formatter: (value: number) => labels[axis.ticks.indexOf(value)] ?? '',
    },
    interval: (axis.ticks[1] ?? axis.max) - (axis.ticks[0] ?? axis.min),
    splitLine: { show: false },
    minorTick: { show: false },
  };
}

/** The name below a horizontal axis. */
export function nameOf(name: string, theme: Theme): object {
  return {
    name,
    nameLocation: 'middle',
    nameGap: 28,
    nameTextStyle: { color: theme.quiet, fontSize: SIZE, fontFamily: FONT },
  };
}

function seriesOf(curve: Curve, panelIndex: number, theme: Theme): object[] {
  const color = theme.series(curve.index);
  const dash = dashOf(curve.index);
  const common = { type: 'line', xAxisIndex: panelIndex, yAxisIndex: panelIndex, silent: true, z: 2 };
  const dots = curve.mean.length <= 8;
  const faint = curve.runs.length < 2 ? [] : curve.runs;
  return [
    ...faint.map((run) => ({
      ...common,
      data: run.map((point) => [...point]),
      symbol: 'circle',
      symbolSize: 4,
      showSymbol: run.length === 1,
      itemStyle: { color, opacity: 0.35 },
      lineStyle: { color, width: 1, opacity: 0.35, type: 'solid' },
    })),
    {
      ...common,
      name: legendName(curve.head),
      data: curve.mean.map((point) => [...point]),
      z: 3,
      symbol: dots ? 'circle' : 'none',
      symbolSize: curve.mean.length === 1 ? 9 : 5,
      showSymbol: dots,
      showAllSymbol: dots,
      itemStyle: { color },
      lineStyle: { color, width: 2, type: dash.length === 0 ? 'solid' : [...dash], cap: 'butt', join: 'round' },
    },
  ];
}

function legendName(head: string): string {
  return shorten(plain(head), 40);
}

function legendOf(panels: readonly Panel[], theme: Theme): object {
  return {
    data: headNames(panels).map((name) => ({ name })),
    left: 46,
    right: 20,
    top: 8,
    padding: 0,
    itemWidth: 44,
    itemHeight: 6,
    itemGap: LEGEND_GAP,
    selectedMode: false,
    textStyle: { color: theme.ink, fontSize: SIZE + 1, fontFamily: FONT },
  };
}

function headNames(panels: readonly Panel[]): readonly string[] {
  return [...new Set(panels.flatMap((panel) => panel.curves.map((curve) => legendName(curve.head))))];
}

/** How many lines the legend takes: names are measured generously, a line too many costs less than an overlap. */
function legendRows(panels: readonly Panel[], width: number): number {
  let rows = 1;
  let used = 0;
  for (const name of headNames(panels)) {
    const item = 44 + 5 + 9 * name.length + LEGEND_GAP;
    if (used > 0 && used + item > width - 46 - 20) {
      rows += 1;
      used = 0;
    }
    used += item;
  }
  return rows;
}

/**
 * The renderer's SVG without what only a live chart needs (hover styles, event attributes) and with text styles as
 * attributes, so that the page's content policy can forbid inline styles. Identifiers become the chart's own.
 */
export function clean(svg: string, id: string): string {
  return svg
    .replace(/<style\s*>.*?<\/style>/gsu, '')
    .replace(/ (?:class|pointer-events|ecmeta_[a-z_]+)="[^"]*"/gu, '')
    .replace(/ style="([^"]*)"/gu, (_, style: string) => attributesOf(style))
    .replace(/(id="|url\(#)zr\d+-/gu, `$1${id}-`)
    .replace(/ (?:xmlns:xlink|version|baseProfile)="[^"]*"/gu, '')
    .replace(/\n+/gu, '\n')
    .trim();
}

function attributesOf(style: string): string {
  return style
    .split(';')
    .map((rule) => rule.split(':'))
    .filter((pair) => pair.length === 2)
    .map(([name, value]) => ` ${name ?? ''}="${value ?? ''}"`)
    .join('');
}
