// Keeps the page as the gateway is: replaces the parts that changed, counts the ages on, and says when it is out of
// touch. Without this script the page refreshes itself.
"use strict";
(() => {
  const body = document.body, words = body.dataset, $ = (id) => document.getElementById(id);
  let stream, heard = performance.now(), retry;
  // The gateway's own clock: seconds since its kernel booted, and the date if it knows one.
  let now = Number(words.now), wall = Number(words.wall), at = heard;

  const span = (kind, seconds) => {
    const s = Math.max(0, Math.floor(seconds));
    const [unit, n] = s < 60 ? ["S", s] : s < 3600 ? ["M", s / 60] : s < 172800 ? ["H", s / 3600] : ["D", s / 86400];
    return words[kind + unit].replace("{1}", Math.floor(n));
  };
  const two = (n) => String(n).padStart(2, "0");
  const clock = (d) => two(d.getHours()) + ":" + two(d.getMinutes()) + ":" + two(d.getSeconds());
  const put = (e, s) => { if (e.textContent !== s) e.textContent = s; };

  const when = (d) => (d.toDateString() === new Date(wall || Date.now()).toDateString() ? "" : two(d.getMonth() + 1) + "-" + two(d.getDate()) + " ") + clock(d);

  // show writes ages, dates and the clock below root.
  const show = (root) => {
    const passed = performance.now() - at, t = now + passed / 1000;
    for (const e of root.querySelectorAll("[data-ago]")) put(e, span("ago", t - e.dataset.ago));
    for (const e of root.querySelectorAll("[data-span]")) put(e, span("span", t - e.dataset.span));
    for (const e of root.querySelectorAll("[data-clock]")) if (wall) put(e, clock(new Date(wall + passed)));
    for (const e of root.querySelectorAll("[datetime]")) put(e, when(new Date(e.dateTime)));
  };

  const alive = () => {
    const silent = performance.now() - heard, old = silent > Number(words.oldAfter);
    body.classList.toggle("is-old", old);
    $("old").hidden = !old;
    if (old) put($("old"), words.old.replace("{1}", span("ago", silent / 1000)));
  };

  // A tap is not lost: while a finger is down nothing moves under it, and on the way to another page this one is not loaded
  // again, which would call that off.
  let held, holding, leaving = 0;
  const hold = (ms) => {
    held = held || [];
    clearTimeout(holding);
    holding = setTimeout(() => { const all = held; held = null; all.forEach(apply); }, ms);
  };
  addEventListener("pointerdown", () => hold(700), true); // longer is no tap, and its end may be lost to a menu
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => hold(100), true); // a click comes after it
  addEventListener("beforeunload", () => { leaving = performance.now() + 30000; }); // or to a file, and stays
  addEventListener("pageshow", () => { leaving = 0; });

  // A walk test is heard at the other end of the lane: high = passed, low = not.
  let audio, going, shown = new URLSearchParams(words.stream.split("?")[1]).get("have");
  const sound = (old, e) => {
    const beep = e && e.dataset.beep, next = e && e.dataset.next;
    if (!beep || old.dataset.beep === beep) return;
    if (next) going = setTimeout(() => step(next), 1500);
    if (!audio) return;
    const tone = audio.createOscillator(), volume = audio.createGain();
    tone.frequency.value = beep === "ok" ? 1320 : 330;
    volume.gain.value = .3;
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + (beep === "ok" ? .15 : .6));
    if (navigator.vibrate) navigator.vibrate(beep === "ok" ? 100 : 500);
  };
  // step asks for an input without leaving the page: a page that is left falls silent. The walk so far is in a form.
  let stepping = false; // a second tap asks for nothing more
  const step = async (point) => {
    clearTimeout(going); // somebody was faster
    if (stepping) return;
    stepping = true;
    const so = new URLSearchParams(new FormData($("step")));
    so.append("point", point);
    const plain = "/walk/step?" + so;
    so.append("have", shown);
    try {
      const r = await fetch("/walk/step?" + so, { headers: { Accept: "application/json" } }), m = await r.json();
      history.replaceState(null, "", m.href);
      words.stream = m.stream;
      shown = m.id;
      close();
      stepping = false;
      take(m);
      open();
    } catch { stepping = false; location.href = plain; }
  };
  document.addEventListener("submit", (e) => {
    if (e.target.id !== "step" || !e.submitter) return;
    e.preventDefault();
    step(e.submitter.value);
  });
  document.addEventListener("click", (e) => { if (e.target.closest && e.target.closest("[data-print]")) print(); });
  const find = $("find"), beeper = $("sound");
  if (find) { find.oninput = () => sift(document); find.parentElement.hidden = false; }
  if (beeper) beeper.onclick = () => { audio = audio ? (audio.close(), null) : new AudioContext(); beeper.setAttribute("aria-pressed", !!audio); };

  // sift hides what does not hold the words that somebody looks for.
  const sift = (root) => {
    const words = find ? find.value.toLowerCase().split(/\s+/) : [];
    for (const e of root.querySelectorAll(".module, .walkrow, tr[id^=w-], #h-events li")) {
      const all = e.textContent.toLowerCase();
      e.hidden = !words.every((w) => all.includes(w));
    }
  };

  const hear = (m) => {
    now = m.now; wall = m.wall || 0; at = heard = performance.now();
    body.classList.add("is-live");
    put($("live-word"), words.live);
    alive();
  };

  const take = (m) => {
    hear(m);
    if (held) held.push(m); else apply(m);
  };
  const apply = (m) => {
    if (m.layout !== words.layout && !stepping && performance.now() > leaving) return location.reload(); // devices came or went
    for (const [id, html] of Object.entries(m.parts || {})) {
      const old = $(id), t = document.createElement("template");
      t.innerHTML = html;
      if (!old) continue;
      show(t.content);
      sound(old, t.content.firstElementChild);
      sift(t.content);
      old.replaceWith(t.content);
      if (id === "p-verdict") document.title = $(id).dataset.title + " · " + words.site;
    }
  };
  document.addEventListener("heard", (e) => hear(e.detail)); // by a script with a stream of its own

  const open = () => {
    clearTimeout(retry);
    if (stream || document.hidden || !words.stream) return;
    stream = new EventSource(words.stream);
    stream.addEventListener("view", (e) => { shown = e.lastEventId; take(JSON.parse(e.data)); });
    stream.addEventListener("error", () => {
      body.classList.remove("is-live");
      // The browser comes back by itself unless it was refused.
      if (stream && stream.readyState === EventSource.CLOSED) { close(); retry = setTimeout(open, 3000 + 4000 * Math.random()); }
    });
  };
  const close = () => { if (stream) stream.close(); stream = null; };

  // A page in a pocket needs no updates, and others may need its place.
  document.addEventListener("visibilitychange", () => { if (document.hidden) { clearTimeout(retry); close(); } else open(); });
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  setInterval(() => { show(document); alive(); }, 1000);
  show(document);
  open();
})();
