// A cassette's connections as lanes, time to scale; a silence longer than FOLD is as wide as any other, and marked.
import { html, useEffect, useRef, useState } from "./lib.js";
import { seconds } from "./text.js";
import { IconButton } from "./widgets.js";

const FOLD = 3;
const FOLDED = 52;
const LANE = 24;
const LEFT = 64;
const TOP = 24;
const STEPS = [0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 3600];

export const laneOf = (row) => (row.http === undefined ? row.conn : "http");
export const kindOf = (row) => (row.wrong ? "wrong" : row.kind === "http" ? "http" : row.kind === "frame" ? row.from : "event");

// Stretches of time with something in them, and where each begins on the screen.
export function measure(rows, width, zoom) {
  const pieces = [];
  let start = 0;
  let last = 0;
  for (const { at } of rows) {
    if (at - last > FOLD) {
      pieces.push({ start, end: last, silence: at - last });
      start = at;
    }
    last = Math.max(last, at);
  }
  pieces.push({ start, end: last, silence: 0 });
  const busy = pieces.reduce((sum, piece) => sum + piece.end - piece.start, 0);
  const room = Math.max(200, width - LEFT - 28 - (pieces.length - 1) * FOLDED);
  const scale = (busy ? Math.min(4000, Math.max(0.5, room / busy)) : 100) * zoom;
  let x = LEFT;
  for (const piece of pieces) {
    piece.x = x;
    x += (piece.end - piece.start) * scale + FOLDED;
  }
  return { pieces, scale, width: x - FOLDED + 28 };
}

export function place(at, { pieces, scale }) {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pieces[middle].start <= at) low = middle;
    else high = middle - 1;
  }
  return pieces[low].x + (Math.min(at, pieces[low].end) - pieces[low].start) * scale;
}

// A canvas takes no light-dark(): the colours are read from elements that have them.
const NAMES = ["client", "server", "event", "http", "wrong", "text", "faint", "line", "fold", "accent"];

function paint(canvas, box, probe, view, rows, lanes, chosen, marked) {
  const colour = Object.fromEntries(NAMES.map((name, i) => [name, getComputedStyle(probe.children[i]).color]));
  const wide = box.clientWidth;
  const high = box.clientHeight;
  const scale = devicePixelRatio || 1;
  canvas.width = wide * scale;
  canvas.height = high * scale;
  canvas.style.width = `${wide}px`;
  canvas.style.height = `${high}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = `11px ${getComputedStyle(box).fontFamily}`;
  const left = box.scrollLeft;
  const top = box.scrollTop;
  pen.save();
  pen.beginPath();
  pen.rect(LEFT - 6, 0, wide, high);
  pen.clip();
  for (const { x, start, end, silence } of view.pieces) {
    const from = x - left;
    const to = from + (end - start) * view.scale;
    if (to + FOLDED < 0 || from > wide) continue;
    if (silence) {
      pen.fillStyle = colour.fold;
      pen.fillRect(to + 6, TOP - 3, FOLDED - 12, lanes.length * LANE + 3);
      pen.fillStyle = colour.faint;
      pen.textAlign = "center";
      pen.fillText(seconds(silence), to + FOLDED / 2, 13, FOLDED - 2);
    }
    pen.textAlign = "left";
    pen.fillStyle = colour.faint;
    const step = STEPS.find((one) => one * view.scale > 74) ?? 36000;
    let tick = Math.ceil(Math.max(start, start + (LEFT - from) / view.scale) / step) * step;
    for (; tick <= end && place(tick, view) - left < wide; tick += step) {
      const at = place(tick, view) - left;
      pen.fillRect(at, TOP - 6, 1, 4);
      if (at + 44 < to || !silence) pen.fillText(`${+tick.toFixed(3)} s`, at + 3, 13);
    }
  }
  const index = new Map(lanes.map((lane, i) => [lane, i]));
  for (const row of rows) {
    const x = place(row.at, view) - left;
    const y = TOP + (index.get(laneOf(row)) ?? 0) * LANE - top;
    if (x < LEFT - 8 || x > wide || y < TOP - LANE || y > high) continue;
    pen.fillStyle = colour[kindOf(row)];
    pen.globalAlpha = row.heartbeat ? 0.4 : 1;
    if (row.kind === "frame" || row.kind === "http") {
      pen.fillRect(x - 1, y + (row.from === "server" ? LANE / 2 : 3), 2.5, LANE / 2 - 4);
    } else {
      pen.beginPath();
      pen.arc(x, y + LANE / 2 - 1, 3, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
    if (marked?.has(row.line)) {
      pen.fillStyle = colour.wrong;
      pen.fillRect(x - 3, y + LANE - 4, 6, 2);
    }
    if (row === chosen) {
      pen.strokeStyle = colour.accent;
      pen.lineWidth = 1.5;
      pen.strokeRect(x - 5, y + 1, 10, LANE - 4);
    }
  }
  pen.restore();
  pen.textAlign = "left";
  lanes.forEach((lane, i) => {
    const y = TOP + i * LANE - top;
    if (y < TOP - LANE || y > high) return;
    pen.fillStyle = colour.text;
    pen.fillText(lane === "http" ? "HTTP" : `#${lane}`, 14, y + 15, LEFT - 20);
    pen.fillStyle = colour.line;
    pen.fillRect(0, y + LANE - 1, wide, 1);
  });
}

