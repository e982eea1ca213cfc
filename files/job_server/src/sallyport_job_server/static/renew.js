"use strict";
// Renews the state of a job request until every job has ended.
(() => {
  const state = document.getElementById("state");
  const every = 2000;
  async function renew() {
    try {
      const answer = await fetch(state.dataset.source, { credentials: "same-origin", redirect: "error", headers: { "X-Renews": "1" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const news = await answer.json();
      if (news.html !== state.dataset.shown && !state.contains(document.activeElement)) {
        state.innerHTML = news.html;
        state.dataset.shown = news.html;
      }
      state.dataset.final = String(news.final);
      if (news.final) {
        state.innerHTML = news.html;
        return;
      }
    } catch (_error) {
      // The next try may succeed.
    }
    setTimeout(renew, document.hidden ? 5 * every : every);
  }
  setTimeout(renew, every);
})();
