// Shows what is new without a click: the hub says that something changed, and the page asks for itself again. Nothing on a page
// needs this; whoever is typing, or has chosen some text, is left alone.
(() => {
  const button = document.getElementById("live");
  if (!button || !window.EventSource) return;
  let source, paused = false, due = false, asking = false;
  const busy = () => document.hidden || !getSelection().isCollapsed || document.activeElement?.matches("main input, main select");
  const show = async () => {
    if (paused || asking || busy()) { due = true; return; }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-cache" });
      if (answer.status === 401) { source.close(); say("live: off, sign in again"); return; }
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of ["main", ".hub"]) {
        const [now, next] = [document.querySelector(part), page.querySelector(part)];
        if (now && next && now.innerHTML !== next.innerHTML) now.innerHTML = next.innerHTML;
      }
      document.title = page.title;
      due = false;
    } catch { due = true; } finally { asking = false; }
  };
  const say = (text) => { button.textContent = text; };
  const listen = () => {
    source = new EventSource("/live");
    source.onopen = () => say("live: on");
    source.onerror = () => say(source.readyState === EventSource.CLOSED ? "live: off, load this page again" : "live: waiting");
    source.onmessage = show;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(!paused));
    if (paused) { source.close(); say("live: off"); } else { listen(); show(); }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source.close(); else if (!paused) { listen(); show(); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.matches("input, textarea, select")) {
      event.preventDefault();
      document.querySelector("input[type=search]").focus();
    }
  });
  setInterval(() => { if (due) show(); }, 2000);
  listen();
})();
