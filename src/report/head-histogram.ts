import { CustomChart, LineChart } from 'echarts/charts';
import { GridComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { FONT, SIZE, axisOf, clean, nameOf } from './charts.ts';
import { niceAxis } from './curves.ts';
import type { VectorFacts } from './head-document.ts';
import type { Theme } from './palette.ts';

echarts.use([CustomChart, LineChart, GridComponent, SVGRenderer]);

/** How a histogram is drawn. */
export interface HistogramOptions {
  readonly width: number;
  readonly height: number;
  readonly theme: Theme;
  /** Prefix of the identifiers inside the SVG. */
  readonly id: string;
  /** Cosines at which a dashed line stands. */
  readonly marks: readonly number[];
}

/** What echarts hands to a function that draws one item; its own type is wider than what is used here. */
interface DrawApi {
  readonly value: (dimension: number) => unknown;
  readonly coord: (point: readonly [number, number]) => readonly number[];
}

/** The cosines between class vectors as bars, in per cent of the pairs, as a static SVG. */
export function renderHistogram(histogram: VectorFacts['histogram'], options: HistogramOptions): string {
  const { theme, width, height, marks } = options;
  const { from, to, counts } = histogram;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const bar = (to - from) / Math.max(1, counts.length);
  const shares = counts.map((count) => (total === 0 ? 0 : (100 * count) / total));
  // The bars that are drawn decide the width, within what cosines can be; never so narrow that rounding fills the frame.
  const drawn = shares.flatMap((share, index) => (share === 0 ? [] : [Math.abs(from + (index + 0.5) * bar) + bar]));
  const widest = Math.min(1 + bar, Math.max(12 * bar, ...drawn));
  const reach = Math.max(0.01, widest, ...marks.map(Math.abs));
  const [low, high] = [-1.05 * reach, 1.05 * reach];
  const { ticks } = niceAxis(low, high, 8);
  const x = { min: low, max: high, ticks: ticks.filter((tick) => tick >= low && tick <= high) };
  const y = niceAxis(0, Math.max(1e-9, ...shares), 5);
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: FONT, fontSize: SIZE },
      grid: { left: 46, top: 12, width: width - 46 - 28, height: height - 12 - 44, outerBoundsMode: 'none' },
      xAxis: { ...axisOf(x, theme), ...nameOf('cosine', theme) },
      yAxis: {
        ...axisOf(y, theme),
        axisLine: { show: false },
        axisTick: { show: false },
        splitLine: { show: true, lineStyle: { color: theme.grid, width: 1 } },
      },
      series: [
        {
          type: 'custom',
          silent: true,
          data: shares.flatMap((share, index) => (share === 0 ? [] : [[from + index * bar, share]])),
          renderItem: (_: unknown, api: DrawApi) => {
            const [left, share] = [Number(api.value(0)), Number(api.value(1))];
            const [x0 = 0, top = 0] = api.coord([left, share]);
            const [x1 = 0, bottom = 0] = api.coord([left + bar, 0]);
            // At least a pixel and a half high: a rare cosine is not no cosine.
            const tall = Math.max(1.5, bottom - top);
            return {
              type: 'rect',
              shape: { x: x0 + 0.5, y: bottom - tall, width: Math.max(1.5, x1 - x0 - 1), height: tall },
              style: { fill: theme.series(0) },
            };
          },
        },
        ...marks.map((mark) => ({
          type: 'line',
          silent: true,
          symbol: 'none',
          data: [
            [mark, y.min],
            [mark, y.max],
          ],
          lineStyle: { color: theme.series(1), width: 1.5, type: [5, 4] },
        })),
      ],
    });
    return clean(chart.renderToSVGString(), options.id);
  } finally {
    chart.dispose();
  }
}
