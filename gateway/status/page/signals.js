// Draws what a logic analyser at the terminals would show: per input the settled level above, raw edges below. The
// gateway sends marks [µs, level]; level 2 is unknown.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id), root = $("signals");
  if (!root) return;
  const canvas = $("strips"), g = canvas.getContext("2d"), KEEP = 60e6, ROW = 76, TOP = 26;
  const rows = [...document.querySelectorAll("[data-input]")].map((tr) => ({
    id: tr.dataset.input, label: tr.dataset.label, where: tr.dataset.where, low: tr.dataset.low === "true",
    settle: Math.max(1, tr.dataset.settle) * 1000, raw: [], settled: [], cells: [...tr.querySelectorAll("td")],
  }));
  let now = 0, at = performance.now(), span = KEEP, frozen = 0, end = 0, cursors = [], stream, saved = [];

  const clock = () => now + (performance.now() - at) * 1000;
  const right = () => (frozen ? end : clock());
  const put = (e, s) => { if (e.textContent !== s) e.textContent = s; };
  const time = (us) => us >= 1e6 ? (us / 1e6).toFixed(us < 1e7 ? 2 : 1) + " s" : us >= 1e3 ? (us / 1e3).toFixed(us < 1e4 ? 2 : 1) + " ms" : Math.round(us) + " µs";

  // marks: first is the index of the mark that tells the level at t.
  const first = (marks, t) => {
    let lo = 0, hi = marks.length;
    while (lo < hi) { const mid = (lo + hi) >> 1; if (marks[mid][0] <= t) lo = mid + 1; else hi = mid; }
    return lo - 1;
  };
  const take = (m) => {
    now = m.now_us; at = performance.now();
    for (const s of m.signals || []) {
      const r = rows.find((r) => r.id === s.id);
      if (!r || frozen) continue;
      for (const k of ["raw", "settled"]) {
        r[k] = s.whole ? s[k] : r[k].concat(s[k]);
        r[k].splice(0, Math.max(0, first(r[k], now - KEEP)));
      }
    }
    tell();
    document.dispatchEvent(new CustomEvent("heard", { detail: { now: now / 1e6, wall: m.wall || 0 } }));
  };

  // measure what is in the picture.
  const measure = (r, from, to) => {
    const inside = (marks) => marks.slice(first(marks, from) + 1, first(marks, to) + 1);
    const raw = inside(r.raw).filter((m) => m[1] < 2), settled = inside(r.settled), on = r.low ? 0 : 1;
    let longest = 0, last = -1, begin = -1, pulses = 0, least = Infinity, most = 0;
    for (const [t] of raw) { // a burst is edges closer together than the settle time
      if (last < 0 || t - last > r.settle) begin = t;
      longest = Math.max(longest, t - begin);
      last = t;
    }
    settled.forEach(([t, level], i) => {
      if (level !== on) return;
      pulses++;
      const next = settled[i + 1];
      if (next && next[1] < 2) { least = Math.min(least, next[0] - t); most = Math.max(most, next[0] - t); }
    });
    const level = r.settled[first(r.settled, to)];
    return {
      on: !level || level[1] > 1 ? "unknown" : level[1] === on ? "on" : "off", edges: raw.length,
      bounces: Math.max(0, raw.length - settled.filter((m) => m[1] < 2).length), bounce: longest ? time(longest) : "–",
      pulses, width: most ? (least < most ? time(least) + " – " : "") + time(most) : "–",
    };
  };
  const tell = () => {
    const to = right();
    for (const r of rows) {
      const m = measure(r, to - span, to), [state, ...rest] = r.cells;
      put(state, state.getAttribute("data-word-" + m.on));
      state.className = "settled " + m.on;
      ["edges", "bounces", "bounce", "pulses", "width"].forEach((k, i) => put(rest[i], String(m[k])));
    }
    put($("span"), time(span).replace(/\.0+ /, " "));
    const [a, b] = cursors;
    put($("between"), b === undefined ? "" : "Δ " + time(Math.abs(b - a)));
  };

  const draw = () => {
    const dpr = devicePixelRatio || 1, w = canvas.clientWidth, h = TOP + rows.length * ROW;
    if (canvas.width !== Math.round(w * dpr) || canvas.height !== Math.round(h * dpr)) {
      canvas.width = w * dpr; canvas.height = h * dpr; canvas.style.height = h + "px";
    }
    const css = getComputedStyle(document.documentElement), c = (n) => css.getPropertyValue("--" + n);
    const to = right(), from = to - span, x = (t) => (t - from) / span * w;
    g.setTransform(dpr, 0, 0, dpr, 0, 0);
    g.fillStyle = c("card"); g.fillRect(0, 0, w, h);
    g.font = "14px system-ui, sans-serif"; g.textBaseline = "middle";
    // Time runs to the right; the scale counts back from the right edge.
    const step = [1, 2, 5].flatMap((k) => [...Array(9)].map((_, p) => k * 10 ** p)).sort((a, b) => a - b).find((s) => span / s <= w / 80) || 1e7;
    g.strokeStyle = c("line"); g.fillStyle = c("soft"); g.lineWidth = 1; g.textAlign = "center";
    const zero = frozen || to;
    for (let t = zero - Math.ceil((zero - from) / step) * step; t <= to; t += step) {
      g.beginPath(); g.moveTo(x(t), TOP - 6); g.lineTo(x(t), h); g.stroke();
      if (x(t) > 30 && x(t) < w - 24) g.fillText(zero - t < 1 ? "0" : "−" + time(zero - t).replace(/\.0+ /, " "), x(t), 10);
    }
    rows.forEach((r, i) => {
      const top = TOP + i * ROW;
      g.strokeStyle = c("line"); g.beginPath(); g.moveTo(0, top); g.lineTo(w, top); g.stroke();
      band(r, top + 28, 16, from, to, x, w, c);
      wave(r, top + 52, 18, from, to, x, w, c);
      g.textAlign = "left"; g.fillStyle = c("ink"); g.font = "650 14px system-ui, sans-serif";
      const name = r.label, wide = g.measureText(name).width;
      g.globalAlpha = .85; g.fillStyle = c("card"); g.fillRect(2, top + 4, wide + 12 + r.where.length * 8, 20); g.globalAlpha = 1;
      g.fillStyle = c("ink"); g.fillText(name, 6, top + 15);
      g.fillStyle = c("soft"); g.font = "13px ui-monospace, monospace"; g.fillText(r.where, 12 + wide, top + 15);
    });
    g.fillStyle = g.strokeStyle = c("active"); g.lineWidth = 1.5; g.setLineDash([5, 3]);
    for (const t of cursors) { g.beginPath(); g.moveTo(x(t), TOP - 4); g.lineTo(x(t), h); g.stroke(); }
    g.setLineDash([]);
  };
  // eachSpan calls f(x0, x1, level, mark) for every stretch of one level in the picture.
  const eachSpan = (marks, from, to, x, w, f) => {
    let i = first(marks, from);
    if (i < 0) { if (!marks.length) return f(0, w, 2); f(0, Math.min(w, x(marks[0][0])), 2); i = 0; }
    for (; i < marks.length && marks[i][0] < to; i++) {
      const next = marks[i + 1] ? marks[i + 1][0] : to;
      f(Math.max(0, x(marks[i][0])), Math.min(w, x(next)), marks[i][1]);
    }
  };
  const band = (r, y, h, from, to, x, w, c) => eachSpan(r.settled, from, to, x, w, (x0, x1, level) => {
    const wide = Math.max(1, x1 - x0);
    if (level > 1) { g.fillStyle = c("line"); for (let k = x0; k < x1; k += 8) g.fillRect(k, y, Math.min(4, x1 - k), h); }
    else if ((level === 1) !== r.low) { g.fillStyle = c("active"); g.fillRect(x0, y, wide, h); }
    else { g.fillStyle = c("line"); g.fillRect(x0, y + h - 3, wide, 3); }
  });
  const wave = (r, y, h, from, to, x, w, c) => {
    g.strokeStyle = c("ink"); g.lineWidth = 1.5; g.beginPath();
    let was;
    eachSpan(r.raw, from, to, x, w, (x0, x1, level) => {
      if (level > 1) { was = undefined; return; }
      const v = level ? y : y + h;
      if (was === undefined) g.moveTo(x0, v); else g.lineTo(x0, v);
      g.lineTo(x1, v);
      was = v;
    });
    g.stroke();
  };

  const freeze = (on) => {
    if (!!frozen === on) return;
    frozen = on ? clock() : 0; end = frozen;
    put($("freeze"), $("freeze").dataset[on ? "go" : "freeze"]);
    $("freeze").setAttribute("aria-pressed", on);
    saved.forEach(URL.revokeObjectURL);
    saved = [];
    for (const [id, path] of [["save-json", "/api/v1/signals"], ["save-vcd", "/api/v1/signals.vcd"]]) {
      const url = path + root.dataset.get;
      $(id).href = url;
      // What is frozen is what is saved, however much later that is.
      if (on) fetch(url).then((r) => r.ok && r.blob()).then((b) => { if (b && frozen) saved.push($(id).href = URL.createObjectURL(b)); }).catch(() => {});
    }
    if (!on) { cursors = []; close(); open(); }
  };
  const zoom = (by, about = right() - span / 2) => {
    const was = span;
    span = Math.min(KEEP, Math.max(1000, span * by));
    if (frozen) move(about + (end - about) * span / was - end);
  };
  const move = (by) => { end = Math.min(frozen, Math.max(frozen - KEEP + span, end + by)); };
  const pan = (by) => { freeze(true); move(by * span); };
  $("freeze").onclick = () => freeze(!frozen);
  $("zoom-in").onclick = () => zoom(.5);
  $("zoom-out").onclick = () => zoom(2);
  $("left").onclick = () => pan(-.5);
  $("right").onclick = () => pan(.5);
  $("all").onclick = () => { span = KEEP; if (frozen) move(0); };
  $("save-png").onclick = (e) => {
    draw();
    // A link needs its address before the click is over, so the picture is written at once.
    e.currentTarget.href = canvas.toDataURL("image/png");
  };
  const place = (e) => right() - span + (e.clientX - canvas.getBoundingClientRect().left) / canvas.clientWidth * span;
  canvas.addEventListener("wheel", (e) => { e.preventDefault(); zoom(e.deltaY > 0 ? 1.25 : .8, place(e)); }, { passive: false });
  let grip = null;
  canvas.addEventListener("pointerdown", (e) => { grip = { x: e.clientX, moved: false }; canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener("pointermove", (e) => {
    if (!grip || (!grip.moved && Math.abs(e.clientX - grip.x) < 8)) return;
    grip.moved = true;
    pan((grip.x - e.clientX) / canvas.clientWidth);
    grip.x = e.clientX;
  });
  canvas.addEventListener("pointerup", (e) => {
    if (grip && !grip.moved) { freeze(true); cursors = [...cursors.slice(-1), place(e)]; }
    grip = null;
  });

  const open = () => {
    if (stream || document.hidden) return;
    stream = new EventSource(root.dataset.stream);
    stream.addEventListener("signals", (e) => take(JSON.parse(e.data)));
    stream.addEventListener("error", () => {
      document.body.classList.remove("is-live");
      if (stream && stream.readyState === EventSource.CLOSED) { close(); setTimeout(open, 3000 + 4000 * Math.random()); }
    });
  };
  const close = () => { if (stream) stream.close(); stream = null; };
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  // Twenty pictures a second are smooth and cost a phone little; two are enough for who wants no motion.
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let drawn = 0;
  const frame = (t) => {
    if (t - drawn > (calm.matches ? 500 : 50)) { drawn = t; draw(); }
    requestAnimationFrame(frame);
  };
  setInterval(tell, 250);
  requestAnimationFrame(frame);
  open();
})();
