// SPDX-License-Identifier: MIT
//
// The look of the HTML report. Colours differ in lightness as well as in hue, and have a dark set.
#pragma once

namespace nmisim {

inline constexpr const char* html_style = R"css(
:root { color-scheme: light dark; --bg:#ffffff; --card:#f6f8fa; --fg:#1b1f24; --dim:#59636e; --line:#d1d9e0; --track:#eaeef2;
  --bar:#2f6fb0; --second:#e0a33e; --bad:#cf222e; --good:#1a7f37; --warn:#9a6700; --idle:#8c959f; --old:#8fb8de; --new:#2f6fb0;
  --wait:#e8d5a8; --reclaim:#9a8fd0; --on:#ffffff; }
@media (prefers-color-scheme: dark) { :root { --bg:#0d1117; --card:#161b22; --fg:#e6edf3; --dim:#9198a1; --line:#3d444d; --track:#21262d;
  --bar:#6cb6ff; --second:#d9a441; --bad:#ff6a69; --good:#3fb950; --warn:#d29922; --idle:#6e7681; --old:#33587d; --new:#6cb6ff;
  --wait:#5a4a20; --reclaim:#7a6fb8; --on:#0d1117; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 16px; background: var(--bg); color: var(--fg);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 32px 0 10px; } p { margin: 6px 0; }
.verdict { border-radius: 8px; padding: 14px 18px; background: var(--card); border-left: 8px solid var(--idle); }
.verdict.pass { border-color: var(--good); } .verdict.fail { border-color: var(--bad); }
.verdict.threshold, .verdict.incomplete { border-color: var(--warn); }
.word { font-weight: 700; } .pass .word, .ok { color: var(--good); } .fail .word, .no { color: var(--bad); }
.threshold .word, .incomplete .word { color: var(--warn); } .dim { color: var(--dim); }
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
td.wrap { white-space: normal; text-align: left; min-width: 220px; }
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
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 0; } dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 480px) { body { padding: 10px; font-size: 14px; } th, td { padding: 4px 7px; } .tiles { grid-template-columns: 1fr 1fr; }
  /* What a check saw stands below its name: beside it, it would be off the screen. */
  #checks table, #checks tbody { display: block; } #checks tr { display: grid; grid-template-columns: 3.2em 1fr auto;
    border-bottom: 1px solid var(--line); } #checks td { border: 0; white-space: normal; } #checks tr:first-child { display: none; }
  #checks td.wrap { grid-column: 1 / -1; min-width: 0; padding-top: 0; overflow-wrap: anywhere; } }
)css";

} // namespace nmisim
