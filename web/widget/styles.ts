// The widget's own style, apart from the page's: same values as the portal's.
export const styles = `
:host { display: inline-block; }
.box {
  --text: #1a1f2b; --muted: #545e72; --surface: #fff; --edge: #7a8496; --line: #dce0e8;
  --accent: #1b55bd; --on-accent: #fff; --danger: #b3261e;
  box-sizing: border-box; display: flex; flex-direction: column; align-items: center; gap: 12px;
  padding: 16px; border: 1px solid var(--line); border-radius: 12px;
  background: var(--surface); color: var(--text); text-align: center;
  font: 15px/1.6 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', system-ui, sans-serif;
}
.box:lang(en) { font-family: system-ui, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif; }
@media (prefers-color-scheme: dark) {
  .auto { --text: #e8ebf1; --muted: #a6b0c1; --surface: #181d26; --edge: #717d91; --line: #2d3543;
    --accent: #86b4ff; --on-accent: #0b1a35; --danger: #ff998e; }
}
p { margin: 0; }
.title { display: grid; align-content: center; min-height: 3.2em; font-size: 17px; font-weight: 650; }
.stage { display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 12px; width: 300px; max-width: 100%; }
.white { display: grid; place-items: center; background: #fff; }
.code { display: block; image-rendering: pixelated; }
.code[hidden] { display: none; }
.foot { min-height: 1.6em; color: var(--muted); font-variant-numeric: tabular-nums; }
.match { display: flex; flex-direction: column; align-items: center; gap: 12px; }
.digits {
  width: 4em; padding: 4px 0; border: 2px solid var(--edge); border-radius: 8px; background: var(--surface); color: var(--text);
  font: 600 40px/1.2 ui-monospace, Consolas, monospace; text-align: center; letter-spacing: 0.2em;
}
.error { min-height: 1.6em; color: var(--danger); }
.button {
  min-height: 44px; padding: 4px 20px; border: 0; border-radius: 6px; background: var(--accent); color: var(--on-accent);
  font: inherit; font-weight: 550; cursor: pointer;
}
.quiet {
  min-height: 36px; padding: 2px 14px; border: 1px solid var(--edge); border-radius: 6px; background: var(--surface); color: var(--text);
  font: inherit; cursor: pointer;
}
.ways { display: flex; flex-wrap: wrap; justify-content: center; gap: 8px; }
.ways .quiet { flex: none; }
.note { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: center; gap: 0 6px; color: var(--muted); font-size: 14px; }
.note:empty { display: none; }
.typed { flex-basis: 100%; color: var(--text); font: 600 24px/1.6 ui-monospace, Consolas, monospace; letter-spacing: 0.08em; }
.link { color: var(--accent); }
.button:disabled, .quiet:disabled { opacity: 0.7; cursor: progress; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`