export function Lanes({ rows, all, chosen, onChoose, label, id = "lanes", marked = null }) {
  const box = useRef(null);
  const canvas = useRef(null);
  const probe = useRef(null);
  const [zoom, setZoom] = useState(1);
  const [width, setWidth] = useState(0);
  const lanes = [...new Set(all.filter((row) => row.kind !== "http" && row.conn !== undefined).map((row) => row.conn))];
  if (all.some((row) => row.kind === "http")) lanes.push("http");
  const view = measure(all, width || 600, zoom);
  const draw = () => paint(canvas.current, box.current, probe.current, view, rows, lanes, chosen, marked);
  useEffect(draw);
  useEffect(() => {
    const watch = new ResizeObserver(() => setWidth(box.current?.clientWidth ?? 0));
    watch.observe(box.current);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const again = () => setWidth((known) => known + 0.001);
    dark.addEventListener("change", again);
    const theme = new MutationObserver(again);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      watch.disconnect();
      theme.disconnect();
      dark.removeEventListener("change", again);
    };
  }, []);
  useEffect(() => {
    if (!chosen) return;
    const x = place(chosen.at, view);
    const { scrollLeft, clientWidth } = box.current;
    if (x < scrollLeft + LEFT || x > scrollLeft + clientWidth - 10) box.current.scrollLeft = x - clientWidth / 2;
  }, [chosen]);
  const stretch = (by) => setZoom((known) => Math.min(10_000, Math.max(0.2, known * by)));
  const step = (by) => {
    const at = chosen ? rows.indexOf(chosen) : by > 0 ? -1 : rows.length;
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (next) onChoose(next);
  };
  const key = (event) => {
    const deed = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), "+": () => stretch(1.5), "=": () => stretch(1.5), "-": () => stretch(1 / 1.5) }[event.key];
    if (!deed || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    deed();
  };
  const click = (event) => {
    const frame = box.current.getBoundingClientRect();
    const x = event.clientX - frame.left + box.current.scrollLeft;
    const lane = lanes[Math.floor((event.clientY - frame.top + box.current.scrollTop - TOP) / LANE)];
    let best = null;
    let least = 12;
    for (const row of rows) {
      const away = Math.abs(place(row.at, view) - x);
      if (laneOf(row) === lane && away < least) [best, least] = [row, away];
    }
    if (best) onChoose(best);
  };
  const high = Math.min(6, Math.max(1, lanes.length)) * LANE + TOP + 16;
  return html`<div class="lanes">
    <div class="zoom"><${IconButton} icon="minus" label="Less detail (-)" onClick=${() => stretch(1 / 1.5)} /><${IconButton} icon="plus" label="More detail (+)" onClick=${() => stretch(1.5)} /></div>
    <div id=${id} class="strip" ref=${box} tabindex="0" role="group" aria-label=${label} aria-description="Arrows go from frame to frame, plus and minus zoom; the list below has the same frames" style=${{ height: `${high}px` }} onScroll=${draw} onKeyDown=${key} onClick=${click}>
      <canvas ref=${canvas} aria-hidden="true"></canvas>
      <div class="room" style=${{ width: `${view.width}px`, height: `${TOP + lanes.length * LANE + 2}px` }}></div>
    </div>
    <span class="probe" ref=${probe} aria-hidden="true">${NAMES.map((name) => html`<i class=${name} key=${name}></i>`)}</span>
    <p class="legend" aria-hidden="true"><i class="client"></i>client <i class="server"></i>server <i class="event"></i>opened, closed <i class="http"></i>HTTP <i class="fold"></i>silence over ${FOLD} s, folded</p>
  </div>`;
}
