"use strict";
// Renews the state of a job request until every job has ended, whatever has the focus.
(() => {
  const state = document.getElementById("state");
  const said = document.getElementById("renewal");
  const every = 2000;
  const patience = 3;
  let failures = 0;

  const operable = () => [...state.querySelectorAll("a, button, [tabindex]")];
  const name = (element) => `${element.tagName} ${element.value || ""} ${element.className} ${element.getAttribute("aria-label") || ""}`;

  // What has the focus, and where tables are scrolled to, stays as it is.
  function show(html) {
    const active = state.contains(document.activeElement) ? name(document.activeElement) : null;
    const scrolled = [...state.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    state.innerHTML = html;
    state.querySelectorAll(".scroll").forEach((one, number) => { one.scrollLeft = scrolled[number] || 0; });
    if (active !== null) {
      const same = operable().find((one) => name(one) === active) || operable()[0];
      if (same) same.focus({ preventScroll: true });
    }
  }

  function tell(text, address) {
    said.hidden = !text;
    said.textContent = text;
    if (address) {
      const link = document.createElement("a");
      link.href = address;
      link.textContent = "Log in";
      said.append(" ", link);
    }
  }

  // Returns whether there is more to come.
  async function renew() {
    const answer = await fetch(state.dataset.source, { credentials: "same-origin", redirect: "manual", headers: { "X-Renews": "1" } });
    if (answer.type === "opaqueredirect") {
      tell("Your session has ended, so this page does not change any more.", state.dataset.login);
      return false;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const news = await answer.json();
    if (news.html !== state.dataset.shown) show(news.html);
    state.dataset.shown = news.html;
    state.dataset.final = String(news.final);
    failures = 0;
    tell("");
    return !news.final;
  }

  async function again() {
    let more = true;
    try {
      more = await renew();
    } catch (_error) {
      failures += 1;
      if (failures >= patience) tell("The job server does not answer. This page tries again by itself.");
    }
    if (more) setTimeout(again, document.hidden ? 5 * every : every);
  }
  setTimeout(again, every);
})();
