import { SERIES_DARK, SERIES_LIGHT } from './palette.ts';

/** Steps of a heat map's colour; a cell has the class `d0` … (on the diagonal) or `e0` … (an error). */
export const HEAT_LEVELS = 20;

const series = (colors: readonly string[]): string => colors.map((color, index) => `--s${index}:${color};`).join('');

const heat = Array.from({ length: HEAT_LEVELS + 1 }, (_, level) => level)
  .filter((level) => level > 0)
  .map((level) => {
    const alpha = `calc(var(--heat-most)*${(level / HEAT_LEVELS).toFixed(2)})`;
    return `.heat .d${level}{background:rgb(var(--heat-right)/${alpha})}.heat .e${level}{background:rgb(var(--heat-wrong)/${alpha})}`;
  })
  .join('\n');

/** The page's style sheet. It must hold no `<` and no `&`: it stands in the page as it is. */
export const STYLE: string = `
:root{
  color-scheme:light dark;
  --paper:#ffffff;--panel:#f6f7f8;--ink:#1b1f24;--quiet:#59616b;--axis:#8b939c;--grid:#e6e8eb;--rule:#d5d9dd;--strong:#1b1f24;
  --heat-right:0 114 178;--heat-wrong:213 94 0;--heat-most:.62;
  ${series(SERIES_LIGHT)}
}
@media screen and (prefers-color-scheme:dark){:root{
  --paper:#14171a;--panel:#1c2024;--ink:#e4e7ea;--quiet:#a2abb4;--axis:#6c757e;--grid:#2a3036;--rule:#363d44;--strong:#f4f6f8;
  --heat-right:88 180 234;--heat-wrong:245 146 78;--heat-most:.48;
  ${series(SERIES_DARK)}
}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
  font:16px/1.55 system-ui,-apple-system,"Segoe UI","Helvetica Neue","Liberation Sans",Arial,
  "Hiragino Sans","Yu Gothic","PingFang SC","Microsoft YaHei","Noto Sans CJK JP","Noto Sans CJK SC","Source Han Sans",sans-serif;
  font-variant-numeric:tabular-nums;overflow-wrap:break-word}
main,header,footer{max-width:67.5rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:3.5rem}
h1{font-size:2.1rem;line-height:1.2;letter-spacing:-.015em;font-weight:650;margin:0 0 .6rem;color:var(--strong);text-wrap:balance}
h2{font-size:1.3rem;line-height:1.3;letter-spacing:-.005em;font-weight:650;margin:3.5rem 0 .35rem;color:var(--strong)}
h3{font-size:1rem;font-weight:600;margin:1.4rem 0 .5rem}
p{margin:.5rem 0;max-width:46rem}
.facts{color:var(--quiet);margin:0}
.summary{font-size:1.125rem;line-height:1.6;margin:1.75rem 0 0;padding-left:1.1rem;border-left:3px solid var(--s0);max-width:49rem}
.note{color:var(--quiet);font-size:.9rem}
.scroll{overflow-x:auto;margin:1.1rem 0 .6rem;-webkit-overflow-scrolling:touch}
.scroll:focus-visible{outline:2px solid var(--s0);outline-offset:3px}
table{border-collapse:collapse;font-size:.92rem;line-height:1.4}
table.data{border-top:2px solid var(--ink);border-bottom:2px solid var(--ink)}
table.wide{width:100%}
.data th,.data td{padding:.42rem .7rem;text-align:right;white-space:nowrap;font-weight:400}
.data th:first-child,.data td:first-child{padding-left:.2rem}
.data th:last-child,.data td:last-child{padding-right:.2rem}
.data thead th{color:var(--quiet);font-size:.84rem;vertical-align:bottom;padding-bottom:.3rem;padding-top:.3rem}
.data thead tr:last-child th{border-bottom:1px solid var(--axis)}
.data thead th.group{text-align:center;color:var(--ink);font-weight:600}
.data thead th.group span{display:block;border-bottom:1px solid var(--rule);padding-bottom:.2rem}
.data tbody th,.data .text{text-align:left}
.data tbody th{font-weight:600}
.data tbody tr+tr>*{border-top:1px solid var(--grid)}
.wide tbody th,.pairs tbody th,.pairs .text{white-space:normal;overflow-wrap:break-word}
.data .best{font-weight:700;color:var(--strong)}
.swatch{width:34px;height:8px;vertical-align:middle;margin-right:.6rem;overflow:visible}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.9rem;margin:1rem 0 .2rem;padding:0;font-size:.95rem}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr));gap:1.6rem 2.2rem;margin:.8rem 0;align-items:start}
.pair>figure:only-child{max-width:36rem}
figure{margin:0;break-inside:avoid;min-width:0}
.stack figure+figure{margin-top:2.2rem}
figcaption{font-size:.95rem;font-weight:600;margin-bottom:.3rem}
figcaption .note{font-weight:400;display:block}
.chart svg{display:block;width:100%;height:auto}
details{margin:.8rem 0}
summary{cursor:pointer;color:var(--quiet);font-size:.92rem;width:fit-content}
summary:focus-visible{outline:2px solid var(--s0);outline-offset:3px}
table.heat{table-layout:fixed;font-size:.8rem;width:100%}
.heat col.name{width:8.2rem}
.heat th{font-weight:400;color:var(--quiet);padding:0 .4rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.heat tbody th{text-align:right}
.heat thead th{height:1px;vertical-align:bottom;padding:.25rem 0}
.heat thead th span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:8.5rem;overflow:hidden;text-overflow:ellipsis}
.heat td{height:2.1rem;text-align:center;border:1px solid var(--paper);background:var(--panel);padding:0}
.heat.many{width:auto}
.heat.many col{width:1.95rem}
.heat.many col.name{width:8.2rem}
.heat.many td{height:1.65rem;font-size:.72rem}
.heat .corner{white-space:normal;color:var(--quiet);font-size:.76rem;text-align:right;vertical-align:bottom;line-height:1.25}
.heat td,.chart,.map{-webkit-print-color-adjust:exact;print-color-adjust:exact}
${heat}
.map{display:block;max-width:100%;height:auto;image-rendering:pixelated;border:1px solid var(--rule);background:var(--panel)}
.mistakes{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.4rem,1fr));gap:1.3rem 1rem;margin:.7rem 0 2rem}
.mistakes .frame{display:flex;align-items:center;justify-content:center;height:9.6rem;background:var(--panel)}
.mistakes img{display:block;max-width:100%;max-height:9rem;width:auto;height:auto;image-rendering:pixelated}
.mistakes figcaption{font-weight:400;font-size:.84rem;line-height:1.4;margin:.4rem 0 0}
.mistakes b{font-weight:650}
.mistakes .note{font-size:.78rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:minmax(7rem,max-content) minmax(0,1fr);gap:.35rem 1.4rem;margin:.9rem 0;font-size:.94rem}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}
footer{color:var(--quiet);font-size:.85rem;padding-top:1.2rem;padding-bottom:3.5rem;margin-top:3.5rem}
footer p{border-top:1px solid var(--rule);padding-top:1rem;max-width:none}
@media (max-width:40rem){
  main,header,footer{padding-left:1rem;padding-right:1rem}
  header{padding-top:2rem}
  h1{font-size:1.6rem}
  h2{margin-top:2.6rem}
  .summary{font-size:1.03rem}
  .heat td{height:1.8rem;font-size:.66rem}
  .heat th{font-size:.72rem;padding:0 .2rem 0 0}
  .heat col.name,.heat.many col.name{width:4.8rem}
  .mistakes{grid-template-columns:repeat(auto-fill,minmax(6.6rem,1fr))}
  .mistakes .frame{height:7.4rem}
  .mistakes img{max-height:7rem}
  dl{grid-template-columns:1fr;gap:0}
  dd{margin-bottom:.6rem}
}
@media print{
  body{font-size:10.5pt}
  main,header,footer{max-width:none;padding:0}
  h2{break-after:avoid}
  .scroll{overflow:visible}
  table.data{font-size:8pt}
  .data th,.data td{padding:.25rem .35rem;white-space:normal}
  details:not([open]){display:none}
  tr,.mistakes figure{break-inside:avoid}
}
`;
