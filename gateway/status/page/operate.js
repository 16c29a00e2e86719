// Orders without leaving the page, and buttons that move something only while they are held.
"use strict";
(() => {
  const BEAT = 300;
  const post = async (path, values) => {
    const r = await fetch(path, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(values) });
    if (r.redirected || !r.ok) { location.href = "/login"; throw new Error(r.status); } // the session has ended
    return r.json();
  };
  const say = (box, o) => {
    const out = box.querySelector("output");
    out.className = "said-here " + o.tone;
    out.textContent = o.said;
  };
  for (const box of document.querySelectorAll("[data-device]")) {
    box.addEventListener("submit", async (e) => {
      e.preventDefault();
      const values = new FormData(e.target, e.submitter);
      e.submitter.disabled = true;
      try { say(box, await post("/operate", values)); } finally { e.submitter.disabled = false; }
    });
    for (const b of box.querySelectorAll("[data-hold]")) {
      let beat = 0;
      const ask = (more) => post("/operate/hold", { device: box.dataset.device, action: b.dataset.hold, ...more });
      const release = () => {
        if (!beat) return;
        clearInterval(beat);
        beat = 0;
        b.classList.remove("held");
        ask({ release: 1 }).then((o) => { if (!box.dataset.over) say(box, o); });
      };
      const press = (e) => {
        if (beat || e.button) return;
        e.preventDefault();
        delete box.dataset.over;
        b.classList.add("held");
        const go = async () => {
          const o = await ask({});
          if (!beat) return;
          say(box, o);
          if (o.over) { box.dataset.over = 1; release(); }
        };
        beat = setInterval(go, BEAT);
        if (e.pointerId !== undefined) b.setPointerCapture(e.pointerId);
        go();
      };
      b.hidden = false;
      b.addEventListener("pointerdown", press);
      for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur", "keyup"]) b.addEventListener(end, release);
      b.addEventListener("keydown", (e) => { if (!e.repeat && (e.key === " " || e.key === "Enter")) press(e); });
      b.addEventListener("contextmenu", (e) => e.preventDefault());
      document.addEventListener("visibilitychange", release);
      addEventListener("pagehide", release);
    }
  }
})();
