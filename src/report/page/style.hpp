// SPDX-License-Identifier: MIT
//
// The look of all pages and pictures. Colours differ in lightness as well as in hue, and there is a dark set. On a
// phone each row of a table is a block, with a line for each cell and its column's head, so that all is on the screen.
#pragma once

namespace nmisim {

inline constexpr const char* page_style = R"css(
:root { color-scheme: light dark; --bg:#ffffff; --card:#f6f8fa; --fg:#1b1f24; --dim:#59636e; --line:#d1d9e0; --track:#eaeef2;
  --bar:#2f6fb0; --second:#e0a33e; --bad:#cf222e; --good:#1a7f37; --warn:#9a6700; --idle:#8c959f; --old:#8fb8de; --new:#2f6fb0;
  --wait:#e8d5a8; --reclaim:#9a8fd0; --on:#ffffff; --memb:#2f6fb0; --mb:#bc6c00; --bp:#1a7f37; --qsbr:#8250df; --nmi:#0e7490; --srcu:#b0307a; }
@media (prefers-color-scheme: dark) { :root { --bg:#0d1117; --card:#161b22; --fg:#e6edf3; --dim:#9198a1; --line:#3d444d; --track:#21262d;
  --bar:#6cb6ff; --second:#d9a441; --bad:#ff6a69; --good:#3fb950; --warn:#d29922; --idle:#6e7681; --old:#33587d; --new:#6cb6ff;
  --wait:#5a4a20; --reclaim:#7a6fb8; --on:#0d1117; --memb:#6cb6ff; --mb:#f0a23a; --bp:#56d364; --qsbr:#d2a8ff; --nmi:#39c5cf; --srcu:#ff8ac2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 16px; background: var(--bg); color: var(--fg);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 32px 0 10px; } p { margin: 6px 0; }
.verdict { border-radius: 8px; padding: 14px 18px; background: var(--card); border-left: 8px solid var(--idle); }
.verdict.pass { border-color: var(--good); } .verdict.fail { border-color: var(--bad); }
.verdict.threshold, .verdict.incomplete, .verdict.interrupted { border-color: var(--warn); }
.word { font-weight: 700; text-transform: uppercase; } .pass .word, .ok { color: var(--good); } .fail .word, .no { color: var(--bad); }
.threshold .word, .incomplete .word, .interrupted .word, .skip { color: var(--warn); } .dim { color: var(--dim); } a { color: var(--bar); }
code, pre { font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; overflow-wrap: anywhere; }
pre { background: var(--card); border-radius: 6px; padding: 10px 12px; overflow-x: auto; white-space: pre-wrap; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin-top: 14px; }
.tile { background: var(--card); border-radius: 8px; padding: 10px 14px; }
.tile b { display: block; font-size: 20px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile span { color: var(--dim); font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--dim); font-weight: 500; font-size: 13px; } th:first-child, td:first-child, .left { text-align: left; }
td.wrap, th.wrap { white-space: normal; text-align: left; } td.wrap { min-width: 180px; overflow-wrap: anywhere; } .tight td, .tight th { padding: 4px 6px; font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 14px; }
figure { margin: 0; background: var(--card); border-radius: 8px; padding: 10px 12px; } figcaption { font-size: 14px; margin-bottom: 4px; }
figure svg { width: 100%; max-width: 520px; height: auto; display: block; }
svg.wide { width: 100%; min-width: 640px; height: auto; display: block; }
svg text { fill: var(--fg); font: 11px system-ui, "DejaVu Sans", sans-serif; } svg .axis { fill: var(--dim); font-size: 10px; }
svg .in { font-size: 10px; pointer-events: none; }
.grid { stroke: var(--line); stroke-width: .6; fill: none; } .tick { stroke: var(--dim); stroke-width: 1; fill: none; }
.bar, .s1 { fill: var(--bar); } .bar.second, .s2 { fill: var(--second); } .bar.bad { fill: var(--bad); } .bar.idle { fill: var(--idle); }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .line.s1 { stroke: var(--bar); } .line.s2 { stroke: var(--second); }
.marker { stroke: var(--fg); stroke-width: 1; stroke-dasharray: 3 2; } .hover { fill: transparent; } .hover:hover { fill: var(--fg); opacity: .12; }
.track { fill: var(--track); } rect.bar:hover, .slice:hover { stroke: var(--fg); stroke-width: 1; }
.slice.old { fill: var(--old); } .slice.new { fill: var(--new); } .slice.bad { fill: var(--bad); } .slice.idle { fill: var(--idle); }
.slice.wait { fill: var(--wait); } .slice.reclaim { fill: var(--reclaim); } .slice.new + .in, .slice.bad + .in { fill: var(--on); }
.whisker { stroke: var(--dim); stroke-width: 1; fill: none; }
.memb { fill: var(--memb); } .mb { fill: var(--mb); } .bp { fill: var(--bp); } .qsbr { fill: var(--qsbr); } .nmi { fill: var(--nmi); } .srcu { fill: var(--srcu); }
.trend { fill: none; stroke-width: 2; } .trend.memb { stroke: var(--memb); } .trend.mb { stroke: var(--mb); } .trend.bp { stroke: var(--bp); }
.trend.qsbr { stroke: var(--qsbr); } .trend.nmi { stroke: var(--nmi); } .trend.srcu { stroke: var(--srcu); } circle { opacity: .75; } circle:hover { stroke: var(--fg); opacity: 1; }
.e { fill: var(--old); } .w { fill: var(--new); } .v { fill: var(--bad); } .h { fill: var(--reclaim); } .n, .u { fill: var(--idle); }
svg .mono { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 10px; } .band { fill: var(--card); } .edge { stroke: var(--line); fill: none; }
.bracket { stroke: var(--fg); fill: none; stroke-width: 1.5; } svg.map { min-width: 1180px; } .map rect { shape-rendering: crispEdges; }
.spread { stroke: var(--fg); stroke-width: 2; } .background { fill: var(--bg); } svg .title { font-size: 14px; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 0; } dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 600px) { body { padding: 10px; font-size: 14px; } .tiles { grid-template-columns: 1fr 1fr; } th { display: none; }
  table, tbody, tr, td { display: block; } tr { border-bottom: 1px solid var(--line); padding: 6px 0; } td, td.wrap { border: 0; padding: 1px 4px;
  text-align: right; white-space: normal; overflow-wrap: anywhere; min-width: 0; } td:empty { display: none; } td::after { content: ""; display: block; clear: both; }
  td::before { content: attr(data-head); float: left; color: var(--dim); padding-right: 16px; } dl { grid-template-columns: 1fr; } }
)css";

} // namespace nmisim
